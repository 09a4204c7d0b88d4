"""Rules asked at instants of the past."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from logs import days, frame, stored
from projected import fresh_tenant
from returns import AUTHORISED, CONFIRMED, returns
from timelines import MONDAY, event, in_shop_hours, rule

from anomalies.backtest import BackTest, back_test
from anomalies.circumstances import Circumstances
from kernel.clock import Clock
from kernel.warehouse import Warehouse
from mining.view import ProcessView

HOUR = timedelta(hours=1)
ANYWHERE = Circumstances(now=MONDAY, watermarks=pl.DataFrame(schema={"source": pl.String}))


@pytest.fixture(scope="module")
def view(warehouse: Warehouse, clock: Clock) -> ProcessView:
    """Eight quiet weeks, and a week in which two refunds are stuck, one of which is paid two days later."""
    events = in_shop_hours(timedelta(hours=2))
    for day in range(5):
        for hour in range(1, 10, 2):
            at = MONDAY + days(day) + HOUR * hour
            events.append(event(AUTHORISED, at, f"week {day} {hour}"))
            events.append(event(CONFIRMED, at + HOUR / 5, f"week {day} {hour}", "payments"))
    events.append(event(AUTHORISED, MONDAY + HOUR * 2, "stuck"))
    events.append(event(AUTHORISED, MONDAY + days(1) + HOUR * 2, "paid late"))
    events.append(event(CONFIRMED, MONDAY + days(3), "paid late", "payments"))
    return stored(warehouse, clock, fresh_tenant(), frame(events), definition=returns())


@pytest.fixture(scope="module")
def tested(view: ProcessView) -> BackTest:
    return back_test(
        view, rule(), MONDAY, MONDAY + days(4), ANYWHERE, every=12 * HOUR, relearn=days(4), truth=["stuck", "other"]
    )


def test_what_would_have_been_found_and_when(tested: BackTest) -> None:
    assert tested.instants == 9
    assert tested.found.select("kind", "case_id", "found_at", "last_found_at").rows() == [
        ("missing_event", "stuck", MONDAY + 12 * HOUR, MONDAY + days(4)),
        ("missing_event", "paid late", MONDAY + days(1) + 12 * HOUR, MONDAY + days(2) + 12 * HOUR),
    ]
    assert tested.not_learned == ()


def test_findings_per_day(tested: BackTest) -> None:
    assert tested.days["day"].to_list() == [(MONDAY + days(day)).date() for day in range(5)]
    assert tested.days["new"].to_list() == [1, 1, 0, 0, 0]
    assert tested.days["open"].to_list() == [1, 2, 2, 1, 1]


def test_precision_and_recall_against_what_is_true(view: ProcessView, tested: BackTest) -> None:
    assert (tested.precision, tested.recall) == (0.5, 0.5)
    untold = back_test(view, rule(), MONDAY, MONDAY, ANYWHERE)
    assert (untold.precision, untold.recall, untold.instants) == (None, None, 1)


def test_before_enough_is_known_it_says_so(view: ProcessView) -> None:
    early = back_test(view, rule(), MONDAY - days(50), MONDAY - days(50), ANYWHERE)
    assert early.found.is_empty()
    assert early.not_learned[0].startswith("refund_not_confirmed: 20 waits from")


def test_a_stretch_that_makes_no_sense_is_refused(view: ProcessView) -> None:
    with pytest.raises(ValueError, match="aware instants in order"):
        back_test(view, rule(), MONDAY, MONDAY - HOUR, ANYWHERE)
    with pytest.raises(ValueError, match="aware instants in order"):
        back_test(view, rule(), MONDAY, MONDAY, ANYWHERE, every=timedelta())
