"""How findings of the missing-event rule end: the event came after all, or it turns out that it had come in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anomalies.missing_event import named_events
from anomalies.rule_models import MissingEventRule
from anomalies.usual_wait import awaited
from mining.view import ProcessView


@dataclass(frozen=True, slots=True)
class OpenWait:
    """A finding about a case that has not ended yet: its id, case, anchor (when the wait began) and since (the
    deadline)."""

    finding_id: str
    case_id: str
    asked_at: datetime
    due: datetime


@dataclass(frozen=True, slots=True)
class EndedWait:
    """How it ended: `cured`, the step happened after the deadline, or the case went another way; `withdrawn`, late
    events show that it happened in time, or that the wait never began. `ended_at`: when it happened, or now where
    nothing did."""

    finding_id: str
    how: str
    ended_at: datetime


def ended_waits(
    view: ProcessView, rule: MissingEventRule, waits: Sequence[OpenWait], now: datetime
) -> tuple[EndedWait, ...]:
    """Those of the waits that are over at `now`, in the order given. Reads the events of their cases."""
    parameters = awaited(view.definition, rule, now)
    over = [rule.expect, *parameters["unless"]]
    begun: set[tuple[str, datetime]] = set()
    ends: dict[str, list[datetime]] = {}
    cases = sorted({wait.case_id for wait in waits})
    for case_id, activity, _, _, order_at in named_events(view, cases, [rule.after, *over]):
        if order_at > now:
            continue
        if activity == rule.after:
            begun.add((case_id, order_at))
        else:
            ends.setdefault(case_id, []).append(order_at)
    found = []
    for wait in waits:
        first = min((at for at in ends.get(wait.case_id, ()) if at >= wait.asked_at), default=None)
        if (wait.case_id, wait.asked_at) not in begun:
            found.append(EndedWait(wait.finding_id, "withdrawn", now))
        elif first is not None:
            found.append(EndedWait(wait.finding_id, "withdrawn" if first <= wait.due else "cured", first))
    return tuple(found)
