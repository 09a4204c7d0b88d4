"""Loading one file: recognise, read, map, store step by step, quarantine what is bad, account for every row.

A load can be stopped at any point and started again: what is stored stays, and nothing is stored twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from ingest.ahead import ahead
from ingest.erasing.tombstones import Tombstones
from ingest.files import NUMBERED, TABLES, XesKeys, open_log, open_table, recognise
from ingest.formats.base import BATCH_ROWS, Batch, Limits, Rejected
from ingest.mapping import Mapping, complete, zone
from ingest.occurrences import TIE, Occurrences
from ingest.quarantine import quarantine
from ingest.staging import ErasedMeanwhile, Origin, Step, staged
from ingest.store import EventStore
from ingest.table_events import TableMapper
from kernel.clock import Clock
from kernel.errors import InputError, TooManyBad
from kernel.events import EVENT_FRAME
from kernel.pseudonyms import Pseudonyms
from kernel.warehouse import Warehouse, load_query

STEP_ROWS = 200_000
"""Of a table: every step is a part on disk, and few parts need less merging. Of other files every batch is a step: to
read them takes longer than to store them, and small steps take little memory."""
STEP_BYTES = 32 << 20
UNMERGED_STEPS = 100
"""From here on a load lets the engine merge: questions about a log of too many parts would take too long."""
TOLERATED = 100
"""Bad rows that never stop a load, whatever share of a small file they are."""

Progress = Callable[[int, int], None]
"""Called with the bytes of the file that are read and all its bytes."""


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What to load and how. `source` defaults to the process: a file name is never the source."""

    path: Path
    process: str
    tenant: str
    source: str | None = None
    format: str | None = None
    mapping: Mapping = field(default_factory=Mapping)
    accept_guess: bool = False
    delimiter: str | None = None
    mode: str = "backfill"
    max_bad_share: float = 0.05
    pseudonym_key: str | None = None
    limits: Limits = field(default_factory=Limits)
    file_name: str | None = None  # as the user calls the file, when `path` is an upload

    @property
    def object_type(self) -> str:
        """The case notion of a log with one case per event."""
        return f"case:{self.process}"

    @property
    def shown_name(self) -> str:
        return self.file_name or self.path.name


@dataclass(slots=True)
class LoadReport:
    """What became of the rows of one file: received = stored + duplicate + quarantined + refused.

    `object_types`: of the objects that the source tells of. `changed_types`: of all that its loads changed, both ends
    of links and objects that an event was taken from included; None, for any, when steps of other loads were finished
    first.
    """

    file: str
    format: str
    process: str
    source: str
    load_id: str
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    refused: int = 0
    conflicts: int = 0
    already_loaded_at: datetime | None = None
    object_types: list[str] = field(default_factory=list)
    changed_types: frozenset[str] | None = None
    guessed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Step:
    """What the next part of the file brings, if anything, and what cannot be kept of it."""

    content: Step | None
    rejected: list[Rejected]
    bytes_read: int


