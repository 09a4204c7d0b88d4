"""The shop goes on where the log ends: nothing twice, nothing missing, and what is sent again is paid once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.errors import NotFound
from simulator.return_to_refund import ReturnsLog, return_to_refund
from simulator.returns_day import returns_of
from simulator.returns_shop import ReturnsShop, canonical

END = datetime(2026, 3, 31, 18, tzinfo=timezone.utc)
UNTIL = END + timedelta(days=6)
MINUTES = int((UNTIL - END) / timedelta(minutes=1))


@pytest.fixture(scope="module")
def log() -> ReturnsLog:
    return return_to_refund(end=END, per_day=30, days=30)


@pytest.fixture(scope="module")
def told(log: ReturnsLog) -> list[dict[str, Any]]:
    return ReturnsShop(log.plan, since=log.plan.end).step(UNTIL)


def at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["occurred_at"])


def stuck(log: ReturnsLog) -> list[str]:
    return [entry["case_id"] for entry in log.truth["stuck"]]


def test_log_and_shop_are_two_pieces_of_the_same_lives(log: ReturnsLog, told: list[dict[str, Any]]) -> None:
    days = (UNTIL.date() - log.plan.first_date).days + 1
    whole = pl.concat([returns_of(log.plan, log.plan.first_date + timedelta(days=i)) for i in range(days)])
    ids = whole.filter(pl.col("occurred_at") <= UNTIL)["event_id"].to_list()
    assert sorted(log.events["event_id"].to_list() + [event["id"] for event in told]) == sorted(ids)
    assert all(END < at(event) <= UNTIL for event in told)
    assert len(told) > 800


@given(cuts=st.lists(st.integers(0, MINUTES), max_size=6))
@settings(max_examples=examples(4), deadline=None)
def test_however_time_is_cut_the_same_is_told(log: ReturnsLog, told: list[dict[str, Any]], cuts: list[int]) -> None:
    """Also where an instant is asked for that has passed: then nothing is told."""
    shop = ReturnsShop(log.plan, since=log.plan.end)
    pieces = [shop.step(END + timedelta(minutes=minutes)) for minutes in cuts]
    pieces.append(shop.step(UNTIL))
    assert [event for piece in pieces for event in piece] == told
    assert all(piece == sorted(piece, key=lambda event: (at(event), event["id"])) for piece in pieces)


@given(minutes=st.integers(-600, MINUTES))
@settings(max_examples=examples(3), deadline=None)
def test_a_shop_that_starts_anew_tells_the_rest(log: ReturnsLog, told: list[dict[str, Any]], minutes: int) -> None:
    since = END + timedelta(minutes=minutes)
    assert ReturnsShop(log.plan, since=max(log.plan.end, since)).step(UNTIL) == [
        event for event in told if at(event) > since
    ]


def test_many_who_step_at_once_are_told_everything_once(log: ReturnsLog, told: list[dict[str, Any]]) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    with ThreadPoolExecutor(4) as threads:
        pieces = threads.map(lambda hours: shop.step(END + timedelta(hours=hours)), range(0, 6 * 24 + 1, 3))
        ids = sorted(event["id"] for piece in pieces for event in piece)
    assert ids == sorted(event["id"] for event in told)


def test_after_the_end_refunds_are_healthy(log: ReturnsLog, told: list[dict[str, Any]]) -> None:
    authorised = {e["objects"][0]["id"]: at(e) for e in told if e["activity"] == "Refund authorised"}
    confirmed = {e["objects"][0]["id"] for e in told if e["activity"] == "Payment confirmed"}
    assert len(authorised) > 50
    assert {case for case, when in authorised.items() if when < UNTIL - timedelta(hours=8)} <= confirmed
    assert not confirmed & set(stuck(log)), "what is stuck stays so by itself"


def test_what_is_sent_again_is_paid_before_the_eyes_of_the_viewer(log: ReturnsLog) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    now = END + timedelta(hours=1, seconds=0.4)
    before = {event["id"] for event in shop.step(now)}
    assert shop.pay(stuck(log), now) == stuck(log)
    assert len(stuck(log)) > 3
    seconds = [shop.step(now + timedelta(seconds=second)) for second in range(1, 21)]
    resent = [event for piece in seconds for event in piece if event["id"].endswith("-resent")]
    for case_id in stuck(log):
        sent, confirmed = [event for event in resent if event["objects"] == [{"type": "return", "id": case_id}]]
        assert (sent["source"], sent["activity"]) == ("erp", "Refund sent to payments")
        assert (confirmed["source"], confirmed["activity"]) == ("payments", "Payment confirmed")
        assert now < at(sent) < at(confirmed) <= now + timedelta(seconds=20)
        amount = next(entry["amount"] for entry in log.truth["stuck"] if entry["case_id"] == case_id)
        assert sent.get("value") == confirmed.get("value") == amount
        assert sent["attributes"] == confirmed["attributes"] == {}
    moving = sum(any(e["activity"] == "Payment confirmed" for e in piece) for piece in seconds)
    assert moving >= min(3, len(stuck(log))), "one after the other"
    assert not before & {event["id"] for event in resent}


def test_after_all_are_paid_nothing_is_stuck(log: ReturnsLog) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    shop.pay(stuck(log), END + timedelta(hours=1))
    later = shop.step(UNTIL)
    confirmed = [e["objects"][0]["id"] for e in later if e["activity"] == "Payment confirmed"]
    assert len(confirmed) == len(set(confirmed)), "nobody is paid twice"
    assert set(stuck(log)) <= set(confirmed)


def test_nothing_is_paid_twice(log: ReturnsLog) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    first, *others = stuck(log)
    now = END + timedelta(minutes=5)
    assert shop.pay_by_hand(first, now)
    assert not shop.pay_by_hand(first, now)
    assert shop.pay([first, *others, *others], now) == others
    assert shop.pay(stuck(log), now) == []
    told = [event for event in shop.step(UNTIL) if event["objects"][0]["id"] in stuck(log)]
    paid = [event["objects"][0]["id"] for event in told if event["activity"] == "Payment confirmed"]
    assert sorted(paid) == sorted(stuck(log))
    by_hand = next(event for event in told if event["objects"][0]["id"] == first)
    assert (by_hand["actor_kind"], by_hand["source"], by_hand["id"]) == (
        "human",
        "payments",
        f"payments-{first}-by-hand",
    )


def test_a_healthy_refund_is_not_paid_again(log: ReturnsLog) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    paid = log.events.filter(pl.col("activity") == "Payment confirmed")["return_id"][0]
    coming = log.events["return_id"][-1]
    assert shop.pay([paid, coming], END) == []


def test_a_refund_is_not_stuck_before_it_is_authorised(log: ReturnsLog) -> None:
    entry = log.truth["stuck"][0]
    early = datetime.fromisoformat(entry["authorised_at"]) - timedelta(seconds=1)
    assert ReturnsShop(log.plan, since=early).pay([entry["case_id"]], early) == []


@pytest.mark.parametrize("wrong", ["RT-260331-9999", "RT-250101-0001", "SO-100001", ""])
def test_who_pays_an_unknown_return_pays_nothing(log: ReturnsLog, wrong: str) -> None:
    shop = ReturnsShop(log.plan, since=log.plan.end)
    with pytest.raises(NotFound, match=f"no return {wrong}"):
        shop.pay([*stuck(log), wrong], END)
    assert not [event for event in shop.step(END + timedelta(minutes=1)) if event["source"] == "payments"]
    assert shop.pay(stuck(log), END) == stuck(log)


def test_paying_the_same_again_in_a_new_shop_gives_the_same_ids(log: ReturnsLog) -> None:
    def resent(now: datetime) -> list[dict[str, Any]]:
        shop = ReturnsShop(log.plan, since=log.plan.end)
        shop.pay(stuck(log), now)
        return [event for event in shop.step(UNTIL) if event["id"].endswith("-resent")]

    one, same, later = resent(END), resent(END), resent(END + timedelta(hours=1))
    assert one == same
    assert sorted(event["id"] for event in one) == sorted(event["id"] for event in later)


def test_events_are_told_in_the_canonical_form(log: ReturnsLog, told: list[dict[str, Any]]) -> None:
    assert json.loads(json.dumps(told)) == told
    for event in told:
        assert event.keys() - {"error_code", "value", "currency"} == {
            *("id", "source", "activity", "occurred_at", "objects", "attributes", "actor", "actor_kind", "outcome"),
        }
        assert event["occurred_at"].endswith("Z")
        assert ("value" in event) == ("currency" in event)
        assert ("error_code" in event) == (event["outcome"] in ("error", "timeout"))
        assert None not in event["attributes"].values()
    requested = next(event for event in told if event["activity"] == "Return requested")
    assert {"store", "channel", "payment_method", "reason"} <= requested["attributes"].keys()
    day = returns_of(log.plan, END.date())
    assert [event["id"] for event in canonical(day)] == day["event_id"].to_list()


def test_naive_instants_are_refused(log: ReturnsLog) -> None:
    naive = datetime(2026, 4, 1)  # noqa: DTZ001
    shop = ReturnsShop(log.plan, since=log.plan.end)
    for wrong in (lambda: ReturnsShop(log.plan, since=naive), lambda: shop.step(naive), lambda: shop.pay([], naive)):
        with pytest.raises(ValueError, match="time zone"):
            wrong()
