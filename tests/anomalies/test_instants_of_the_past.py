"""Rules at an instant: what they say equals a slow reference in plain Python, and later events change nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import PROCESS, START, Happened, case_ref, frame, process, stored
from polars.testing import assert_frame_equal
from projected import fresh_tenant

from anomalies import missing_event
from anomalies.case_features import case_features
from anomalies.circumstances import Circumstances
from anomalies.missing_event import missing_events
from anomalies.rule_models import MissingEventRule
from anomalies.usual_paths import learn_usual_paths
from anomalies.usual_wait import LearnedWait, NotLearned, awaited, usual_wait
from kernel.clock import Clock
from kernel.events import INSTANT
from kernel.warehouse import Warehouse, load_query
from mining.filters import EVERYTHING, CaseFilter

MINUTE = timedelta(minutes=1)
LENGTH = 60
RULE = MissingEventRule.model_validate(
    {
        "id": "r",
        "kind": "missing_event",
        "process": PROCESS,
        "after": "A",
        "expect": "B",
        "source": "y",
        "unless": ["E"],
        "learn_from": "50m",
        "settle": "6m",
        "at_least": 2,
        "quantile": 0.75,
    }
)
DEFINITION = process(end=("B", "E"))
UNANSWERED = load_query(missing_event.__file__, "unanswered")


@st.composite
def cases(draw: st.DrawFn) -> list[Happened]:
    """A few cases whose events have instants of their own, so that nothing is assumed of their order."""
    events: list[Happened] = []
    for name in map(str, range(draw(st.integers(3, 7)))):
        minutes = draw(st.lists(st.integers(0, LENGTH), unique=True, min_size=1, max_size=9))
        for minute in minutes:
            events.append(
                Happened(
                    draw(st.sampled_from("AABBCE")),
                    START + minute * MINUTE,
                    (case_ref(name),),
                    source=draw(st.sampled_from("xy")),
                    actor=draw(st.sampled_from(("", "ann", "bob"))),
                    outcome=draw(st.sampled_from(("ok", "retry"))),
                )
            )
    return events


def reference_waits(events: list[Happened], cut: datetime) -> Iterator[tuple[str, datetime, int, datetime | None, str]]:
    """Of each wait the case, when it began, with which A of the case, when it was over and how."""
    by_case: dict[str, list[Happened]] = {}
    for one in sorted(events, key=lambda event: event.occurred_at):
        if one.occurred_at <= cut:
            by_case.setdefault(one.objects[0][1], []).append(one)
    for name, path in sorted(by_case.items()):
        asked, nth, count = None, 0, 0
        for one in path:
            count += one.activity == "A"
            if one.activity == "A" and asked is None:
                asked, nth = one.occurred_at, count
            elif asked is not None and one.activity in "BE":
                yield name, asked, nth, one.occurred_at, "answered" if one.activity == "B" else "ended"
                asked = None
        if asked is not None:
            yield name, asked, nth, None, "waiting"


def reference_limit(events: list[Happened], cut: datetime) -> timedelta | None:
    """The learned limit; None where too little is known."""
    since, until = cut - RULE.learn_from, cut - RULE.settle
    answered = [
        (asked, over - asked)
        for _, asked, _, over, how in reference_waits(events, cut)
        if over is not None and how == "answered" and since <= asked < until
    ]
    taught = [wait for _, wait in answered if wait <= RULE.settle]
    watched = [wait for asked, wait in answered if asked < until - RULE.settle]
    late = [wait for wait in watched if wait > RULE.settle]
    if len(taught) < RULE.at_least or len(late) > (1 - RULE.quantile) * len(watched):
        return None
    micros = np.quantile([wait / timedelta(microseconds=1) for wait in taught], RULE.quantile)
    return math.ceil(micros) * timedelta(microseconds=1)


def watermarks(events: list[Happened], cut: datetime) -> pl.DataFrame:
    told = [one.occurred_at for one in events if one.source == "y" and one.occurred_at <= cut]
    schema: dict[str, Any] = {"source": pl.String, "last_occurred_at": INSTANT, "last_seen_at": INSTANT}
    rows = [("y", max(told), max(told), False)] if told else []
    return pl.DataFrame(rows, schema={**schema, "live": pl.Boolean}, orient="row")


@settings(
    max_examples=examples(3),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=cases(), minutes=st.lists(st.integers(5, LENGTH + 5), min_size=2, max_size=2, unique=True))
def test_the_missing_event_rule_equals_its_reference(
    warehouse: Warehouse, clock: Clock, events: list[Happened], minutes: list[int]
) -> None:
    view = stored(warehouse, clock, fresh_tenant(), frame(events), definition=DEFINITION)
    for cut in [START + minute * MINUTE for minute in minutes]:
        found = view.ask(UNANSWERED, EVERYTHING, **awaited(DEFINITION, RULE, cut))
        waiting = [wait for wait in reference_waits(events, cut) if wait[4] == "waiting"]
        assert found.select("case_id", "asked_at", "nth").rows() == [wait[:3] for wait in waiting]
        expected, limit = usual_wait(view, RULE, cut), reference_limit(events, cut)
        if limit is None:
            assert isinstance(expected, NotLearned)
            limit, learned = 4 * MINUTE, LearnedWait(4 * MINUTE, MINUTE, 2, cut, cut)
        else:
            assert isinstance(expected, LearnedWait)
            assert expected.limit == limit
            learned = expected
        around = Circumstances(now=cut, watermarks=watermarks(events, cut))
        answer = missing_events(view, RULE, learned, NotLearned("silence is not known"), around)
        overdue = [(name, asked) for name, asked, *_ in waiting if asked + limit <= cut]
        mark = around.told_until("y")[0]
        missing = [(name, asked) for name, asked in overdue if mark is not None and mark > asked + limit]
        assert [(one.case_id, one.anchor) for one in answer.findings] == [
            (name, asked.isoformat()) for name, asked in missing
        ]
        assert answer.undecided == len(overdue) - len(missing)


@settings(
    max_examples=examples(2),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(events=cases(), minute=st.integers(10, LENGTH - 10))
def test_what_happens_later_changes_nothing(
    warehouse: Warehouse, clock: Clock, events: list[Happened], minute: int
) -> None:
    """Asked about an instant, the whole log says what the log says that ends there."""
    cut = START + minute * MINUTE
    before = [one for one in events if one.occurred_at <= cut]
    if not before:
        return
    answers = []
    for rows in (events, before):
        view = stored(warehouse, clock, fresh_tenant(), frame(rows), definition=DEFINITION)
        usual = learn_usual_paths(view, cut, CaseFilter(until=cut))
        features = case_features(view, usual, cut).drop("human_touches", "due_at")
        answers.append((usual.steps, usual.activities, usual.variants, features))
    for whole, ended in zip(*answers, strict=True):
        assert_frame_equal(whole, ended)
    assert answers[0][3]["case_id"].to_list() == sorted({one.objects[0][1] for one in before})
