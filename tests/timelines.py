"""What a rule says while things happen, written as a timeline.

`at("10m", AUTHORISED, "7", source="crm")` is told ten minutes after MONDAY; `happened="5m"` when it was told late.
`expect("2h", "missing_event 7", "source_silent payments")` runs the rule then, over all that was told by then, and
nothing later.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl
from logs import File, Happened, frame, stored
from returns import AUTHORISED, CONFIRMED, returns

from anomalies.circumstances import Circumstances
from anomalies.missing_event import MissingEvents, missing_events
from anomalies.rule_models import MissingEventRule
from anomalies.silence import Silence, telling_minutes, usual_silence
from anomalies.usual_wait import Expected, NotLearned, usual_wait
from kernel.clock import Clock
from kernel.events import INSTANT
from kernel.findings import Finding, Kind
from kernel.process import ProcessDefinition
from kernel.timeparse import parse_duration
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import ProcessView

MONDAY = datetime(2024, 3, 4, 6, 0, tzinfo=timezone.utc)
"""Where timelines begin: seven in the morning in Berlin."""
HISTORY = timedelta(days=56)
WATERMARKS = {"source": pl.String(), "last_occurred_at": INSTANT, "last_seen_at": INSTANT, "live": pl.Boolean()}


def event(activity: str, at: datetime, name: str, source: str = "crm", **more: Any) -> Happened:
    """An event of one return."""
    return Happened(activity, at, (("return", name, ""),), source=source, **more)


def rule(**more: Any) -> MissingEventRule:
    """The rule of stuck refunds, learning from the weeks before the timeline."""
    fields: dict[str, Any] = {
        "id": "refund_not_confirmed",
        "kind": "missing_event",
        "process": "return-to-refund",
        "after": AUTHORISED,
        "expect": CONFIRMED,
        "source": "payments",
        "learn_from": "56d",
        "settle": "2d",
        "silence": {"at_least": 100},
    }
    return MissingEventRule.model_validate(fields | more)


def in_shop_hours(every: timedelta = timedelta(hours=1)) -> list[Happened]:
    """Eight weeks of refunds, one `every` so often from 7 to 17 UTC on working days, each confirmed 5 to 24 minutes
    later."""
    return _refunds(every, lambda at: at.weekday() < 5 and 7 <= at.hour < 17)


def round_the_clock(every: timedelta = timedelta(hours=1)) -> list[Happened]:
    """As `in_shop_hours`, at every hour of the week."""
    return _refunds(every, lambda at: True)


def _refunds(every: timedelta, wanted: Any) -> list[Happened]:
    events: list[Happened] = []
    at, number = MONDAY - HISTORY, 0
    while at < MONDAY - timedelta(hours=1):
        if wanted(at):
            name = f"past {number}"
            events.append(event(AUTHORISED, at, name))
            events.append(event(CONFIRMED, at + timedelta(minutes=5 + number % 20), name, "payments"))
            number += 1
        at += every
    return events


@dataclass(frozen=True, slots=True)
class Usual:
    """What a rule learned from a history at MONDAY."""

    view: ProcessView
    expected: Expected | NotLearned
    silence: Silence | NotLearned


def learned(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    history: Iterable[Happened],
    tested: MissingEventRule | None = None,
    definition: ProcessDefinition | None = None,
) -> Usual:
    """The history stored, and what the rule learns from it."""
    tested = tested or rule()
    view = stored(warehouse, clock, tenant, frame(history), definition=definition or returns())
    minutes = telling_minutes(warehouse, tenant, tested.source, MONDAY - HISTORY, MONDAY)
    silence = usual_silence(minutes, tested.source, tested.silence, MONDAY, view.definition.own_calendar)
    return Usual(view, usual_wait(view, tested, MONDAY), silence)


class Timeline:
    """One rule over one tenant, from MONDAY on. The usual is learned before and elsewhere, so the tenant is empty."""

    def __init__(
        self,
        warehouse: Warehouse,
        clock: Clock,
        tenant: str,
        usual: Usual,
        tested: MissingEventRule | None = None,
        **more: Any,
    ) -> None:
        self.rule = tested or rule()
        self.view = ProcessView(warehouse, tenant, usual.view.definition)
        self.expected, self.silence = usual.expected, usual.silence
        if self.rule.within is not None:
            self.expected = usual_wait(self.view, self.rule, MONDAY)
        self._clock, self._more = clock, more
        self._file = File(warehouse, clock, tenant)
        self._untold: list[tuple[datetime, Happened]] = []
        self._told: list[tuple[datetime, Happened]] = []

    def at(self, when: str, activity: str, case: str, *, source: str = "crm", happened: str | None = None) -> None:
        """An event is told."""
        told, occurred = (MONDAY + parse_duration(text) for text in (when, happened or when))
        self._untold.append((told, event(activity, occurred, case, source)))

    def put(self, happened: Happened) -> None:
        """An event is told when it happens."""
        self._untold.append((happened.occurred_at, happened))

    def telling(self, since: str, until: str, every: str = "1h", source: str = "payments") -> None:
        """The source tells of other refunds meanwhile, the last one before `until`."""
        at, end = (MONDAY + parse_duration(text) for text in (since, until))
        while at < end:
            self._untold.append((at, event(CONFIRMED, at, f"other {at:%d %H:%M}", source)))
            at += parse_duration(every)

    def run(self, when: str) -> MissingEvents:
        """What the rule says then."""
        now = MONDAY + parse_duration(when)
        due = [item for item in self._untold if item[0] <= now]
        self._untold = [item for item in self._untold if item[0] > now]
        if due:
            self._store(due)
        around = Circumstances(now=now, watermarks=self._watermarks(), **self._more)
        return missing_events(self.view, self.rule, self.expected, self.silence, around)

    def expect(self, when: str, *wanted: str) -> tuple[Finding, ...]:
        """The rule finds this then, and nothing else: `kind case`, or `source_silent source`."""
        findings = self.run(when).findings
        said = {f"{one.kind} {one.suspect if one.kind is Kind.SOURCE_SILENT else one.case_id}" for one in findings}
        assert said == set(wanted), f"at {when}"
        assert len(findings) == len(wanted)
        return findings

    def _store(self, told: list[tuple[datetime, Happened]]) -> None:
        self._told += told
        self._file.step(frame(happened for _, happened in told))
        refresh(self.view.warehouse, self._clock, self.view.tenant, self.view.definition)

    def _watermarks(self) -> pl.DataFrame:
        sources = sorted({happened.source for _, happened in self._told})
        rows = [
            (
                source,
                max(happened.occurred_at for _, happened in self._told if happened.source == source),
                max(seen for seen, happened in self._told if happened.source == source),
                True,
            )
            for source in sources
        ]
        return pl.DataFrame(rows, schema=WATERMARKS, orient="row")
