"""One process of a workspace, and its answers as polars frames; of columns `gembascope.sdk` tells."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Unpack

import polars as pl

from gembascope import frames
from gembascope.frames import frame_of, instant_of
from gembascope.selection import Filters, words_of
from gembascope.workspace import Workspace as Connection
from kernel.errors import InputError
from kpis.sla import SlaState, SlaSummary
from mining.answers import Document
from mining.cases import MAX_PAGE, Case
from mining.directly_follows import ProcessMap
from mining.summary import LogSummary

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

KINDS = ("map", "durations", "variants", "bottlenecks")


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
