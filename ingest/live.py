"""Events at run time: accepted into the spool, loaded from it in large steps, verified, marked.

A sender is answered when its events are on disk; the warehouse may be away meanwhile. Loading can be killed at any
point: what is not marked is loaded again as the same step, whose events are known by their ids, and what the step
stored before counts as new, not as repeated.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ingest.erasing.erasing import Erasing
from ingest.erasing.tombstones import Tombstones
from ingest.event_form import Refused
from ingest.event_rows import Sent
from ingest.events_json import read_events
from ingest.formats.base import Rejected
from ingest.quarantine import quarantine
from ingest.spool import Spool, Taken
from ingest.spool_beside import Besides
from ingest.spool_payload import Waiting, together
from ingest.staging import ErasedMeanwhile, Origin, staged
from ingest.store import EventStore
from kernel.clock import Clock
from kernel.errors import GembascopeError, InputError, WarehouseError
from kernel.warehouse import Warehouse

IDLE_S = 0.5
"""How soon what another process accepted is found."""
ENOUGH = 10_000
"""Events for which a load is worth what it costs by itself, however few they are: some thirty statements."""
GATHERED, LONGEST_GATHERING_S = 3.0, 1.0
"""After a load of fewer, what comes is gathered for so many times as long as it took, and no longer than that: events
that come one by one would else be loaded one by one, all the time."""
TELL_AFTER_S = 1.0
"""How long a backlog is loaded before those who wait for it are told."""
SWEEP = timedelta(minutes=1)
"""How often steps are looked for that another process has begun and not finished: the paths of cases wait for them."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
DATA_CODES = frozenset({6, 26, 27, 32, 38, 41, 53, 69, 70, 72, 117, 128, 131, 190, 321, 349, 407, 691})
"""ClickHouse's codes for data that it does not take. Any other error is of the warehouse, and passes."""
SHOWN_AS = "events"
"""What quarantined events have for a file name."""

