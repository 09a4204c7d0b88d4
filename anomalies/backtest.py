"""What a rule would have found: the same detectors, asked at instants of the past.

Exact: every instant is asked as if it were now, of paths cut off there, and what is usual is learned anew from what had
happened by then. Approximated: an event counts from when it happened and not from when it arrived, so a source that
told late looks better than it was; attributes, prices, owners and excluded populations are those of today; the
human touches of cases that went on are not known; cases that would have been flagged teach what is usual as all others
do; instants of events are as exact as the view cut_cases says; and a source's last word is known to the minute, never
too late.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl

from anomalies.circumstances import Circumstances
from anomalies.missing_event import missing_events
from anomalies.rule_models import MissingEventRule, UnusualCaseRule
from anomalies.silence import telling_minutes, usual_silence
from anomalies.unusual_cases import learn_usual_cases, unusual_cases
from anomalies.usual_wait import usual_wait
from kernel.events import INSTANT
from kernel.findings import Finding
from mining.view import ProcessView

DAY = timedelta(days=1)
_FOUND = {
    "finding_id": pl.String(),
    "kind": pl.String(),
    "case_id": pl.String(),
    "found_at": INSTANT,
    "last_found_at": INSTANT,
    "severity": pl.String(),
    "title": pl.String(),
}


@dataclass(frozen=True, slots=True)
class Replayed:
    """One instant of the past: what the rule found then, and why it found no more."""

    at: datetime
    findings: tuple[Finding, ...]
    left_out: int
    """Cases past a deadline that were undecided, or unusual cases beyond the cap."""
    not_learned: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackTest:
    """What a rule would have found from `since` to `until`.

    `found`: one row per finding with `finding_id`, `kind`, `case_id`, `found_at` and `last_found_at` (instants asked),
    `severity`, `title`; in order of found_at, then id. `days`: one row per day of UTC that was asked, with `day`, `new`
    (found for the first time) and `open` (the most findings at one instant of it). `precision`: of the cases found, the
    share that truth holds; `recall`: of the cases of truth, the share that was found. None without truth, and where
    there is nothing to divide by.
    """

    rule: str
    since: datetime
    until: datetime
    instants: int
    found: pl.DataFrame
    days: pl.DataFrame
    precision: float | None
    recall: float | None
    not_learned: tuple[str, ...]
    """What the rule said when it could not decide, each once."""


def back_test(
    view: ProcessView,
    rule: MissingEventRule | UnusualCaseRule,
    since: datetime,
    until: datetime,
    around: Circumstances,
    *,
    every: timedelta = timedelta(hours=6),
    relearn: timedelta = DAY,
    truth: Collection[str] | None = None,
) -> BackTest:
    """Ask the rule at `since`, and `every` so often until `until`, which is asked too when it is one of them.

    `around` gives owners and prices; its instant and watermarks do not count. `truth`: ids of the cases that the rule
    should find. Every instant costs what a run of the rule costs, and `relearn` apart it learns again.
    """
    if since.tzinfo is None or until.tzinfo is None or until < since or every <= timedelta() or relearn < every:
        raise ValueError("a back-test needs aware instants in order, a step, and a stretch to learn that holds a step")
    first: dict[str, tuple[Finding, datetime]] = {}
    last: dict[str, datetime] = {}
    new: dict[datetime, int] = {}
    most: dict[datetime, int] = {}
    reasons: dict[str, None] = {}
    instants = 0
    asked = _instants(since, until, every)
    if isinstance(rule, MissingEventRule):
        moments = _missing(view, rule, asked, around, relearn)
    else:
        moments = _unusual(view, rule, asked, around, relearn)
    for moment in moments:
        instants += 1
        day = moment.at.replace(hour=0, minute=0, second=0, microsecond=0)
        most[day] = max(most.get(day, 0), len(moment.findings))
        reasons |= dict.fromkeys(moment.not_learned)
        for finding in moment.findings:
            if finding.id not in first:
                first[finding.id] = (finding, moment.at)
                new[day] = new.get(day, 0) + 1
            last[finding.id] = moment.at
    rows = [
        (name, finding.kind.value, finding.case_id, at, last[name], finding.severity.value, finding.title)
        for name, (finding, at) in first.items()
    ]
    found = pl.DataFrame(rows, schema=_FOUND, orient="row").sort("found_at", "finding_id")
    days = pl.DataFrame(
        [(day, new.get(day, 0), most[day]) for day in sorted(most)],
        schema={"day": INSTANT, "new": pl.UInt32(), "open": pl.UInt32()},
        orient="row",
    ).with_columns(pl.col("day").dt.date())
    precision, recall = _measured(set(found["case_id"].to_list()) - {""}, truth)
    return BackTest(rule.id, since, until, instants, found, days, precision, recall, tuple(reasons))


def _instants(since: datetime, until: datetime, every: timedelta) -> Iterator[datetime]:
    at = since
    while at <= until:
        yield at
        at += every


def _measured(found: set[str], truth: Collection[str] | None) -> tuple[float | None, float | None]:
    if truth is None:
        return None, None
    right = len(found & set(truth))
    return (right / len(found) if found else None), (right / len(set(truth)) if truth else None)


def _missing(
    view: ProcessView,
    rule: MissingEventRule,
    instants: Iterator[datetime],
    around: Circumstances,
    relearn: timedelta,
) -> Iterator[Replayed]:
    minutes: pl.DataFrame | None = None
    learned_at: datetime | None = None
    for at in instants:
        if learned_at is None or at - learned_at >= relearn:
            minutes = telling_minutes(
                view.warehouse, view.tenant, rule.source, at - rule.silence.learn_from, at + relearn
            )
            expected = usual_wait(view, rule, at)
            silence = usual_silence(minutes, rule.source, rule.silence, at, view.definition.own_calendar)
            learned_at = at
        if minutes is None:
            raise RuntimeError("learned before it is asked")
        then = replace(around, now=at, watermarks=_watermark(minutes, rule.source, at))
        answer = missing_events(view, rule, expected, silence, then)
        yield Replayed(at, answer.findings, answer.undecided, answer.not_learned)


def _unusual(
    view: ProcessView,
    rule: UnusualCaseRule,
    instants: Iterator[datetime],
    around: Circumstances,
    relearn: timedelta,
) -> Iterator[Replayed]:
    learned_at: datetime | None = None
    for at in instants:
        if learned_at is None or at - learned_at >= relearn:
            learned = learn_usual_cases(view, rule, at)
            learned_at = at
        answer = unusual_cases(view, rule, learned, replace(around, now=at))
        yield Replayed(at, answer.findings, answer.left_out, answer.not_learned)


def _watermark(minutes: pl.DataFrame, source: str, at: datetime) -> pl.DataFrame:
    """How far the source had told: of the minute that holds `at` its first event."""
    told = minutes.filter(pl.col("first_at") <= at)
    occurred = told.select(
        pl.when(pl.col("last_at") <= at).then(pl.col("last_at")).otherwise(pl.col("first_at")).max()
    ).item()
    schema = {"source": pl.String(), "last_occurred_at": INSTANT, "last_seen_at": INSTANT, "live": pl.Boolean()}
    rows = [] if occurred is None else [(source, occurred, occurred, False)]
    return pl.DataFrame(rows, schema=schema, orient="row")
