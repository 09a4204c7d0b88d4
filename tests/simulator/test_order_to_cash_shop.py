"""The demo's log is that of a shop: shares, rhythm, paths, and the bottlenecks that its truth tells."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from demo_logs import END, MAIN_PATH, least, middle, most, pairs, share, share_with

from simulator.order_to_cash import DemoLog


def test_shares_are_those_of_a_shop(log: DemoLog) -> None:
    assert 0.07 <= share_with(log, "Order cancelled") <= 0.09
    assert 0.08 <= share_with(log, "Return requested") <= 0.10
    assert 0.03 <= share_with(log, "Payment failed") <= 0.08
    assert 0.02 <= share_with(log, "Fraud review") <= 0.05
    assert 0.05 <= share_with(log, "Credit check") <= 0.15
    assert 0.03 <= share_with(log, "Backorder") <= 0.07
    assert 0.02 <= share_with(log, "Address corrected") <= 0.04
    assert 0.04 <= share_with(log, "Delivery attempt failed") <= 0.09


def test_variants_follow_a_power_law(log: DemoLog) -> None:
    cases = log.events.group_by("order_id", maintain_order=True).agg("activity")
    sizes = cases.group_by("activity").len()["len"].sort(descending=True)
    assert 0.25 <= sizes[0] / 20_000 <= 0.45
    assert len(sizes) > 200
    assert share(sizes == 1) > 0.3
    slope = np.polyfit(np.log(np.arange(1, 101)), np.log(sizes.head(100).to_numpy()), 1)[0]
    assert -2.5 < slope < -0.8


def test_rhythm_of_day_and_week(log: DemoLog) -> None:
    placed = log.events.filter(pl.col("activity") == "Order placed")["occurred_at"]
    by_hour = placed.dt.hour().value_counts().sort("occurred_at")["count"]
    assert by_hour[:6].sum() / 6 < by_hour[9:18].sum() / 9 / 5
    assert share(placed.dt.weekday() == 7) < 0.12
    assert share(placed.dt.weekday() == 1) > 0.14


def test_people_work_from_seven_to_nineteen_on_monday_to_saturday(log: DemoLog) -> None:
    human = log.events.filter(pl.col("actor_kind") == "human")
    assert human["actor"].str.contains(r"^[a-z]+-\d{2,3}$").all()
    assert human["occurred_at"].dt.hour().is_between(7, 18).all()
    assert (human["occurred_at"].dt.weekday() <= 6).all()
    assert set(human["activity"]) >= {"Pick started", "Packed", "Carrier handover", "Refund approved"}


def test_nothing_happens_after_the_end_or_before_the_start(log: DemoLog) -> None:
    assert most(log.events["occurred_at"]) <= END
    assert least(log.events["occurred_at"]) >= END - timedelta(days=90)
    assert most(log.events["occurred_at"]) > END - timedelta(hours=1)


def test_open_orders_are_the_late_ones(log: DemoLog) -> None:
    cases = log.events.group_by("order_id").agg(placed_at=pl.col("occurred_at").first(), last=pl.col("activity").last())
    still_open = cases.filter(~pl.col("last").is_in(log.truth["ends"]))
    assert 200 < len(still_open) == log.truth["counts"]["open"]
    assert (still_open["placed_at"] > END - timedelta(days=35)).all()
    assert share(still_open["placed_at"] > END - timedelta(days=3)) > 0.5


def test_every_case_starts_and_ends_as_declared(log: DemoLog) -> None:
    cases = log.events.group_by("order_id").agg(
        first=pl.col("activity").first(),
        cancelled=pl.col("activity").eq("Order cancelled").sum(),
        last=pl.col("activity").last(),
    )
    assert cases["first"].is_in(log.truth["starts"]).all()
    assert cases.filter(pl.col("cancelled") > 0).select((pl.col("last") == "Order cancelled").all()).item()
    assert cases["cancelled"].max() == 1


def test_main_path_is_causal(log: DemoLog) -> None:
    firsts = log.events.pivot("activity", index="order_id", values="occurred_at", aggregate_function="min")
    for earlier, later in pairwise(MAIN_PATH):
        both = firsts.drop_nulls(later)
        assert both[earlier].null_count() == 0, f"{later} without {earlier}"
        assert (both[earlier] < both[later]).all(), f"{later} before {earlier}"


def test_events_of_an_order_never_share_an_instant(log: DemoLog) -> None:
    assert least(pairs(log.events)["wait_s"]) >= 1


def test_declared_order_ranks_the_main_path(log: DemoLog) -> None:
    rank = {activity: position for position, activity in enumerate(log.truth["order"])}
    assert sorted(MAIN_PATH, key=rank.__getitem__) == list(MAIN_PATH)


def test_rework_exists(log: DemoLog) -> None:
    counts = log.events.group_by("order_id").agg(
        labels=pl.col("activity").eq("Label printed").sum(),
        corrections=pl.col("activity").eq("Address corrected").sum(),
        picks=pl.col("activity").eq("Pick started").sum(),
    )
    reprinted = counts.filter(pl.col("corrections") > 0)
    # One order may be cut by the end of the log between the correction and its new label.
    assert share(reprinted["labels"] == reprinted["corrections"] + 1) > 0.95
    assert counts["picks"].max() == 2


def test_planted_bottlenecks_are_the_top_two_by_hours_over_the_median_wait(log: DemoLog) -> None:
    waits = pairs(log.events)
    over_s = (pl.col("wait_s") - waits["wait_s"].median()).clip(lower_bound=0)
    ranking = waits.group_by("source", "target").agg(hours_over=over_s.sum() / 3600)
    ranking = ranking.sort("hours_over", descending=True)
    planted = {(entry["source"], entry["target"]) for entry in log.truth["bottlenecks"]}
    assert planted == {("Label printed", "Carrier handover"), ("Return received", "Refund approved")}
    assert set(ranking.head(2).select("source", "target").iter_rows()) == planted
    assert ranking["hours_over"][1] > 1.25 * ranking["hours_over"][2]


def test_truth_tells_the_slow_carrier_as_the_log_shows_it(log: DemoLog) -> None:
    truth = next(entry for entry in log.truth["bottlenecks"] if entry["target"] == "Carrier handover")
    plan = truth["parameters"]
    waits = pairs(log.events).filter(pl.col("source") == "Label printed", pl.col("target") == "Carrier handover")
    at_carrier = pl.col("carrier") == plan["carrier"]
    in_region = at_carrier & (pl.col("region") == plan["region"])
    slow = waits.filter(pl.col("wait_s") > 0.75 * 86_400)
    assert len(waits) == truth["pairs"]
    assert sum(truth["affected_by_region"].values()) == truth["affected"]
    assert truth["affected_by_region"][plan["region"]] / truth["affected"] > 0.6
    # A weekend can make an unaffected order wait as long: the count can only be near.
    assert truth["affected"] == pytest.approx(len(slow.filter(at_carrier)), rel=0.10)
    extra_s = middle(waits.filter(in_region)["wait_s"]) - middle(waits.filter(~at_carrier)["wait_s"])
    assert 1.7 * 86_400 < extra_s < 2.6 * 86_400
    assert truth["median_wait_affected_s"] - truth["median_wait_others_s"] == pytest.approx(extra_s, rel=0.15)


def test_truth_tells_the_slow_clerk_as_the_log_shows_it(log: DemoLog) -> None:
    truth = next(entry for entry in log.truth["bottlenecks"] if entry["target"] == "Refund approved")
    clerk = truth["parameters"]["actor"]
    waits = pairs(log.events).filter(pl.col("source") == "Return received", pl.col("target") == "Refund approved")
    of_clerk = waits.filter(pl.col("target_actor") == clerk)
    others = waits.filter(pl.col("target_actor") != clerk)
    assert len(waits) == truth["pairs"]
    assert len(of_clerk) == truth["affected"]
    assert middle(waits["wait_s"]) > 4 * 86_400
    assert of_clerk["wait_s"].median() == pytest.approx(truth["median_wait_affected_s"])
    assert others["wait_s"].median() == pytest.approx(truth["median_wait_others_s"])
    assert middle(others["wait_s"]) < 86_400
    approved_at = of_clerk.sort("occurred_at").select(pl.col("occurred_at") + pl.col("wait"))
    assert approved_at.to_series().is_sorted(), "the clerk's queue is first in, first out"


def test_truth_is_plain_json_and_counts_the_log(log: DemoLog) -> None:
    assert json.loads(json.dumps(log.truth)) == log.truth
    counts = log.truth["counts"]
    assert counts["orders"] == log.events["order_id"].n_unique() == 20_000
    assert counts["events"] == len(log.events)
    assert counts["cancelled"] / 20_000 == share_with(log, "Order cancelled")
    assert counts["returned"] / 20_000 == share_with(log, "Return requested")
