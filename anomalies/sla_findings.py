"""A promise as a detector: of every case that is late or about to be, a finding that says after which step it waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from anomalies.circumstances import Circumstances, versions
from anomalies.finding_store import OpenFinding
from anomalies.recording import CURED, WITHDRAWN, Detected
from anomalies.rule_models import SlaRule
from kernel.findings import Evidence, Finding, Kind
from kernel.timeparse import format_duration
from kpis.sla import SlaState, sla_of_cases, sla_open
from kpis.told import completeness
from mining.directly_follows import directly_follows_frequency
from mining.view import ProcessView

GROWN = "grown"


def sla_findings(view: ProcessView, rule: SlaRule, around: Circumstances) -> Detected:
    """What one promise finds at `around.now`: one finding per case that is past due and not kept, or at risk.

    Cases that wait after the same activity have one cause: what is late there and what soon will be is one incident. A
    case that goes on and waits after another one is a finding of that cause. What packs promise to some cases in the
    place of the promise is of it too: a pack that begins or ends moves no case to another cause.
    The suspect is that activity and the one that usually follows it, whose owner is the dependency's. Reads one row per
    case that is late or at risk. NotFound where the process promises nothing of this name.
    """
    now, process = around.now, view.definition.id
    promises = [one.name for one in view.definition.promises if one.answers_to(rule.promise)] or [rule.promise]
    rows = [(name, row) for name in promises for row in sla_open(view, name, now).to_dicts()]
    follows = _usual_next(view) if rows else {}
    watermark = completeness(view).until if rows else None
    owned: dict[tuple[str, str], tuple[str, str]] = {}
    findings = []
    for promise, row in rows:
        late = row["state"] == SlaState.BREACHED
        severity = rule.breached if late else rule.at_risk
        if severity is None:
            continue
        after, following = row["last_activity"], follows.get(row["last_activity"], "")
        who = owned.get((row["store"], following))
        if who is None:
            about = {"store": row["store"]} if row["store"] else {}
            who = owned[row["store"], following] = around.owners(about, process, following)
        findings.append(
            Finding(
                tenant=view.tenant,
                kind=Kind.SLA_BREACH if late else Kind.SLA_AT_RISK,
                rule=rule.id,
                process=process,
                case_id=row["case_id"],
                store=row["store"],
                cause=f"sla/{process}/{rule.promise}/{after}",
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
                    {"promise": promise, "now": now.isoformat(), "case": row["case_id"]},
                    watermark=watermark,
                    definitions=versions(view.definition, rule.id, rule.version),
                ),
                cause_title=f"{rule.promise}: {'late' if late else 'due soon'}, waiting after {after}",
            )
        )
    return Detected(process, rule.id, findings, _Endings(view, promises, now))


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


class _Endings:
    """How the trouble of cases ended that are in trouble no more, or are so in another way."""

    def __init__(self, view: ProcessView, promises: Sequence[str], now: datetime) -> None:
        self._view, self._promises, self._now = view, promises, now

    def __call__(self, gone: Sequence[OpenFinding]) -> Mapping[str, tuple[str, datetime | None]]:
        ways: dict[str, tuple[str, datetime | None]] = {}
        for promise in self._promises:
            rows = sla_of_cases(self._view, promise, self._now, [one.case_id for one in gone])
            for case_id, kept_at, late_s in rows.select("case_id", "kept_at", "late_s").iter_rows():
                lasts = GROWN if late_s > 0 else WITHDRAWN
                ways[case_id] = (CURED, kept_at) if kept_at is not None else (lasts, None)
        return {one.id: ways.get(one.case_id, (WITHDRAWN, None)) for one in gone}