class Load:
    """One load, run once by `run`. UnreadableFile when the file has none of the formats."""

    def __init__(self, warehouse: Warehouse, clock: Clock, request: LoadRequest) -> None:
        self._warehouse, self._clock, self._request = warehouse, clock, request
        self._store = EventStore(warehouse, clock)
        self._tombstones = Tombstones(warehouse, request.tenant)
        self._occurrences = Occurrences()
        self._ties = Occurrences(TIE)
        self._numbered = False
        self._step_rows = BATCH_ROWS
        self._repaired = False
        self._own: int | None = 0  # stored so far; None when a later event of the file may be one of them
        self._started_at = clock.now()
        self._mapping = request.mapping
        self.kind = request.format or recognise(request.path, request.limits)
        """The format of the file, one of FORMATS."""

    def run(self, progress: Progress | None = None) -> LoadReport:
        """Load the file.

        Raises
        ------
        InputError
            The file cannot be read (`UnreadableFile`), its columns are not clear (`MappingError`), or more rows
            are bad than allowed (`TooManyBad`). What was stored before stays; loading again continues.
        """
        try:
            return self._run(progress)
        except ErasedMeanwhile:  # what was read ahead knows nothing of it: the file is read again
            return Load(self._warehouse, self._clock, self._request).run(progress)

    def _run(self, progress: Progress | None) -> LoadReport:
        request = self._request
        batches, report = self._open(self.kind)
        self._repaired = self._store.repair(request.tenant, report.load_id) > 0
        if self._finished_before(report):
            return report
        self._record(report, "running")
        origin = Origin(
            request.tenant,
            report.source,
            report.load_id,
            request.mode,
            zone(self._mapping.timezone) if self._mapping.timezone else None,
        )
        total = request.path.stat().st_size
        try:
            with ExitStack() as merges, closing(ahead(self._steps(batches, origin, report))) as made:
                merges.enter_context(self._warehouse.merges_put_off())
                for number, step in enumerate(made):
                    if number == UNMERGED_STEPS:
                        merges.close()
                    self._store_step(step, origin, report)
                    if progress is not None:
                        progress(step.bytes_read, total)
        except InputError:
            self._count(report)
            self._record(report, "stopped")
            raise
        self._count(report)
        self._record(report, "done")
        return report

    def _open(self, kind: str) -> tuple[Iterator[Batch], LoadReport]:
        request = self._request
        guessed: dict[str, str] = {}
        self._numbered = kind in NUMBERED or request.mapping.sequence is not None
        if kind in TABLES:
            self._step_rows = STEP_ROWS
            reader = open_table(kind, request.path, request.limits, request.delimiter)
            self._mapping = complete(request.mapping, reader.columns(), accept_guess=request.accept_guess)
            guessed = {
                name: value
                for name, value in self._mapping
                if value is not None and getattr(request.mapping, name) is None
            }
            mapper = TableMapper(self._mapping, request.object_type)
            batches = _table_batches(reader, mapper)
        else:
            keys = XesKeys(
                case=self._mapping.case or "concept:name",
                activity=self._mapping.activity or "concept:name",
                time=self._mapping.time or "time:timestamp",
                start=self._mapping.start,
            )
            time_zone = zone(self._mapping.timezone) if self._mapping.timezone else None
            log = open_log(
                kind,
                request.path,
                request.limits,
                object_type=request.object_type,
                zone=time_zone,
                keys=keys,
                source=request.source or request.process,
                now=self._started_at,
            )
            batches = log.batches()
        source = request.source or request.process or kind  # a name for the load: events name their sources themselves
        return batches, LoadReport(
            request.shown_name, kind, request.process, source, self._load_id(kind, source), guessed=guessed
        )

    def _load_id(self, kind: str, source: str) -> str:
        request = self._request
        with request.path.open("rb") as stream:
            self._sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        key = hashlib.blake2b((request.pseudonym_key or "").encode(), digest_size=8).hexdigest()
        parts = [request.tenant, source, kind, self._sha256, request.process, self._mapping_text(), key]
        return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()

    def _mapping_text(self) -> str:
        return self._mapping.model_dump_json(exclude_defaults=True)

    def _finished_before(self, report: LoadReport) -> bool:
        """Whether exactly this file was loaded in this way; then every stored row of it is a duplicate now."""
        scope = {"tenant": self._request.tenant, "load_id": report.load_id}
        found = self._warehouse.read_for_write(load_query(__file__, "finished_load"), scope)
        if found.is_empty():
            return False
        row = found.row(0, named=True)
        report.received, report.quarantined, report.refused = row["received"], row["quarantined"], row["refused"]
        report.duplicate = row["stored"] + row["duplicate"]
        report.already_loaded_at = row["ended_at"]
        self._name_types(report)
        return True

    def _name_types(self, report: LoadReport) -> None:
        """Of all loads of the source: one that was ended before its processes were brought up to date leaves it to the
        next, for which its rows are no longer new."""
        scope = {"tenant": self._request.tenant, "source": report.source}
        found = self._warehouse.read_for_write(load_query(__file__, "object_types"), scope)
        report.object_types = found["object_type"].to_list()
        if not self._repaired:
            report.changed_types = self._store.changed_types(**scope)

    def _steps(self, batches: Iterator[Batch], origin: Origin, report: LoadReport) -> Iterator[_Step]:
        """The batches as load steps, counted and made ready by the thread that reads. What was read before an error
        of the file comes first, then the error."""
        pending: list[Batch] = []
        with _closed(batches):
            try:
                for batch in batches:
                    report.received += batch.events.height + len(batch.rejected)
                    report.quarantined += len(batch.rejected)
                    pending.append(batch)
                    self._check_share(batch, report)
                    if _rows(pending) >= self._step_rows or _size(pending) >= STEP_BYTES:
                        yield self._step(pending, origin, report)
            except InputError:
                if pending:
                    yield self._step(pending, origin, report)
                raise
            if pending:
                yield self._step(pending, origin, report)

    def _store_step(self, step: _Step, origin: Origin, report: LoadReport) -> None:
        if step.rejected:
            self._quarantine(step.rejected, origin, report)
        if step.content is not None:
            if not step.content.counted or step.content.names.get("source", [origin.source]) != [origin.source]:
                self._own = None
            stored = self._store.store_step(origin, step.content, own=self._own).stored
            if self._own is not None:
                self._own += stored

    def _quarantine(self, rejected: list[Rejected], origin: Origin, report: LoadReport) -> None:
        """Keep what could not become events, but for what holds what is erased by now; that is counted all the same."""
        with self._warehouse.writing():
            scrub = Tombstones(self._warehouse, origin.tenant).scrub()
            kept = rejected if scrub is None else [piece for piece in rejected if not scrub.holds_piece(piece)]
            if kept:
                quarantine(
                    self._warehouse,
                    self._clock,
                    tenant=origin.tenant,
                    load_id=origin.load_id,
                    source=origin.source,
                    file_name=report.file,
                    rejected=kept,
                    keep_raw=self._request.pseudonym_key is None,
                )

    def _check_share(self, batch: Batch, report: LoadReport) -> None:
        share = self._request.max_bad_share
        if report.quarantined > max(TOLERATED, share * report.received):
            first = batch.rejected[0] if batch.rejected else None
            example = f"; for example {first.position}: {first.reason}" if first else ""
            raise TooManyBad(
                f"{report.file}: {report.quarantined} of the first {report.received} rows are bad, more than "
                f"{share:.1%}{example}. Mend the mapping or the file, or allow more with --max-bad; "
                "`gembascope quarantine` lists them"
            )

    def _step(self, pending: list[Batch], origin: Origin, report: LoadReport) -> _Step:
        """The batches as one step; they are let go."""
        events = (
            pl.concat([batch.events for batch in pending], how="diagonal") if len(pending) > 1 else pending[0].events
        )
        objects = pl.concat([batch.objects for batch in pending])
        links = pl.concat([batch.links for batch in pending])
        rejected = [piece for batch in pending for piece in batch.rejected]
        bytes_read = pending[-1].bytes_read
        pending.clear()
        if events.is_empty() and objects.is_empty() and links.is_empty():
            return _Step(None, rejected, bytes_read)
        if self._request.pseudonym_key is not None:
            events = pseudonymise(events, Pseudonyms(self._request.pseudonym_key, self._request.tenant))
        if "source" in events.columns:  # where the file names the systems, of some events perhaps
            events = events.with_columns(pl.col("source").fill_null(report.source))
        if not self._numbered and not events.is_empty():
            # A row's place in the file moves from export to export; its place among the rows of its case and
            # instant does not, and nothing else is ordered by it.
            events = events.with_columns(self._ties.of(events).alias("sequence"))
        if "own_sequence" in events.columns:  # an XES export of ours: numbers of the source, where it says so
            numbers = pl.coalesce("own_sequence", "sequence").alias("sequence")
            events = events.with_columns(numbers).drop("own_sequence")
        scrub = self._tombstones.scrub()
        if scrub is not None:  # rows are counted as they are kept, and have the places that they had
            events, objects, links = scrub.events(events)[0], scrub.objects(objects), scrub.links(links)
        erased = scrub.count if scrub is not None else 0
        content = staged(
            origin, events, self._occurrences.of(events), objects, links, now=self._clock.now(), erased=erased
        )
        return _Step(content, rejected, bytes_read)

    def _count(self, report: LoadReport) -> None:
        """Stored is what the finished steps of this load hold, those of an interrupted run of it included."""
        total = self._store.stored_by(self._request.tenant, report.load_id)
        report.stored, report.conflicts = total.stored, total.conflicts
        report.duplicate = report.received - report.stored - report.quarantined - report.refused
        self._name_types(report)

    def _record(self, report: LoadReport, state: str) -> None:
        now = self._clock.now()
        row: dict[str, Any] = {
            "tenant": self._request.tenant,
            "load_id": report.load_id,
            "version": int(now.timestamp() * 1_000_000) + {"running": 0, "stopped": 1, "done": 2}[state],
            "source": report.source,
            "process": report.process,
            "file_name": report.file,
            "file_sha256": self._sha256,
            "mapping": self._mapping_text(),
            "state": state,
            "started_at": self._started_at,
            "ended_at": None if state == "running" else now,
        }
        counts = ("received", "stored", "duplicate", "quarantined", "refused", "conflicts")
        row |= {name: max(getattr(report, name), 0) for name in counts}
        self._warehouse.command(load_query(__file__, "record_load"), row)


def _table_batches(reader: Any, mapper: TableMapper) -> Iterator[Batch]:
    for piece in reader.pieces():
        batch = mapper.apply(piece.frame, piece.rows)
        batch.rejected = [*piece.rejected, *batch.rejected]
        batch.bytes_read = piece.bytes_read
        yield batch


def _rows(pending: list[Batch]) -> int:
    return sum(batch.events.height + batch.objects.height + len(batch.rejected) for batch in pending)


def _size(pending: list[Batch]) -> int:
    return sum(int(batch.events.estimated_size()) for batch in pending)


@contextmanager
def _closed(batches: Iterator[Batch]) -> Iterator[None]:
    """Close a reader that is a generator, and with it its file, where it is left before its end."""
    try:
        yield
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()


def pseudonymise(events: pl.DataFrame, pseudonyms: Pseudonyms) -> pl.DataFrame:
    """The events with pseudonyms for actors."""
    names = [name for name in events["actor"].unique(maintain_order=True) if name]
    hidden = {name: pseudonyms.of(name) for name in names}
    replaced = events["actor"].replace_strict(hidden, default=events["actor"]) if hidden else events["actor"]
    return events.with_columns(replaced.cast(EVENT_FRAME["actor"]).alias("actor"))
