"""Out of the quarantine: what was kept there is made events of after all, or given up.

An entry is taken out in the transaction that puts its events into the spool, so none is taken twice and the account of
its source stays exact: what counted as quarantined counts as those events from then on. What is given up still counts
as quarantined: it was received, and never became an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.event_rows import EventRows, Sent
from ingest.events_json import read_events
from ingest.live import SHOWN_AS, LiveIngest
from ingest.quarantine import Kept, end_entries, quarantined_bytes
from ingest.sources.delivery import Delivery
from ingest.sources.refused import REFUSED
from ingest.sources.registry import Sources
from ingest.spool_beside import DISCARDED, Besides
from kernel.clock import Clock
from kernel.errors import DefinitionError, InputError, NotFound, OutOfDate
from kernel.warehouse import Warehouse

MOST = 10_000
REPLAYED, REPAIRED = "replayed", "repaired"


@dataclass(frozen=True, slots=True)
class Released:
    """What became of an entry. `events`: how many it gave; `reason`: why it stays as it is, "" where it does not."""

    entry: str
    source: str
    events: int
    reason: str


class Releaser:
    """Takes entries out of the quarantine of one tenant."""

    def __init__(
        self, warehouse: Warehouse, clock: Clock, tenant: str, live: LiveIngest, sources: Sources | None
    ) -> None:
        self._warehouse, self._clock, self._tenant = warehouse, clock, tenant
        self._live, self._sources = live, sources

    def replay(self, entries: Sequence[str]) -> list[Released]:
        """Try once more to make events of what was sent, as its source and its mapping pack are now; in the order in
        which they came into quarantine.

        Raises
        ------
        NotFound
            One of them is not there.
        SpoolFull, StateUnavailable
            What was done until then is done.
        """
        return [self._release(kept, kept.raw, REPLAYED) for kept in self._kept(entries)]

    def repair(self, entry: str, body: bytes) -> Released:
        """Make events of `body` instead of what was sent. Raises as `replay`."""
        (kept,) = self._kept([entry])
        return self._release(kept, body, REPAIRED)

    def discard(self, entries: Sequence[str]) -> list[Released]:
        """Give entries up: they are open no longer, and their bytes stay. Raises as `replay`."""
        found = []
        for kept in self._kept(entries):
            reason = kept.ended_as and f"it is open no longer: {kept.ended_as}"
            if not reason:
                besides = Besides(kept.source, released=[kept.entry], how=DISCARDED)
                reason = self._accept([], besides)
            found.append(Released(kept.entry, kept.source, 0, reason))
        self._end([one.entry for one in found if not one.reason], DISCARDED)
        return found

    def _kept(self, entries: Sequence[str]) -> list[Kept]:
        asked = list(dict.fromkeys(entries))
        if len(asked) > MOST:
            raise InputError(f"at most {MOST:,} entries at once; {len(asked):,} were named")
        found = quarantined_bytes(self._warehouse, tenant=self._tenant, entries=asked)
        missing = set(asked) - {one.entry for one in found}
        if missing:
            raise NotFound(f"there is no entry {min(missing)[:40]!r} in the quarantine")
        return found

    def _release(self, kept: Kept, body: bytes, how: str) -> Released:
        parts: list[Sent] = []
        reason = kept.ended_as and f"it is open no longer: {kept.ended_as}"
        if not reason:
            try:
                parts = self._parts(kept, body, mended=how == REPAIRED)
                refused = [one for part in parts for one in part.refused]
                reason = refused[0].reason if refused else "" if parts else "its mapping pack passes over it"
            except (InputError, DefinitionError) as error:
                reason = str(error)
        if not reason:
            reason = self._accept(parts, Besides(kept.source, released=[kept.entry], how=how))
        if reason:
            return Released(kept.entry, kept.source, 0, reason)
        self._end([kept.entry], how)
        return Released(kept.entry, kept.source, sum(part.accepted for part in parts), "")

    def _accept(self, parts: Sequence[Sent], besides: Besides) -> str:
        """Put them into the spool; why not, where the entry was taken out before."""
        try:
            self._live.keep(parts, besides)
        except OutOfDate:
            # It was, and a process was killed before the quarantine knew; as far as is known it does now.
            self._end(besides.released, besides.how)
            return "it was taken out before"
        return ""

    def _end(self, entries: Sequence[str], how: str) -> None:
        if entries:
            end_entries(self._warehouse, tenant=self._tenant, entries=entries, ended_as=how)

    def _parts(self, kept: Kept, body: bytes, *, mended: bool) -> list[Sent]:
        if kept.file_name != SHOWN_AS:
            raise InputError(f"it came in the file {kept.file_name}: mend the file, and load it again")
        if not kept.key:
            return read_events(body, kept.source, self._clock.now())
        if self._sources is None:
            raise NotFound(f"no source {kept.source!r} is defined here")
        headers = {name: value for name, value in kept.headers.items() if not (mended and name == REFUSED)}
        rows: EventRows = self._sources.inlet(kept.source).events(Delivery(body, kept.key, headers))
        sent = rows.sent()
        return [sent] if sent.received else []