log = logging.getLogger("gembascope.ingest")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a request: received = accepted + refused. Whether the accepted ones are new shows when they are
    loaded."""

    receipt: str  # "" for an empty request
    received: int
    accepted: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class LoadedStep:
    """Events are in the warehouse. `object_types`: of all that they changed, the objects of copies that they correct
    and both ends of links included; None when that is not known, because a process that loaded some was ended before it
    said so."""

    tenant: str
    object_types: frozenset[str] | None


COUNTED = ("received", "stored", "duplicate", "quarantined", "refused", "in_spool")

OnLoaded = Callable[[LoadedStep], None]


class LiveIngest:
    """Events of one tenant at run time. `alone`: no other process can have the warehouse open (the embedded one).
    `on_loaded` are called in the thread that loads; they must be safe to call again."""

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        spool: Spool,
        tenant: str,
        *,
        alone: bool,
        on_loaded: Sequence[OnLoaded] = (),
    ) -> None:
        self._warehouse, self._clock, self._tenant, self._alone = warehouse, clock, tenant, alone
        self.spool = spool
        self._on_loaded = tuple(on_loaded)
        self._store = EventStore(warehouse, clock)
        self._tombstones = Tombstones(warehouse, tenant)
        self.erasing = Erasing(warehouse, clock, spool, tenant, self._tombstones)
        self._term = 0
        self._swept_at: datetime | None = None
        self._untold: set[str] | None = None  # object types; None: any
        self._untold_steps = True
        self._telling = False
        self._loading = threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    # Accepting -----------------------------------------------------------------------------------------------

    def accept(self, body: bytes, source: str = "") -> Receipt:
        """Keep the events of a request (`ingest.events_json`); they are on disk when this returns.

        Raises
        ------
        InputError
            The body is no array of events; nothing is kept.
        SpoolFull
            Too many wait already.
        """
        parts = read_events(body, source, self._clock.now())
        if not parts:
            return Receipt("", 0, 0, ())
        receipt = self.spool.accept(self._tenant, parts)
        self.noticed()
        refused = sorted((one for part in parts for one in part.refused), key=lambda one: one.index)
        accepted = sum(part.accepted for part in parts)
        return Receipt(receipt, accepted + len(refused), accepted, tuple(refused))

    def keep(self, parts: Sequence[Sent], besides: Besides) -> str:
        """Keep events that were checked already, and what is beside them; as `Spool.accept`."""
        receipt = self.spool.accept(self._tenant, parts, besides)
        self.noticed()
        return receipt

    def noticed(self) -> None:
        """Something was put into the spool: load it soon."""
        self._wake.set()

    def status(self) -> list[dict[str, Any]]:
        """One row per source, ordered by source: the counts of its account, `last_occurred_at`, `last_seen_at` and
        `lag_s`, seconds since its last event happened."""
        now = self._clock.now()
        rows = []
        for account in self.spool.accounts(self._tenant):
            row = {name: getattr(account, name) for name in ("source", *COUNTED)}
            for name in ("last_occurred_at", "last_seen_at"):
                moment = getattr(account, name)
                row[name] = moment.isoformat().replace("+00:00", "Z") if moment is not None else None
            last = account.last_occurred_at
            row["lag_s"] = max((now - last).total_seconds(), 0.0) if last is not None else None
            rows.append(row)
        return rows

    # Loading in the background -------------------------------------------------------------------------------

    def start(self) -> None:
        """Load from now on, beginning with what an earlier process left."""
        self._thread = threading.Thread(target=self._run, name="live-ingest", daemon=True)
        self._thread.start()

    @property
    def in_background(self) -> bool:
        """Whether a thread of its own loads."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Load what waits, once, and end. What cannot be loaded stays in the spool."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self.drain()
            self.spool.resign(self._tenant)
        except GembascopeError as error:
            log.warning("events stay in the spool until the next start: %s", error)

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stopping.is_set():
            self._wake.clear()
            begun = time.monotonic()
            try:
                loaded = self.drain()
            except GembascopeError as error:
                log.warning("%s in %.1f s: %s", "telling" if self._telling else "loading", pause, error)
                # What cannot be told keeps no event waiting; a warehouse that is away is not asked for each of them.
                (self._wake if self._telling else self._stopping).wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
                continue
            except Exception:
                log.exception("loading goes on in %.1f s", LONGEST_PAUSE_S)
                self._stopping.wait(LONGEST_PAUSE_S)
                continue
            pause = FIRST_PAUSE_S
            if 0 < loaded < ENOUGH:
                self._stopping.wait(min(GATHERED * (time.monotonic() - begun), LONGEST_GATHERING_S))
            self._wake.wait(IDLE_S)

    def drain(self) -> int:
        """Load everything that waits and tell of it; how many events were loaded. Where another process loads, 0.

        Raises
        ------
        WarehouseError
            The warehouse is away or refuses; what is not loaded stays in the spool. Or what is loaded could not be
            told: it will be, with what comes next.
        """
        with self._loading:
            self._telling = False
            with self._repairing():
                loaded, leads = self._load_all()
            if leads:
                self._telling = True
                self._tell()
                self._erase()
            return loaded

    @contextmanager
    def _repairing(self) -> Iterator[None]:
        """What fails in here is finished before the next step."""
        try:
            yield
        except BaseException:
            self._swept_at = None
            raise

    def _erase(self) -> None:
        """Erase what was ordered, when all that waited is loaded and told."""
        with self._repairing():
            self._changed(self.erasing.begin())
        self._tell()
        self.erasing.finish()

    def _load_all(self) -> tuple[int, bool]:
        """Load what waits: how many events, and whether this process is the one that loads."""
        loaded, since = 0, self._clock.now()
        while self.spool.lead(self._tenant, alone=self._alone):
            self._follow_others()
            since_swept = self._clock.now() - self._swept_at if self._swept_at is not None else SWEEP
            if not timedelta() <= since_swept < SWEEP:  # the clock may have been set back
                self._repair()
                self._changed(self.erasing.resume())
                self._swept_at = self._clock.now()
            taken = self.spool.take(self._tenant)
            if taken is None:
                return loaded, True
            try:
                self._load(taken)
            except ErasedMeanwhile:  # by another process: it is made ready anew
                self._tombstones.changed()
                continue
            loaded += taken.events
            if (self._clock.now() - since).total_seconds() >= TELL_AFTER_S:
                with suppress(GembascopeError):  # it is tried again, and heard of, when all is loaded
                    self._tell()
                since = self._clock.now()
        return loaded, False

    def _follow_others(self) -> None:
        """When this process leads anew: what another began meanwhile it may not have finished, nor told what it loaded,
        and what it erased is not known here."""
        if self._term != (term := self.spool.term(self._tenant)):
            self._term = term
            self._swept_at, self._untold, self._untold_steps = None, None, True
            self._tombstones.changed()

    def _repair(self, step: str = "") -> None:
        if self._store.repair(self._tenant, step):
            self._untold = None  # what was left may be of another load

    # One step ------------------------------------------------------------------------------------------------

    def _load(self, taken: Taken) -> None:
        waiting = together(taken.entries)
        scrub = self._tombstones.scrub()
        if scrub is not None:  # what is taken out counts as a duplicate: it was stored once, or never will be
            waiting = scrub.waiting(waiting)
        origin = Origin(self._tenant, taken.source, taken.step, "live")
        if taken.again:
            self._repair(taken.step)
        stored, conflicts, poison = self._stored(origin, waiting)
        if taken.again:  # another process may have begun it only now, after it had stood still
            self._repair(taken.step)
        pieces = [
            Rejected(f"request {receipt}, event {one.index}", one.reason, one.raw, one.key, one.headers)
            for receipt, one in waiting.refused
        ]
        pieces += poison
        if pieces:
            quarantine(
                self._warehouse,
                self._clock,
                tenant=self._tenant,
                load_id=taken.step,
                source=taken.source,
                file_name=SHOWN_AS,
                rejected=pieces,
                keep_raw=True,
            )
        if taken.again or poison:  # parts of it may have been stored by what did not end well
            stored = self._store.stored_by(self._tenant, taken.step).stored
        changed: frozenset[str] = frozenset()
        if conflicts or taken.again:  # what is corrected may be taken from objects that only its other copies name
            changed = self._store.changed_types(self._tenant, taken.source, taken.step)
        kept = len({(piece.position, piece.raw) for piece in poison})  # the others are copies, which it holds once
        self.spool.mark(self._tenant, taken, stored=stored, quarantined=kept)
        self._note(waiting, changed)

    def _stored(self, origin: Origin, waiting: Waiting) -> tuple[int, int, list[Rejected]]:
        """Store the events of a step: how many are new, how many have copies with other content, and those that the
        warehouse does not take, which are found by halving the step."""
        count = waiting.events.height
        if count == 0 and waiting.objects.is_empty() and waiting.links.is_empty():
            return 0, 0, []
        occurrence = pl.zeros(count, pl.UInt64, eager=True)  # they have ids: none is known by how often it came
        objects, links = waiting.objects.drop("row"), waiting.links.drop("row")
        try:
            erased = scrub.count if (scrub := self._tombstones.scrub()) is not None else 0
            step = staged(origin, waiting.events, occurrence, objects, links, now=self._clock.now(), erased=erased)
            found = self._store.store_step(origin, step)
            return found.stored, found.conflicts, []
        except (InputError, WarehouseError) as error:
            if isinstance(error, WarehouseError) and error.code not in DATA_CODES:
                raise
            self._repair(origin.load_id)
            if count == 0:  # what events told besides that are none any more
                return 0, 0, []
            if count == 1:
                return 0, 0, [_poison(waiting.events, str(error))]
        half = count // 2
        parts = [self._stored(origin, waiting.rows(*bounds)) for bounds in ((0, half), (half, count))]
        return (
            sum(stored for stored, _, _ in parts),
            sum(conflicts for _, conflicts, _ in parts),
            [piece for _, _, pieces in parts for piece in pieces],
        )

    # Telling -------------------------------------------------------------------------------------------------

    def _note(self, waiting: Waiting, changed: frozenset[str]) -> None:
        """Remember what is to be told: the types that a step names, and those of what it changed besides."""
        self._untold_steps = True
        if self._untold is not None:
            named = waiting.events["objects"].explode(empty_as_null=False).struct.field("type").unique()
            ends = (waiting.links["from_type"], waiting.links["to_type"], waiting.objects["type"])
            self._untold.update(changed, *(found.unique() for found in (named, *ends)))

    def _changed(self, types: frozenset[str]) -> None:
        """Remember to tell of objects that were changed without an event, of these types."""
        if types:
            self._untold_steps = True
            if self._untold is not None:
                self._untold.update(types)

    def _tell(self) -> None:
        """Call those who wait for events. One that fails is called again with what comes next."""
        if not self._untold_steps:
            return
        step = LoadedStep(self._tenant, None if self._untold is None else frozenset(self._untold))
        for told in self._on_loaded:
            told(step)
        self._untold, self._untold_steps = set(), False


def _poison(event: pl.DataFrame, reason: str) -> Rejected:
    """An event that the warehouse does not take, as the spool had it."""
    return Rejected(f"event {event.item(0, 'source_event_id')}", reason, event.write_ndjson().strip())
