"""The Python interface: a workspace, its processes, and their answers as polars frames.

Frames have the same columns, dtypes and values whether the home is opened by this process or read through a service.
Times are UTC with microseconds, durations float seconds in columns that end in `_s`, shares 0 to 1. What one row is
and how rows are ordered is said by the function of the same name in `mining`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import urlsplit

import polars as pl

from api.loading import IngestOptions
from gembascope import frames
from gembascope.frames import frame_of, instant_of
from gembascope.selection import Filters, words_of
from gembascope.sending import bodies, events_of_rows, summed
from gembascope.trouble import Trouble
from gembascope.workspace import RemoteWorkspace, open_workspace
from gembascope.workspace import Workspace as Connection
from ingest.mapping import Mapping, read_mapping
from kernel.errors import InputError, MappingError, SettingsError
from kernel.settings import load_settings
from kpis.sla import SlaState, SlaSummary
from mining.answers import Document
from mining.cases import MAX_PAGE, Case
from mining.directly_follows import ProcessMap
from mining.summary import LogSummary

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

ALL_CONNECTIONS = 100_000
KINDS = ("map", "durations", "variants", "bottlenecks")


def connect(
    target: str | os.PathLike[str] | None = None, *, token: str | None = None, tenant: str | None = None
) -> Workspace:
    """The workspace of a home or a service; close it, or use it in a `with` block.

    Parameters
    ----------
    target
        A folder: that home. An http or https address: the service there. None: the home of GEMBASCOPE_HOME. A home
        is read through its service while one runs, and opened by this process otherwise.
    token
        A key of the service, as `gembascope keys create` shows it; GEMBASCOPE_API_KEY by default. A service on this
        machine that has no administrator yet needs none for reading.
    tenant
        The tenant in a home; GEMBASCOPE_TENANT by default. A service serves one tenant, so it is not asked.

    Raises
    ------
    SettingsError
        No key for a service elsewhere, a key for a home, a tenant for a service, or a wrong setting.
    HomeInUse
        Another process has the home open and serves nothing.
    """
    if isinstance(target, str) and urlsplit(target).scheme in ("http", "https"):
        if tenant is not None:
            raise SettingsError("a service serves one tenant: leave tenant out, or give the address of the other one")
        url = target.rstrip("/")
        secret = load_settings().api_key
        known = token or (secret.get_secret_value() if secret else None)
        if known is None and not _on_this_machine(url):
            raise SettingsError(f"{url} needs a key: pass token=, or set GEMBASCOPE_API_KEY")
        return Workspace(RemoteWorkspace(url, known))
    if token is not None:
        raise SettingsError("a key is for a service; a home needs none")
    home = Path(target) if target is not None else None
    return Workspace(open_workspace(load_settings(home=home, tenant=tenant)))


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a file's rows: received = stored + duplicate + quarantined + refused.

    `processes`: the processes that hold it. `guessed`: meanings to columns that were taken from the header.
    `already_loaded_at`: when the same file was loaded before, None for a new one. `readiness`: by process, what its
    log is fit for; one row per aspect with `count`, `share`, `meaning` and `attention` (whether it limits answers).
    `definition_problems`: of other processes, as `file:line: what is wrong`; those were not brought up to date.
    """

    received: int
    stored: int
    duplicate: int
    quarantined: int
    refused: int
    seconds: float
    processes: tuple[str, ...]
    guessed: Dict[str, str]
    already_loaded_at: datetime | None
    readiness: Dict[str, pl.DataFrame]
    definition_problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of events that were sent: received = accepted + those in quarantine. `quarantined`: one row each,
    with its `index` among those sent, `id` and `reason`. `receipts`: of the requests that they were sent in."""

    received: int
    accepted: int
    quarantined: pl.DataFrame
    receipts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantine:
    """What could not become events. `reasons`: one row per source, file and reason with the number of `pieces`.
    `entries`: the newest pieces themselves."""

    reasons: pl.DataFrame
    entries: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Durations:
    """`cases`: how long cases take, one row per state and one ("") for all. `activities`: how long activities
    themselves take, where their start is known."""

    cases: pl.DataFrame
    activities: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Model:
    """A discovered model: its process tree in one line, and as BPMN, PNML and SVG documents."""

    process_tree: str
    bpmn: str
    pnml: str
    svg: str


class Workspace(Trouble):
    """One home, or one service. What is in trouble and what is done about it: `gembascope.trouble`."""

    def processes(self) -> pl.DataFrame:
        """One row per process: `process` (id), `title`, `object_type`, `start`, `end`, `owner`; ordered by id."""
        return frame_of(self._connection.processes()["processes"], frames.PROCESSES)

    def process(self, process: str) -> Process:
        """A process by its id. Whether there is one shows with the first question."""
        return Process(self._connection, process)

    def ingest(
        self,
        path: str | os.PathLike[str],
        *,
        process: str,
        case: str | None = None,
        activity: str | None = None,
        time: str | None = None,
        guess: bool = False,
        timezone: str | None = None,
        mapping: Mapping | Dict[str, Any] | str | os.PathLike[str] | None = None,
        source: str | None = None,
    ) -> Report:
        """Load a file and bring its processes up to date; loading it again adds nothing.

        Parameters
        ----------
        path
            CSV, Parquet, NDJSON, XES, OCEL 1 or 2; .gz as well.
        process
            Process that the log belongs to; created when absent.
        case, activity, time, timezone
            Columns of a table, and the zone of stamps that carry none; they win over `mapping`.
        guess
            Fill gaps of the mapping from common headers; `guessed` of the report says how.
        mapping
            All columns by meaning: a `Mapping`, a dict of its fields, or a YAML file.
        source
            Source of the events; the process by default.

        Raises
        ------
        InputError
            The file cannot be read (`UnreadableFile`), its columns are not clear (`MappingError`), or too many of
            its rows are bad (`TooManyBad`).
        """
        file = Path(path)
        columns = {"case": case, "activity": activity, "time": time, "timezone": timezone}
        options = IngestOptions(
            process=process,
            file_name=file.name,
            source=source,
            mapping=_mapping(mapping, columns),
            accept_guess=guess,
        )
        return _report(self._connection.ingest(file, options))

    def send(self, events: Iterable[Dict[str, Any]] | pl.DataFrame, *, source: str = "") -> Delivery:
        """Send events as they happen: dicts with the fields of `POST /api/v1/events`, or a frame with such columns.

        Each has an `id` of its own, so sending again adds nothing. Times are aware. `source` is that of events which
        name none. They are kept when this returns; cases follow within seconds where a service runs.

        Raises
        ------
        InputError
            A value is none that JSON can hold.
        SpoolFull
            Too many events wait to be loaded: send these again later.
        """
        found = summed(self._connection.send(bodies(events_of_rows(events)), source))
        quarantined = frame_of(found["quarantined"], frames.REFUSED)
        return Delivery(found["received"], found["accepted"], quarantined, tuple(found["receipts"]))

    def quarantine(self, source: str | None = None, limit: int = 100) -> Quarantine:
        """The newest `limit` pieces that could not become events, and all of them counted by reason."""
        found = self._connection.quarantine(source, limit)
        return Quarantine(
            frame_of(found["reasons"], frames.QUARANTINE_REASONS), frame_of(found["entries"], frames.QUARANTINED)
        )

    def close(self) -> None:
        """Let go of the home, so that another process can open it."""
        self._connection.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Process:
    """One process. Every question takes the filters of `gembascope.selection.Filters` as keyword arguments.

    Raises `NotFound` for a process, case, activity or attribute that does not exist, `InputError` for a filter or an
    option that is not of its form, `BudgetExceeded` for a question that takes more than the home allows.
    """

    def __init__(self, connection: Connection, process: str) -> None:
        self._connection, self.id = connection, process

    def __repr__(self) -> str:
        return f"Process({self.id!r})"

    def log(self, **filters: Unpack[Filters]) -> LogSummary:
        """The log at a glance: `cases`, `events`, `activities`, `variants`, `first`, `last` and more."""
        found = self._ask("log", filters)
        del found["process"]
        return LogSummary(**found | {name: instant_of(found[name]) for name in ("first", "last")})

    def map(self, **filters: Unpack[Filters]) -> ProcessMap:
        """The directly-follows map: frames `edges` (with waits), `activities`, `starts` and `ends`."""
        found = self._ask("map", filters)
        return ProcessMap(
            frame_of(found["edges"], frames.EDGES),
            frame_of(found["activities"], frames.ACTIVITIES),
            frame_of(found["starts"], frames.STARTS_OR_ENDS),
            frame_of(found["ends"], frames.STARTS_OR_ENDS),
        )

    def variants(self, *, top: int = 20, all: bool = False, **filters: Unpack[Filters]) -> pl.DataFrame:
        """The paths that cases took, most frequent first: the `top` first ones, or all."""
        options = {"all": "true"} if all else {"top": str(top)}
        return frame_of(self._ask("variants", filters, **options)["variants"], frames.VARIANTS)

    def bottlenecks(self, *, top: int = 10, **filters: Unpack[Filters]) -> pl.DataFrame:
        """The steps that lose the most hours over their target."""
        return frame_of(self._ask("bottlenecks", filters, top=str(top))["bottlenecks"], frames.BOTTLENECKS)

    def cases(self, *, order: str = "longest", limit: int | None = 50, **filters: Unpack[Filters]) -> pl.DataFrame:
        """The first `limit` cases in one of the orders of `mining.cases.ORDERS`; None: all of them."""
        return frame_of(self._pages("cases", filters, limit, {"order": order}), frames.CASES)

    def case(self, case_id: str) -> Case:
        """One case: its state, variant and attributes, and the frames `events` in case order and `promises`."""
        found = self._connection.case(self.id, case_id)
        return Case(
            case=found["case"],
            state=found["state"],
            variant=found["variant"],
            attributes=found["attributes"],
            assumed=found["assumed_pairs"],
            events=frame_of(found["events"], frames.CASE_EVENTS),
            promises=frame_of(found["promises"], frames.PROMISES),
        )

    def durations(self, **filters: Unpack[Filters]) -> Durations:
        """How long cases and activities take."""
        found = self._ask("durations", filters)
        return Durations(
            frame_of(found["cases"], frames.DURATIONS), frame_of(found["activities"], frames.SERVICE_TIMES)
        )

    def rework(self, **filters: Unpack[Filters]) -> pl.DataFrame:
        """Activities done more than once in a case."""
        return frame_of(self._ask("rework", filters)["rework"], frames.REWORK)

    def handover(self, *, between: str = "actors", top: int = 1_000, **filters: Unpack[Filters]) -> pl.DataFrame:
        """Who hands over to whom; `between` is actors or sources (systems)."""
        found = self._ask("handover", filters, between=between, top=str(top))
        return frame_of(found["handovers"], frames.HANDOVERS)

    def discover(self, *, noise: float = 0.0, **filters: Unpack[Filters]) -> Model:
        """A model by the inductive miner; `noise` is the share of rare behaviour left out, 0 to 1."""
        found = self._ask("discover", filters, noise=repr(float(noise)))
        return Model(found["process_tree"], found["bpmn"], found["pnml"], found["svg"])

    def sla(self, *, promise: str | None = None, **filters: Unpack[Filters]) -> tuple[SlaSummary, ...]:
        """How each promise of the process is kept, or the one named, in the order of the definition."""
        found = self._ask("sla", filters, **({"promise": promise} if promise is not None else {}))
        return tuple(_summary(found, row) for row in found["promises"])

    def late(self, *, promise: str | None = None, limit: int | None = 50, **filters: Unpack[Filters]) -> pl.DataFrame:
        """The cases that are past due and not kept, those that lose most per hour first: the first `limit`, or with
        None all of them. `promise` may be left out where the process has one. Columns as in `kpis.sla.SlaPage`, with
        `case` for the case id."""
        options = {"late": "true"} | ({"promise": promise} if promise is not None else {})
        return frame_of(self._pages("sla/cases", filters, limit, options), frames.SLA_CASES)

    def readiness(self) -> pl.DataFrame:
        """What the log is fit for, said before any figure is trusted: one row per aspect."""
        return frame_of(self._connection.readiness(self.id)["readiness"], frames.READINESS)

    def events(self, **filters: Unpack[Filters]) -> pl.DataFrame:
        """The events of the selected cases, cases by id, each in case order; at most a million of them.

        `attributes` is JSON. Beyond a million events InputError asks for a narrower selection.
        """
        return self._connection.events(self.id, words_of(filters))

    def to_pm4py(self, **filters: Unpack[Filters]) -> pandas.DataFrame:
        """The selected events as the pandas frame that pm4py takes; see `mining.pm4py_bridge.to_pm4py`.

        Raises
        ------
        InputError
            No case is selected, or more than a million events are.
        """
        from mining.pm4py_bridge import pm4py_frame

        words = words_of(filters)
        events = self._connection.events(self.id, words)
        if events.is_empty():
            raise InputError(f"{self.id}: no case is selected, so there is no log to hand over")
        return pm4py_frame(events, self._connection.case_attributes(self.id, words))

    def figure(self, kind: str = "map", **filters: Unpack[Filters]) -> Figure:
        """A plotly figure: map, durations, variants or bottlenecks."""
        from gembascope import figures

        if kind == "map":
            bottlenecks = self.bottlenecks(top=3, **filters)
            return figures.map_figure(self.map(**filters), self.log(**filters).cases, bottlenecks)
        if kind == "durations":
            return figures.durations_figure(self.durations(**filters).cases)
        if kind == "variants":
            return figures.variants_figure(self.variants(**filters))
        if kind == "bottlenecks":
            return figures.bottlenecks_figure(self.bottlenecks(**filters))
        raise InputError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")

    def _pages(self, name: str, filters: Filters, limit: int | None, options: dict[str, str]) -> list[Document]:
        if limit is not None and limit < 1:
            raise InputError(f"limit: {limit} is not a whole number from 1 on")
        rows: list[Document] = []
        after: dict[str, str] = {}
        while limit is None or len(rows) < limit:
            page = MAX_PAGE if limit is None else min(MAX_PAGE, limit - len(rows))
            found = self._ask(name, filters, limit=str(page), **options, **after)
            rows += found["cases"]
            if found["next"] is None:
                break
            after = {"next": found["next"]}
        return rows

    def _ask(self, name: str, filters: Filters, **options: str) -> Document:
        return self._connection.answer(name, self.id, words_of(filters), options)


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _mapping(
    given: Mapping | Dict[str, Any] | str | os.PathLike[str] | None, columns: dict[str, str | None]
) -> Mapping:
    if isinstance(given, (str, os.PathLike)):
        given = read_mapping(Path(given))
    fields = given.model_dump() if isinstance(given, Mapping) else dict(given or {})
    try:
        return Mapping.model_validate(fields | {name: value for name, value in columns.items() if value is not None})
    except ValueError as error:
        raise MappingError(f"mapping: {'; '.join(str(error).splitlines()[1:3])}") from None


def _summary(answer: Document, found: Document) -> SlaSummary:
    def money(name: str) -> dict[str, Decimal]:
        return {row["currency"]: Decimal(row["value"]) for row in found[name]}

    now, oldest = instant_of(answer["now"]), instant_of(found["oldest_due"])
    if now is None:
        raise TypeError("an answer about promises has its instant")
    return SlaSummary(
        process=answer["process"],
        promise=found["promise"],
        now=now,
        cases={state: found[state] for state in SlaState},
        not_started=found["not_started"],
        void=found["void"],
        late_now=found["late_now"],
        kept_late=found["kept_late"],
        value_late=money("value_late"),
        value_at_risk=money("value_at_risk"),
        unpriced=found["unpriced"],
        lost_per_hour=money("lost_per_hour"),
        oldest_due=oldest,
    )


def _report(found: Document) -> Report:
    return Report(
        received=found["received"],
        stored=found["stored"],
        duplicate=found["duplicate"],
        quarantined=found["quarantined"],
        refused=found["refused"],
        seconds=found["seconds"],
        processes=tuple(found["processes"]),
        guessed=found["guessed"],
        already_loaded_at=instant_of(found["already_loaded_at"]),
        readiness={item["process"]: frame_of(item["readiness"], frames.READINESS) for item in found["readiness"]},
        definition_problems=tuple(found["definition_problems"]),
    )
