"""The inlet of a source: deliveries become events by its pack, are checked, and are on disk when `take` returns."""

from __future__ import annotations

import hashlib
import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ingest.event_form import Event, Refused, Unfit
from ingest.event_rows import EventRows, Sent
from ingest.event_values import NUL, check_texts
from ingest.mappings.decoding import Record, records
from ingest.mappings.mapper import Mapped, Mapper
from ingest.mappings.pack import Decode
from ingest.mappings.personal import Privacy
from ingest.sources.bad_share import BadShare
from ingest.sources.definition import PUSHED, SourceDefinition
from ingest.sources.delivery import Delivery, Outcome, SourceStopped
from ingest.sources.refused import REFUSED
from ingest.spool import Spool
from ingest.spool_beside import Besides
from kernel.clock import Clock
from kernel.errors import UnreadableFile

log = logging.getLogger("gembascope.ingest")

SHOWN = 20
COUNTED = ("received", "accepted", "quarantined", "repeated", "ignored")


class SourceInlet:
    """Takes the deliveries of one source; see `ingest.sources.delivery.Inlet`."""

    def __init__(
        self,
        tenant: str,
        definition: SourceDefinition,
        mapper: Mapper,
        privacy: Privacy,
        spool: Spool,
        clock: Clock,
        *,
        accepted: Callable[[], None] = lambda: None,
        noticed: Callable[[str, object], None] | None = None,
    ) -> None:
        """`accepted` is called when something was put into the spool, `noticed` with
        the rule and what it said for each record that events were made of."""
        self.definition = definition
        self._tenant, self._mapper, self._privacy = tenant, mapper, privacy
        self._spool, self._clock = spool, clock
        self._accepted, self._noticed = accepted, noticed
        self._stops = definition.collect.kind not in PUSHED
        self._share = BadShare(definition.limits.max_bad_share)

    @property
    def source(self) -> str:
        return self.definition.id

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        if self._stops and (why := self._spool.sources.stopped(self._tenant, self.source)):
            raise SourceStopped(f"the source {self.source} was stopped: {why}")
        outcomes, last = self._keep(deliveries, place)
        sums = {name: sum(getattr(one, name) for one in outcomes) for name in COUNTED}
        total = Outcome(**sums, reasons=tuple(reason for one in outcomes for reason in one.reasons)[:SHOWN])
        if self._share.passed(total.accepted, total.quarantined) and self._stops:
            self._spool.sources.stop(self._tenant, self.source, f"{self._share} were bad, the last one because: {last}")
        return total

    def take_each(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        outcomes, _ = self._keep(deliveries, None)
        self._share.passed(sum(one.accepted for one in outcomes), sum(one.quarantined for one in outcomes))
        return outcomes

    def _keep(self, deliveries: Sequence[Delivery], place: str | None) -> tuple[list[Outcome], str]:
        """What became of each delivery, all in one transaction; and why the last record that was bad was. One that was
        there before is counted as repeated, whatever it comes with."""
        ids = [_digest(one.unique_id) if one.unique_id else "" for one in deliveries]
        known = self._spool.known(self._tenant, self.source, [one for one in ids if one])
        now = self._clock.now()
        rows, again = EventRows(self.source, now), EventRows(self.source, now)
        outcomes, passed, passed_again = [], 0, 0
        fresh: list[str] = []
        repeated: list[str] = []
        for delivery, digest in zip(deliveries, ids, strict=True):
            old = bool(digest) and digest in known
            into = again if old else rows
            before = into.count(), len(into.refused)
            ignored = self._map(into, delivery)
            good, bad = into.count() - before[0], len(into.refused) - before[1]
            reasons = tuple(one.reason for one in into.refused[before[1] :][:SHOWN])
            if old:
                repeated.append(digest)
                passed_again += ignored
                outcomes.append(Outcome(received=good + bad, repeated=good + bad))
            else:
                fresh += [digest] if digest else []
                known.add(digest)
                passed += ignored
                outcomes.append(Outcome(good + bad, good, bad, 0, ignored, reasons))
        requests: list[tuple[list[Sent], Besides]] = []
        for made, count, names, ignored in (
            (rows, len(deliveries) - len(repeated), fresh, passed),
            (again, len(repeated), repeated, passed_again),
        ):
            if count:
                sent = made.sent()
                parts = [sent] if sent.received else []
                requests.append((parts, Besides(self.source, count, ignored, names)))
        if place is not None:  # with what may yet be refused: else it would tell of more than was kept
            parts, besides = requests.pop(0) if requests else ([], Besides(self.source))
            requests.insert(0, (parts, replace(besides, place=place)))
        self._spool.accept_all(self._tenant, requests)
        self._accepted()
        return outcomes, rows.refused[-1].reason if rows.refused else ""

    def closed(self) -> str:
        if why := self._spool.sources.stopped(self._tenant, self.source):
            return f"it was stopped: {why}"
        return "" if self._spool.has_room(self._tenant) else "too many events wait to be loaded"

    def place(self) -> str:
        return self._spool.sources.place(self._tenant, self.source)

    def resumed(self) -> None:
        """What was bad before counts no more."""
        self._share.forget()

    def events(self, delivery: Delivery) -> EventRows:
        """What a delivery becomes, without keeping it."""
        rows = EventRows(self.source, self._clock.now())
        self._map(rows, delivery)
        return rows

    def _map(self, rows: EventRows, delivery: Delivery) -> int:
        """Add the events of a delivery, and what none can be made of; how many records its pack passes over."""
        ignored = 0
        for record in _records(delivery, self._mapper.pack.decode):
            mapped, reason = self._made(rows, record, delivery)
            if mapped.ignored:
                ignored += 1
            elif reason:
                rows.refused.append(self._refused(rows.count() + len(rows.refused), record, delivery, reason))
            elif self._noticed is not None:
                self._noticed(mapped.rule, record.body)
        return ignored

    def _made(self, rows: EventRows, record: Record, delivery: Delivery) -> tuple[Mapped, str]:
        """What a record was mapped to, which is added; and why not. A mistake of ours in one record must not keep back
        those beside it, nor have it come again until its broker throws it away: it waits in the quarantine."""
        try:
            mapped = self._mapper.mapped(record, delivery)
            return mapped, mapped.unfit or self._add(rows, mapped.events, record)
        except MemoryError:
            raise
        except Exception as error:
            # Without its text, which may repeat what was sent.
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("source %s: mapping a record failed (%s)\n%s", self.source, type(error).__name__, where)
            return Mapped([]), f"an error of this program ({type(error).__name__}): replay it once that is mended"

    def _add(self, rows: EventRows, events: list[Event], record: Record) -> str:
        """Add the events of a record, all or none; why none."""
        try:
            if NUL in record.raw or b"\0" in record.raw:
                for event in events:
                    check_texts(event)
            rows.add_all([self._privacy.hidden(event) for event in events] if self._privacy else events)
        except (Unfit, UnreadableFile) as error:
            return str(error)
        return ""

    def _refused(self, index: int, record: Record, delivery: Delivery, reason: str) -> Refused:
        headers = {**delivery.headers, **record.headers}
        return Refused(index, "", self.source, reason, record.raw, delivery.key, headers)


def _records(delivery: Delivery, decode: Decode) -> Iterator[Record]:
    """The records of a delivery; one that its collector saw to be wrong is one, and unfit."""
    if (reason := delivery.headers.get(REFUSED)) is not None:
        return iter([Record(None, delivery.body, reason or "its collector refused it")])
    return records(delivery, decode)


def _digest(unique_id: str) -> str:
    return hashlib.blake2b(unique_id.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
