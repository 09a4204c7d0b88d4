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
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from api.loading import IngestOptions
from gembascope import frames
from gembascope.frames import frame_of, instant_of
from gembascope.process import Process
from gembascope.sending import bodies, events_of_rows, summed
from gembascope.trouble import Trouble
from gembascope.workspace import RemoteWorkspace, open_workspace
from ingest.mapping import Mapping, read_mapping
from kernel.errors import MappingError, SettingsError
from kernel.settings import load_settings
from mining.answers import Document

ALL_CONNECTIONS = 100_000


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
        process: str = "",
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
            CSV, Parquet, NDJSON, events as they are sent, XES, OCEL 1 or 2; .gz as well.
        process
            Process that the log belongs to; created when absent. Events as they are sent need none.
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
