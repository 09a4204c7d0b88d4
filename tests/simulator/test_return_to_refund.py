"""The log of returns is what its truth says: deterministic, plausible, causal, with one group of refunds stuck."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from demo_logs import least, middle, most, share

from simulator.return_to_refund import STATES, ReturnsLog, return_to_refund
from simulator.returns_day import date_of, return_id, returns_of
from simulator.returns_numbers import LONGEST_LIFE, RETURN_STEPS, Hours, ReturnsPlan, calendar_of, in_hours, next_batch

END = datetime(2026, 3, 31, 18, tzinfo=timezone.utc)
BERLIN = ZoneInfo("Europe/Berlin")
SEEDS = (7, 1, 2)
LIVES: dict[ReturnsPlan, dict[str, list[dict[str, Any]]]] = {}


@pytest.fixture(scope="module")
def logs() -> dict[int, ReturnsLog]:
    return {seed: return_to_refund(end=END, seed=seed) for seed in SEEDS}


@pytest.fixture(params=SEEDS)
def log(request: pytest.FixtureRequest, logs: dict[int, ReturnsLog]) -> ReturnsLog:
    return logs[request.param]


def lives(log: ReturnsLog) -> dict[str, list[dict[str, Any]]]:
    """The events of each return, in order; gathered once per log."""
    if log.plan not in LIVES:
        found = LIVES[log.plan] = {}
        for row in log.events.iter_rows(named=True):
            found.setdefault(row["return_id"], []).append(row)
    return LIVES[log.plan]


def digest(log: ReturnsLog) -> str:
    ipc = io.BytesIO()
    log.events.write_ipc(ipc)
    return hashlib.sha256((log.events.write_csv() + json.dumps(log.truth)).encode() + ipc.getvalue()).hexdigest()


def test_same_arguments_give_the_same_bytes_and_another_seed_other_ones() -> None:
    same = {digest(return_to_refund(end=END, per_day=4, days=20)) for _ in range(6)}
    assert len(same) == 1
    assert digest(return_to_refund(end=END, per_day=4, days=20, seed=8)) not in same


def test_another_process_with_other_string_hashes_makes_the_same_log() -> None:
    code = (
        "from datetime import datetime, timezone; from simulator.return_to_refund import return_to_refund;"
        "log = return_to_refund(end=datetime(2026, 3, 31, 18, tzinfo=timezone.utc), per_day=4, days=20);"
        "import sys; sys.stdout.buffer.write(log.events.write_csv().encode())"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(root), "POLARS_MAX_THREADS": "1"}
    made = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert made.stdout == return_to_refund(end=END, per_day=4, days=20).events.write_csv().encode()


def test_stuck_are_those_whom_the_fault_meets_and_nobody_else(log: ReturnsLog) -> None:
    fault = log.truth["fault"]
    begin = datetime.fromisoformat(fault["begin"])
    met, behind = set(), set()
    for case_id, events in lives(log).items():
        told = {event["activity"]: event for event in events}
        authorised = told.get("Refund authorised")
        if authorised is None:
            continue
        group = (events[0]["store"], events[0]["payment_method"])
        if group == (fault["store"], fault["payment_method"]) and authorised["occurred_at"] >= begin:
            met.add(case_id)
            assert events[-1] is authorised, f"{case_id} went on"
        elif "Payment confirmed" not in told and authorised["occurred_at"] < END - timedelta(hours=8):
            behind.add(case_id)
    assert not behind
    assert met == {entry["case_id"] for entry in log.truth["stuck"]}
    assert 20 <= len(met) <= 40


def test_the_fault_shows_in_nothing_but_its_group(log: ReturnsLog) -> None:
    """Before it begins and after, refunds of everybody else are sent and paid at the same pace, with as many errors."""
    begin = datetime.fromisoformat(log.truth["fault"]["begin"])
    waits: dict[bool, list[float]] = {False: [], True: []}
    failures: dict[bool, list[bool]] = {False: [], True: []}
    for events in lives(log).values():
        told = {event["activity"]: event["occurred_at"] for event in events}
        if "Payment confirmed" in told:
            after = told["Refund authorised"] >= begin
            waits[after].append((told["Payment confirmed"] - told["Refund authorised"]).total_seconds())
            failures[after].append(any(event["outcome"] in ("error", "timeout") for event in events))
    assert len(waits[True]) > 500
    assert max(waits[False] + waits[True]) < 8 * 3_600
    assert np.quantile(waits[True], 0.99) == pytest.approx(np.quantile(waits[False], 0.99), rel=0.15)
    assert all(0.01 < np.mean(failed) < 0.045 for failed in failures.values())


def fifth_working_day(received_at: datetime) -> datetime:
    """Closing of the fifth open day after the day of receipt, day by day as a person counts them."""
    day, left = received_at.astimezone(BERLIN).date(), 5
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day not in (date(2026, 4, 3), date(2026, 4, 6))
    closes = 17 if day.weekday() == 4 else 19
    return datetime(day.year, day.month, day.day, closes, tzinfo=BERLIN).astimezone(timezone.utc)


def test_late_are_those_past_the_fifth_working_day(log: ReturnsLog) -> None:
    by_id = lives(log)
    for entry in log.truth["stuck"]:
        told = {event["activity"]: event for event in by_id[entry["case_id"]]}
        assert entry["received_at"] == told["Return received"]["occurred_at"].isoformat()
        assert entry["authorised_at"] == told["Refund authorised"]["occurred_at"].isoformat()
        assert entry["amount"] == (None if (value := told["Refund authorised"]["value"]) is None else str(value))
        due_at = datetime.fromisoformat(entry["due_at"])
        promised = fifth_working_day(told["Return received"]["occurred_at"])
        if entry["paused"] is None:
            assert "Customer details requested" not in told
            assert due_at == promised
        else:
            asked, answered = told["Customer details requested"], told["Customer details received"]
            assert entry["paused"] == [asked["occurred_at"].isoformat(), answered["occurred_at"].isoformat()]
            assert due_at >= promised
        assert entry["late"] == (due_at < END)
    late = Counter(entry["late"] for entry in log.truth["stuck"])
    assert late[True] >= 5
    assert late[False] >= 5
    due = [datetime.fromisoformat(entry["due_at"]) for entry in log.truth["stuck"] if not entry["late"]]
    assert min(due) < END + timedelta(days=2) < END + timedelta(days=5) < max(due), "soon due, and due later"


def test_nobody_else_is_late_at_the_end(log: ReturnsLog) -> None:
    assert log.truth["late_others"] == []
    stuck = {entry["case_id"] for entry in log.truth["stuck"]}
    for case_id, events in lives(log).items():
        told = {event["activity"]: event["occurred_at"] for event in events}
        done = told.keys() & {"Payment confirmed", "Return rejected", "Customer details requested"}
        if case_id not in stuck and not done and "Return received" in told:
            assert fifth_working_day(told["Return received"]) >= END


def test_the_finding_sums_up_the_stuck(log: ReturnsLog) -> None:
    finding, stuck = log.truth["finding"], log.truth["stuck"]
    assert finding["cases"] == len(stuck)
    assert finding["late"] == sum(entry["late"] for entry in stuck)
    value = sum(Decimal(entry["amount"]) for entry in stuck if entry["amount"] is not None)
    assert Decimal(finding["value"]["EUR"]) == value
    assert 2_000 < value < 8_000
    assert finding["unpriced"] == sum(entry["amount"] is None for entry in stuck)


def test_every_return_is_in_exactly_one_state(log: ReturnsLog) -> None:
    stuck = {entry["case_id"] for entry in log.truth["stuck"]}
    last = {case_id: events[-1]["activity"] for case_id, events in lives(log).items()}
    states = Counter("stuck" if case_id in stuck else STATES[activity] for case_id, activity in last.items())
    assert dict(states) == log.truth["counts"]["states"]
    assert states.total() == log.truth["counts"]["returns"] == log.events["return_id"].n_unique()
    assert log.truth["counts"]["events"] == len(log.events)
    assert {"on its way", "in the returns centre", "waiting for the customer"} <= states.keys(), "returns in flight"


def test_paths_are_causal(log: ReturnsLog) -> None:
    rank = {activity: position for position, activity in enumerate(log.truth["order"])}
    for case_id, events in lives(log).items():
        steps = [event["activity"] for event in events]
        assert steps[0] == "Return requested"
        assert all(rank[one] <= rank[two] for one, two in pairwise(steps)), (case_id, steps)
        assert all(one["occurred_at"] < two["occurred_at"] for one, two in pairwise(events))
        assert not set(log.truth["ends"]) & set(steps[:-1]), "nothing follows an end"
        assert (
            ("Parcel scanned" in steps)
            <= ("Return label sent" in steps)
            == (events[0]["channel"] != "store" and len(steps) > 1)
        )


def test_the_log_is_cut_exactly_at_its_end(log: ReturnsLog) -> None:
    assert most(log.events["occurred_at"]) <= END
    assert least(log.events["occurred_at"]) >= END - timedelta(days=60)
    plan = log.plan
    whole = pl.concat([returns_of(plan, plan.first_date + timedelta(days=i)) for i in range(plan.days)])
    assert len(whole.filter(pl.col("occurred_at") <= END)) == len(log.events)
    ages = whole.group_by("return_id").agg(age=pl.col("occurred_at").max() - pl.col("occurred_at").min())["age"]
    assert most(ages) < LONGEST_LIFE / 2


def test_people_work_in_their_hours_and_batches_around_the_clock(log: ReturnsLog) -> None:
    for activity, step in RETURN_STEPS.items():
        at = log.events.filter(pl.col("activity") == activity)["occurred_at"]
        if step.hours != "always":
            calendar = calendar_of(step.hours)
            assert all(calendar.is_open(moment) for moment in at), activity
    sent = log.events.filter(pl.col("system") == "erp")["occurred_at"]
    assert (sent.dt.minute() == 40).all()
    paid = log.events.filter(pl.col("system") == "payments")["occurred_at"]
    assert (paid.dt.hour() % 2 == 1).all()
    assert paid.dt.minute().is_between(5, 10).all()
    human = log.events.filter(pl.col("actor_kind") == "human")
    assert human["actor"].str.contains(r"^(dock|inspector|agent)-\d\d$").all()
    assert set(human["system"]) == {"wms", "crm"}
    assert set(log.events["system"]) == {"shop", "carrier", "wms", "crm", "erp", "payments"}


def test_shares_waits_and_rhythm_are_those_of_a_shop(log: ReturnsLog) -> None:
    cases = log.events.group_by("return_id").agg(
        pl.col("store", "channel", "payment_method").drop_nulls().first(),
        steps=pl.col("activity"),
        **{
            name: pl.col("occurred_at").filter(pl.col("activity") == activity).first()
            for name, activity in (("received", "Return received"), ("paid", "Payment confirmed"))
        },
    )
    assert 5_600 < len(cases) < 6_400
    assert cases["store"].n_unique() == 10
    assert set(cases["channel"]) == {"web", "app", "marketplace", "store"}
    assert 0.20 < share(cases["payment_method"] == "bank_transfer") < 0.28
    received = cases.drop_nulls("received")
    assert 0.03 < share(received["steps"].list.contains("Return rejected")) < 0.06
    assert 0.04 < share(received["steps"].list.contains("Customer details requested")) < 0.09
    refunded = cases.drop_nulls("paid").with_columns(wait=pl.col("paid") - pl.col("received"))
    assert timedelta(hours=12) < middle(refunded["wait"]) < timedelta(days=2)
    kept = [row["paid"] <= fifth_working_day(row["received"]) for row in refunded.iter_rows(named=True)]
    assert 0.95 < np.mean(kept) < 1
    requested = log.events.filter(pl.col("activity") == "Return requested")
    assert share(requested["occurred_at"].dt.weekday() == 7) < 0.10 < share(requested["occurred_at"].dt.weekday() == 1)
    amounts = requested["refund_amount"].drop_nulls()
    assert 0.008 < 1 - len(amounts) / len(requested) < 0.025, "a few have no amount"
    assert amounts.str.contains(r"^\d+\.\d\d$").all()
    assert 78 < middle(amounts.cast(pl.Float64)) < 92
    assert len(log.events.filter(pl.col("value").is_not_null() != (pl.col("currency") == "EUR"))) == 0


def test_ids_are_unique_and_tell_source_and_return(log: ReturnsLog) -> None:
    assert log.events["event_id"].is_unique().all()
    told = log.events.select(pl.col("event_id").str.starts_with(pl.format("{}-{}-", "system", "return_id")))
    assert told.to_series().all()


def test_an_id_tells_its_date() -> None:
    assert date_of(return_id(date(2026, 3, 9), 12_345)) == date(2026, 3, 9)
    for wrong in (
        "RT-260231-0001",
        "RT-260301-1",
        "SO-260301-0001",
        "RT-2603-0001",
        "",
        "RT-260301-0001-1",
        "RT--0001",
    ):
        with pytest.raises(ValueError, match=r"."):
            date_of(wrong)


def test_truth_is_plain_json(log: ReturnsLog) -> None:
    assert json.loads(json.dumps(log.truth)) == log.truth


@pytest.mark.parametrize("hours", ["returns centre", "service desk", "carrier", "customers"])
def test_what_comes_outside_hours_is_done_after_the_next_opening(hours: Hours) -> None:
    rng = np.random.Generator(np.random.PCG64(1))
    epoch, us = datetime(1970, 1, 1, tzinfo=timezone.utc), timedelta(microseconds=1)
    begin_us = (datetime(2026, 3, 27, tzinfo=timezone.utc) - epoch) // us
    at_us = begin_us + np.arange(0, 14 * 24 * 6, dtype=np.int64) * 600_000_000  # over the clock change and Easter
    calendar = calendar_of(hours)
    for before_us, after_us in zip(at_us, in_hours(rng, at_us, hours, 2026), strict=True):
        before, after = epoch + int(before_us) * us, epoch + int(after_us) * us
        opens = calendar.next_open(before)
        assert after == before if opens == before else opens < after <= opens + timedelta(hours=3)


def test_a_batch_never_takes_what_comes_as_it_runs() -> None:
    at_us = np.asarray([0, 40 * 60_000_000, 40 * 60_000_000 - 1], dtype=np.int64)
    minutes = next_batch("Refund sent to payments", at_us) / 60_000_000
    assert minutes.tolist() == [40, 100, 40]


def test_wrong_plans_are_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        return_to_refund(end=datetime(2026, 3, 31))  # noqa: DTZ001
    for wrong in ({"days": 0}, {"per_day": 0}, {"seed": -1}):
        with pytest.raises(ValueError, match="expected days"):
            return_to_refund(end=END, **wrong)


def test_a_plan_in_another_zone_is_the_same_plan() -> None:
    assert ReturnsPlan(END.astimezone(BERLIN)) == ReturnsPlan(END)
