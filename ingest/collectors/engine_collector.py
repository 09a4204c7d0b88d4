"""Executions of a workflow engine: each is handed over as it is, and again as often as more is known of it.

A poll lists what started since the mark of the last one, less an overlap; all pages are read before the first document
is fetched, and documents are fetched from the oldest start on. So a mark never passes what was not handed over,
whatever order the engine lists in, whatever starts while it is listed, and whenever the process is killed. What has not
ended is remembered with the mark, in the transaction of the documents, and is looked at again until it has. A version
is always taken before, or with, the document that it stands for: what changes in between is another version, and comes
again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import Event
from typing import Protocol

from ingest.collectors.engine_http import Busy, Refused, TooLarge, Unanswered
from ingest.collectors.engine_place import Known, Place, loaded
from ingest.collectors.engine_settings import CamundaSettings, N8nSettings, TemporalSettings
from ingest.collectors.notes import Notes
from ingest.sources.delivery import CollectorError, Delivery, Inlet
from ingest.sources.refused import refused
from kernel.clock import Clock, SystemClock

MOST_LISTED = 100_000
"""Executions of one poll; of more the oldest are taken, and the next poll goes on."""
MOST_FAILED = 3
"""So many documents after each other that cannot be read: it is the engine, and not they."""


@dataclass(frozen=True, slots=True)
class Execution:
    """What a listing, or a look, says. `version`: "" where it does not say enough to know whether more happened.
    `started`: None before it does."""

    id: str
    started: datetime | None
    version: str
    ended: bool
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """An execution with its document; None where its version is the one that was known. `refused`: why there is none
    of which events could be made; `note`: what people should know."""

    execution: Execution
    body: bytes | None
    refused: str = ""
    note: str = ""


class Engine(Protocol):
    """Asks one kind of engine."""

    kind: str
    """Header `kind` of its deliveries."""
    lags: bool
    """Whether parts of what it tells of an execution may appear after its end: then it has ended once nothing changed
    from one look to the next, or when its end is as long ago as the overlap."""
    ascending: bool
    """Whether it lists the oldest start first."""
    notes: Notes

    def depends(self) -> str:
        """What of the settings the place depends on."""
        ...

    def executions(self, least: datetime, begin: datetime) -> Iterator[Execution]:
        """All that started at `least` or later, in any order, also twice, and others. What runs and is not among them
        where it can be asked for, if it started at `begin` or later."""
        ...

    def fetch(self, name: str, version: str) -> Fetched | None:
        """An execution by its id, as it is now; None where there is none any more. `version`: as it is known."""
        ...


@dataclass
class _Batch:
    """What was fetched and is not handed over yet."""

    deliveries: list[Delivery] = field(default_factory=list)
    changes: dict[str, Known | None] = field(default_factory=dict)
    mark: datetime | None = None
    size: int = 0


class EngineCollector:
    """Collects from one engine. One process at a time: see `alone`."""

    alone = True

    def __init__(
        self,
        settings: N8nSettings | CamundaSettings | TemporalSettings,
        engine: Engine,
        *,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings, self.engine, self.notes = settings, engine, engine.notes
        self._clock, self._monotonic = clock or SystemClock(), monotonic
        self._of = hashlib.blake2b(engine.depends().encode(), digest_size=16).hexdigest()
        self._place, self._batch = Place(), _Batch()
        self._not_before = 0.0
        self._failed = self._polls = self._gone = 0
        self._looked: dict[str, int] = {}
        """In which poll executions were last looked at."""

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Poll until `stopping` is set; see `Collector.run`."""
        self.notes.source = inlet.source
        self._place = self._loaded(inlet)
        stopping.wait(max(0.0, self._not_before - self._monotonic()))
        while not stopping.is_set():
            try:
                self.poll(inlet, stopping)
            except Busy as error:
                self._not_before = self._monotonic() + error.after_s
                raise
            stopping.wait(self.settings.poll_s)

    def _loaded(self, inlet: Inlet) -> Place:
        text = inlet.place()
        place = loaded(text, self._of)
        if place is None:
            self.notes.set("settings", "what is collected is another than before: from its beginning")
            place = Place()
        if place.begin is None:
            back = timedelta(seconds=self.settings.look_back_s)
            place.begin = self.settings.since or self._clock.now() - back
        if text and (mine := self._place).begin is not None:
            # What is remembered here was taken too, and is more than what goes into a place.
            place.known = mine.known | place.known
            place.mark = max((mark for mark in (mine.mark, place.mark) if mark is not None), default=None)
        return place

    def poll(self, inlet: Inlet, stopping: Event) -> None:
        """Hand over what is new or changed, or up to where it is stopped."""
        self._batch, self._failed = _Batch(), 0
        self._looked = {name: turn for name, turn in self._looked.items() if name in self._place.known}
        self._polls += 1
        unread: list[str] = []
        for name in self._due(self._listed(stopping), unread, inlet, stopping):
            if stopping.is_set():
                break
            self._fetch(name, self._place.known[name], unread, inlet)
        self._hand_over(inlet)
        self._place.forget(self.settings.overlap_s)
        self._tell(unread)

    def _due(self, listed: list[Execution], unread: list[str], inlet: Inlet, stopping: Event) -> Iterator[str]:
        """Fetch what is new of a listing; then all that is to be looked at again. It comes after what is new, and first
        what was not looked at for longest: an engine that only answers so often is read to the end all the same."""
        unchanged, changed = set[str](), set[str]()
        for one in listed:
            if stopping.is_set():
                return
            known = self._place.known.get(one.id)
            if known is None:
                self._fetch(one.id, Known(self._started(one), "", open=True), unread, inlet)
            elif one.version and one.version == known.version and not self.engine.lags:
                unchanged.add(one.id)
            elif one.version and one.version != known.version:
                changed.add(one.id)
            self._batch.mark = max(self._started(one), self._batch.mark or self._started(one))
        self._hand_over(inlet)
        due = (changed | set(self._place.opened())) - unchanged
        due = {name for name in due if self._looked.get(name) != self._polls}
        yield from sorted(due, key=lambda name: (self._looked.get(name, 0), name))

    def _tell(self, unread: list[str]) -> None:
        if unread:
            self.notes.set("unread", f"{len(unread)} executions cannot be read, the first is {unread[0][:100]}")
        else:
            self.notes.drop("unread")
        if (opened := len(self._place.opened())) > (most := self.settings.most_open):
            self.notes.set(
                "open", f"{opened:,} executions have not ended, of which {most:,} (most_open) are remembered"
            )
        else:
            self.notes.drop("open")

    # What is there -------------------------------------------------------------------------------------------

    def _listed(self, stopping: Event) -> list[Execution]:
        """What is to be looked at, the oldest start first; nothing where it is stopped."""
        begin, least = self._place.begin, self._place.least(self.settings.overlap_s)
        assert begin is not None
        found: dict[str, Execution] = {}
        for one in self.engine.executions(least, begin):
            if stopping.is_set():
                return []
            if one.started is not None and (one.started < begin or (one.ended and one.started < least)):
                continue
            if (before := found.get(one.id)) is not None and before != one:
                one = Execution(one.id, one.started or before.started, "", False)  # it changed while it was listed
            found[one.id] = one
            if self.engine.ascending and len(found) >= MOST_LISTED:
                break
            if len(found) >= 2 * MOST_LISTED:
                found = {one.id: one for one in self._oldest(found)}
        return self._oldest(found)

    def _oldest(self, found: dict[str, Execution]) -> list[Execution]:
        return sorted(found.values(), key=lambda one: (self._started(one), one.id))[:MOST_LISTED]

    def _started(self, one: Execution) -> datetime:
        """When it started, and never in time to come: such a start would carry the mark past all others."""
        now = self._clock.now()
        return now if one.started is None else min(one.started, now)

    # Documents -----------------------------------------------------------------------------------------------

    def _fetch(self, name: str, known: Known, unread: list[str], inlet: Inlet) -> None:
        self._looked[name] = self._polls
        try:
            found = self.engine.fetch(name, known.version)
        except (Unanswered, Refused, TooLarge) as error:
            unread.append(name)
            self._failed += 1
            if self._failed >= MOST_FAILED:
                self._hand_over(inlet)
                raise CollectorError(str(error)) from None
            self._batch.changes[name] = Known(known.started, known.version, open=True)
            return
        except CollectorError:  # what was fetched before it is not fetched again: an engine may only answer so often
            self._hand_over(inlet)
            raise
        self._failed = 0
        if found is None:  # it was deleted, or is kept no longer
            self._gone += known.open
            self.notes.set("gone", f"{self._gone:,} executions were there no more before their end was seen")
            self._batch.changes[name] = None
            return
        one = found.execution
        ended = one.ended and (not self.engine.lags or one.version == known.version or self._is_long_over(one))
        if found.body is not None:
            self._add(name, found)
        self._batch.changes[name] = Known(known.started, one.version, open=not ended)
        if len(self._batch.deliveries) >= self.settings.batch or self._batch.size >= self.settings.batch_bytes:
            self._hand_over(inlet)

    def _add(self, name: str, found: Fetched) -> None:
        assert found.body is not None
        key, headers = f"executions/{name}", {"kind": self.engine.kind}
        if found.refused:
            self._batch.deliveries.append(refused(found.body, key, found.refused, headers))
        else:
            self._batch.deliveries.append(Delivery(found.body, key, headers))
        self._batch.size += len(found.body)
        if found.note:
            self.notes.set(name, found.note)

    def _is_long_over(self, one: Execution) -> bool:
        overlap = timedelta(seconds=self.settings.overlap_s)
        return one.ended_at is not None and one.ended_at < self._clock.now() - overlap

    def _hand_over(self, inlet: Inlet) -> None:
        """What was fetched, with the place that follows it."""
        batch, self._batch = self._batch, _Batch()
        following = self._place.following(batch.changes, batch.mark)
        if batch.deliveries:
            inlet.take(batch.deliveries, following.dumped(self._of, self.settings.most_open))
        self._place = following


def moment(value: object) -> datetime | None:
    """An instant as engines write it; None where it is none."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if found is None:
        return None
    try:
        return (found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)
    except OverflowError:
        return None
