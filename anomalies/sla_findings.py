"""A promise as a detector: of every case that is late or about to be, a finding that says after which step it waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from anomalies.recording import CURED, Detected
from kernel.findings import Evidence, Finding, Kind, Severity
from kernel.owners import OwnerOf
from kernel.promise import Promise
from kernel.timeparse import format_duration
from kpis.sla import SlaState, sla_of_cases, sla_open
from mining.directly_follows import directly_follows_frequency
from mining.view import ProcessView

GROWN, WITHDRAWN = "grown", "withdrawn"


@dataclass(frozen=True, slots=True)
class SlaWatch:
    """Which promise of a process makes findings, and how grave they are. `at_risk` None: only what is late does."""

    promise: str
    breached: Severity = Severity.HIGH
    at_risk: Severity | None = Severity.MEDIUM
    version: str = ""
    """Of the rule that says so, for the evidence."""


def sla_findings(
    view: ProcessView, watch: SlaWatch, now: datetime, owner_of: OwnerOf, watermark: datetime | None
) -> Detected:
    """What one promise finds at `now`: one finding per case that is past due and not kept, or at risk.

    Cases that wait after the same activity have one cause: what is late there and what soon will be is one incident. A
    case that goes on and waits after another one is a finding of that cause.
    The suspect is that activity and the one that usually follows it, whose owner is the dependency's. Reads one row per
    case that is late or at risk. NotFound where the process promises nothing of this name.
    """
    rows = sla_open(view, watch.promise, now).to_dicts()
    follows = _usual_next(view) if rows else {}
    promise = next(item for item in view.definition.promises if item.name == watch.promise)
    definitions = {f"process:{view.definition.id}": view.definition.hash.hex(), f"rule:{watch.promise}": watch.version}
    owned: dict[tuple[str, str], tuple[str, str]] = {}
    findings = []
    for row in rows:
        late = row["state"] == SlaState.BREACHED
        severity = watch.breached if late else watch.at_risk
        if severity is None:
            continue
        after, following = row["last_activity"], follows.get(row["last_activity"], "")
        who = owned.get((row["store"], following))
        if who is None:
            about = {"process": view.definition.id, "store": row["store"], "step": following}
            who = owned[row["store"], following] = owner_of(about)
        findings.append(
            Finding(
                tenant=view.tenant,
                kind=Kind.SLA_BREACH if late else Kind.SLA_AT_RISK,
                rule=watch.promise,
                process=view.definition.id,
                case_id=row["case_id"],
                store=row["store"],
                cause=f"sla|{view.definition.id}|{watch.promise}|{after}",
                anchor=f"{row['due_at'].isoformat()} after {after}",
                severity=severity,
                title=_title(row, late, now),
                suspect=f"{after} → {following}" if following else after,
                owner=who[0],
                dependency_owner=who[1],
                since=row["due_at"] if late else now,
                detected_at=now,
                deadline=None if late else row["due_at"],
                value=row["value"],
                currency=row["currency"],
                lost_per_hour=row["lost_per_hour"],
                evidence=Evidence(
                    "sla_cases",
                    {"promise": watch.promise, "now": now.isoformat(), "case": row["case_id"]},
                    watermark=watermark,
                    definitions=definitions,
                ),
                cause_title=_cause_title(promise, after, late),
            )
        )
    return Detected(view.definition.id, watch.promise, findings, _Endings(view, watch.promise, now))


def _usual_next(view: ProcessView) -> Mapping[str, str]:
    """Of each activity the one that follows it most often, ties by name."""
    found: dict[str, str] = {}
    for source, target in directly_follows_frequency(view).select("source", "target").iter_rows():
        if source != target:
            found.setdefault(source, target)  # the most frequent comes first
    return found


def _title(row: Mapping[str, Any], late: bool, now: datetime) -> str:
    if late:
        return f"{row['case_id']} is late by {format_duration(row['late_s'])}, waiting after {row['last_activity']}"
    left = format_duration((row["due_at"] - now).total_seconds())
    return f"{row['case_id']} is due in {left}, waiting after {row['last_activity']}"


def _cause_title(promise: Promise, after: str, late: bool) -> str:
    return f"{promise.name}: {'late' if late else 'due soon'}, waiting after {after}"


class _Endings:
    """How the trouble of a case ended that is in trouble no more; asked once for all of them."""

    def __init__(self, view: ProcessView, promise: str, now: datetime) -> None:
        self._view, self._promise, self._now = view, promise, now

    def __call__(self, case_ids: list[str]) -> Mapping[str, str]:
        rows = sla_of_cases(self._view, self._promise, self._now, case_ids)
        ways = {}
        for case_id, kept_at, late_s in rows.select("case_id", "kept_at", "late_s").iter_rows():
            ways[case_id] = CURED if kept_at is not None else GROWN if late_s > 0 else WITHDRAWN
        return {case_id: ways.get(case_id, WITHDRAWN) for case_id in case_ids}
