"""What is known of the sources of a tenant: how each is, and whether nothing that it told was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl

from ingest.live import COUNTED
from ingest.sources.definition import SourceDefinition
from ingest.sources.drift import Drift, drifts, look_at
from ingest.sources.lags import source_lags
from ingest.sources.registry import Sources
from ingest.spool_account import Account
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.warehouse import Warehouse, load_query

ROOM = str(Path(__file__).parent)
"""Beside which `sql` lies, with the files of all modules of ingest."""

FAILING_SHARE = 0.05
"""Bad events of a source beyond which it is called failing."""
QUIET_GAPS = 3.0
"""A source is quiet that was silent for so many times its usual longest pause, and for an hour at least."""
SENT = "events"
QUIET_AT_LEAST = timedelta(hours=1)

Standing = Literal["healthy", "quiet", "failing", "waiting", "stopped", "off", "unheard"]


@dataclass(frozen=True, slots=True)
class Collecting:
    """What the collector of a source does now. `state`: starting, running, waiting or stopped; `why` says more."""

    state: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """One source. `standing`: healthy; quiet (nothing was heard of it for longer than it usually pauses), failing (much
    of it is bad), waiting (its collector cannot reach it), stopped, off or unheard (nothing came yet); `why` says more.
    `kind` is "events" where it has no definition: whoever has a key sends events that name it. Counts are events;
    seconds end in `_s`, and are null where there is nothing to tell them from."""

    source: str
    title: str
    kind: str
    pack: str
    owner: str
    standing: Standing
    why: str
    account: Account
    deliveries: int
    ignored: int
    last_delivery_at: datetime | None
    place: str
    lag_p50_s: float | None
    lag_p95_s: float | None
    lag_p99_s: float | None
    gap_p50_s: float | None
    gap_p99_s: float | None
    silent_s: float | None
    complete_until: datetime | None
    drifts: int

    @property
    def bad_share(self) -> float:
        """Of what was received and not put off, the part that is in quarantine."""
        taken = self.account.received - self.account.refused
        return self.account.quarantined / taken if taken else 0.0

    @property
    def missing(self) -> int:
        """As `Account.missing`."""
        return self.account.missing

    def document(self) -> dict[str, Any]:
        """As JSON tells it."""
        told: dict[str, Any] = {"source": self.source, "title": self.title, "kind": self.kind, "pack": self.pack}
        told |= {"owner": self.owner, "standing": self.standing, "why": self.why}
        told |= {name: getattr(self.account, name) for name in COUNTED}
        told |= {"missing": self.missing, "bad_share": self.bad_share}
        told |= {"deliveries": self.deliveries, "ignored": self.ignored, "drifts": self.drifts, "place": self.place}
        for name in ("lag_p50_s", "lag_p95_s", "lag_p99_s", "gap_p50_s", "gap_p99_s", "silent_s"):
            told[name] = getattr(self, name)
        moments = {
            "last_occurred_at": self.account.last_occurred_at,
            "last_seen_at": self.account.last_seen_at,
            "last_delivery_at": self.last_delivery_at,
            "complete_until": self.complete_until,
        }
        return told | {name: moment_text(at) for name, at in moments.items()}


class SourceDesk:
    """The sources of one tenant. `collecting`: what their collectors do, by source."""

    def __init__(
        self,
        sources: Sources,
        warehouse: Warehouse,
        clock: Clock,
        collecting: Callable[[], Mapping[str, Collecting]] = dict,
    ) -> None:
        self.sources, self.tenant = sources, sources.tenant
        self._warehouse, self._clock, self.collecting = warehouse, clock, collecting

    def health(self) -> list[SourceHealth]:
        """One per source that is defined or that events came from at run time, ordered by source."""
        spool, now = self.sources.spool, self._clock.now()
        definitions, wrong = self.sources.definitions.each()
        accounts = {one.source: one for one in spool.accounts(self.tenant)}
        known = {row["source"]: row for row in spool.sources.all(self.tenant)}
        lags = {row["source"]: row for row in source_lags(self._warehouse, self.tenant, now).to_dicts()}
        changed = drifts(spool.state, self.tenant)
        collecting = self.collecting()
        found = []
        for name in sorted({*definitions, *wrong, *accounts, *known}):
            account, state, lag = accounts.get(name, Account(name)), known.get(name, {}), lags.get(name, {})
            heard = max(filter(None, (account.last_seen_at, state.get("last_delivery_at"))), default=None)
            silent_s = max((now - heard).total_seconds(), 0.0) if heard is not None else None
            definition = definitions.get(name)
            standing, why = _standing(definition, account, state, lag, silent_s, collecting.get(name))
            if name in wrong:
                standing, why = "waiting", f"its definition is wrong: {wrong[name]}"
            found.append(
                SourceHealth(
                    name,
                    definition.title if definition else "",
                    definition.collect.kind if definition else SENT,
                    definition.pack if definition else "",
                    definition.owner if definition else "",
                    standing,
                    why,
                    account,
                    state.get("deliveries", 0),
                    state.get("ignored", 0),
                    state.get("last_delivery_at"),
                    state.get("place", ""),
                    lag.get("lag_p50_s"),
                    lag.get("lag_p95_s"),
                    lag.get("lag_p99_s"),
                    lag.get("gap_p50_s"),
                    lag.get("gap_p99_s"),
                    silent_s,
                    lag.get("complete_until"),
                    sum(one.source == name for one in changed),
                )
            )
        return found

    def one(self, source: str) -> SourceHealth:
        """The health of one; NotFound where there is none of it."""
        for found in self.health():
            if found.source == source:
                return found
        raise NotFound(f"no source {source!r} is defined, and nothing came from it")

    def stores(self, source: str) -> pl.DataFrame:
        """How what happened in each store was told: one row per store, columns as `ingest.sources.lags.LAGS`."""
        return source_lags(self._warehouse, self.tenant, self._clock.now(), by_store=True, sources=[source])

    def drifts(self, source: str | None = None) -> list[Drift]:
        """What sources say otherwise than they used to, and nobody has looked at."""
        return drifts(self.sources.spool.state, self.tenant, source)

    def look_at(self, source: str) -> int:
        """Somebody has looked at what a source says otherwise; how many changes there were."""
        return look_at(self.sources.spool.state, self._clock, self.tenant, source)

    def stop(self, source: str, why: str) -> None:
        """Take nothing more from a source that waits for us, until it is resumed; NotFound where it is not defined."""
        self.sources.definition(source)
        self.sources.spool.sources.stop(self.tenant, source, why)

    def resume(self, source: str) -> None:
        """Take from a source again; NotFound where it is not defined."""
        self.sources.resume(source)

    def unconserved(self) -> list[str]:
        """Where the law of conservation does not hold, one line each: per source, what is in the warehouse against what
        was counted as stored, and what was received against all that became of it. An event that was told again with
        other content is stored and counted anew. Counts every event: for a proof, not for a page. What was loaded from
        files is not counted in accounts, so a source of both has more in the warehouse; versions of an event that an
        erasure made the same are fewer there."""
        told = []
        there = {row["source"]: row["versions"] for row in self._stored()}
        for one in self.health():
            if one.missing:
                told.append(f"{one.source}: {one.missing:,} events are nowhere")
            stored = there.get(one.source, 0)
            if stored < one.account.stored:
                told.append(f"{one.source}: {one.account.stored:,} events count as stored, and {stored:,} are there")
        return told

    def _stored(self) -> Iterable[dict[str, Any]]:
        return self._warehouse.query(load_query(ROOM, "stored_by_source"), {"tenant": self.tenant}).to_dicts()


def _standing(
    definition: SourceDefinition | None,
    account: Account,
    state: Mapping[str, Any],
    lag: Mapping[str, Any],
    silent_s: float | None,
    collecting: Collecting | None,
) -> tuple[Standing, str]:
    if definition is not None and definition.off:
        return "off", "its definition says so"
    if state.get("stopped_why"):
        return "stopped", state["stopped_why"]
    if collecting is not None and collecting.state == "waiting":
        return "waiting", collecting.why
    taken = account.received - account.refused
    if account.quarantined > FAILING_SHARE * taken:
        return "failing", f"{account.quarantined:,} of {taken:,} events are in quarantine"
    if silent_s is None:
        return "unheard", "nothing came yet"
    usual_s = lag.get("gap_p99_s")
    if usual_s is not None and silent_s > max(QUIET_GAPS * usual_s, QUIET_AT_LEAST.total_seconds()):
        return "quiet", "it was never silent for so long, or hardly ever"
    return "healthy", ""


def moment_text(at: datetime | None) -> str | None:
    """An instant as JSON tells it."""
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
