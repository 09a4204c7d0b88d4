"""The event that did not come: the step did not happen, or its source is silent.

A case that waits past its deadline proves nothing by itself, for the source may be down, or late. Of each it is
decided:

- the source told of things that happened after the deadline: it would have told of this one, so **the step did not
  happen**, and the case has a finding;
- else, the source has been silent for longer than it ever is: **the source is silent**, which is one finding for all of
  these cases, whose steps may well have happened;
- else it is undecided, and nothing is found yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec
import polars as pl

from anomalies.circumstances import Circumstances, versions
from anomalies.rule_models import MissingEventRule
from anomalies.silence import Silence
from anomalies.usual_wait import Expected, NotLearned, awaited
from kernel.findings import Evidence, Finding, Kind
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

AT_ONCE = 500
"""Cases of which events are read by one query."""


@dataclass(frozen=True, slots=True)
class MissingEvents:
    """What the rule found, and what it did not decide."""

    findings: tuple[Finding, ...]
    """Of cases ordered by case id; that of the source, if any, last."""
    waiting: int
    """Cases that await the event, past their deadline or not."""
    undecided: int
    """Past their deadline, and nobody can tell yet whether the step happened; those of a silent source are not among
    them."""
    not_learned: tuple[str, ...] = ()
    """Why it could not decide more: what is missing, for a person."""


@dataclass(frozen=True, slots=True)
class _Overdue:
    case_id: str
    asked_at: datetime
    due: datetime
    event_id: str
    promised_by: datetime | None
    attributes: dict[str, str]


def missing_events(
    view: ProcessView,
    rule: MissingEventRule,
    expected: Expected | NotLearned,
    silence: Silence | NotLearned,
    around: Circumstances,
    chosen: CaseFilter = EVERYTHING,
) -> MissingEvents:
    """The findings of the rule at `around.now`; events that happened later do not count.

    A finding is anchored at the event that began the wait, so it is the same at every run; that of the source at the
    instant when it was last heard. All cases that miss the same event of the same source have one cause. Cases over
    otherwise are not stuck. Costs a scan of the open part of each path, and the events of the cases past
    their deadline.
    """
    if isinstance(expected, NotLearned):
        return MissingEvents((), 0, 0, (expected.reason,))
    rows = view.ask(load_query(__file__, "unanswered"), chosen, **awaited(view.definition, rule, around.now))
    overdue = list(_overdue(view, rule, expected, around.now, rows))
    occurred, heard = around.told_until(rule.source)
    proven = [case for case in overdue if occurred is not None and occurred > case.due + rule.lag]
    rest = [case for case in overdue if occurred is None or occurred <= case.due + rule.lag]
    definitions = versions(view.definition, rule.id, rule.version)
    findings = [_step_missing(view, rule, expected, around, definitions, case, occurred) for case in proven]
    reasons: tuple[str, ...] = ()
    if rest and heard is None:
        reasons = (f"{rule.id}: source {rule.source} never told anything",)
    elif rest and isinstance(silence, NotLearned):
        reasons = (silence.reason,)
    elif rest and heard is not None and not isinstance(silence, NotLearned) and silence.is_silent(heard, around.now):
        findings.append(_source_silent(view, rule, expected, silence, around, rest, heard))
        rest = []
    return MissingEvents(tuple(findings), rows.height, len(rest), reasons)


def _overdue(
    view: ProcessView, rule: MissingEventRule, expected: Expected, now: datetime, rows: pl.DataFrame
) -> Iterable[_Overdue]:
    """The cases past their deadline, by the exact instants of their events; paths know them nearly."""
    past = [row for row in rows.iter_rows(named=True) if expected.due(row["asked_at"]) <= now]
    asked = {
        (case_id, nth): (event_id, order_at)
        for case_id, _, nth, event_id, order_at in named_events(view, [row["case_id"] for row in past], [rule.after])
    }
    for row in past:
        event_id, asked_at = asked.get((row["case_id"], row["nth"]), ("", row["asked_at"]))
        due = expected.due(asked_at)
        if due <= now:
            attributes = msgspec.json.decode(row["attributes"], type=dict[str, str])
            yield _Overdue(row["case_id"], asked_at, due, event_id, row["due_at"], attributes)


def named_events(
    view: ProcessView, cases: Sequence[str], activities: Sequence[str]
) -> Iterable[tuple[str, str, int, str, datetime]]:
    """Events of these activities of these cases: case, activity, its number in the case from 1, event id, and when it
    happened. Cases in the order given, events in case order."""
    definition = view.definition
    for start in range(0, len(cases), AT_ONCE):
        rows = view.warehouse.query(
            load_query(__file__, "named_events"),
            view.scope
            | {
                "object_type": definition.object_type,
                "activities": list(activities),
                "lifecycles": list(definition.lifecycles),
                "cases": list(cases[start : start + AT_ONCE]),
            },
        )
        yield from rows.iter_rows()


def _step_missing(
    view: ProcessView,
    rule: MissingEventRule,
    expected: Expected,
    around: Circumstances,
    definitions: Mapping[str, str],
    case: _Overdue,
    occurred: datetime | None,
) -> Finding:
    process = view.definition.id
    owner, dependency = around.owners(case.attributes, process, rule.expect, rule.source)
    value, currency = around.price(case.attributes)
    return Finding(
        tenant=view.tenant,
        kind=Kind.MISSING_EVENT,
        rule=rule.id,
        process=process,
        case_id=case.case_id,
        store=around.store(case.attributes),
        cause=f"{Kind.MISSING_EVENT}/{process}/{rule.expect}/{rule.source}",
        anchor=case.asked_at.isoformat(),
        severity=rule.severity,
        title=f"{case.case_id}: no {rule.expect} after {rule.after} within {expected.words(rule.quantile)}",
        suspect=rule.expect,
        owner=owner,
        dependency_owner=dependency,
        since=case.due,
        detected_at=around.now,
        deadline=case.promised_by if case.promised_by is not None and case.promised_by > around.now else None,
        value=value,
        currency=currency,
        evidence=Evidence(
            query="unanswered",
            parameters=_parameters(rule, expected, around)
            | {"asked_at": case.asked_at.isoformat(), "due": case.due.isoformat()},
            event_ids=(case.event_id,) if case.event_id else (),
            watermark=occurred,
            definitions=definitions,
        ),
    )


def _source_silent(
    view: ProcessView,
    rule: MissingEventRule,
    expected: Expected,
    silence: Silence,
    around: Circumstances,
    cases: list[_Overdue],
    heard: datetime,
) -> Finding:
    process = view.definition.id
    owner, dependency = around.owners({}, process, rule.expect, rule.source)
    value, currency = _together(around, cases)
    missed = silence.missed(heard, around.now)
    return Finding(
        tenant=view.tenant,
        kind=Kind.SOURCE_SILENT,
        rule=rule.id,
        process=process,
        case_id="",
        store="",
        cause=f"{Kind.SOURCE_SILENT}/{process}/{rule.source}",
        anchor=heard.isoformat(),
        severity=rule.silent_severity,
        title=f"{rule.source} tells nothing since {heard:%Y-%m-%d %H:%M} UTC; {_counted(len(cases))} for {rule.expect}",
        suspect=rule.source,
        owner=owner,
        dependency_owner=dependency,
        since=heard,
        detected_at=around.now,
        value=value,
        currency=currency,
        evidence=Evidence(
            query="source_minutes",
            parameters=_parameters(rule, expected, around)
            | silence.parameters()
            | {"missed_minutes": f"{missed:.3f}", "cases_waiting": str(len(cases))},
            event_ids=tuple(case.event_id for case in cases[:20] if case.event_id),
            watermark=heard,
            definitions=versions(view.definition, rule.id, rule.version),
        ),
    )


def _parameters(rule: MissingEventRule, expected: Expected, around: Circumstances) -> dict[str, str]:
    named = {"after": rule.after, "expect": rule.expect, "source": rule.source, "cut": around.now.isoformat()}
    return named | expected.parameters()


def _counted(cases: int) -> str:
    return "1 case waits" if cases == 1 else f"{cases} cases wait"


def _together(around: Circumstances, cases: list[_Overdue]) -> tuple[Decimal | None, str]:
    """The money of all cases together, where all have a price, in one currency."""
    prices = [around.price(case.attributes) for case in cases]
    values = [value for value, _ in prices if value is not None]
    currencies = {currency for _, currency in prices}
    if len(values) < len(prices) or len(currencies) != 1:
        return None, ""
    return sum(values, Decimal(0)), currencies.pop()
