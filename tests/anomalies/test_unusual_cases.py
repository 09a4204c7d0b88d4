"""Cases unlike their peers: found, capped, and explained in one line with figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from logs import Happened, days, frame, stored
from projected import fresh_tenant

from anomalies.case_features import case_features, figures
from anomalies.circumstances import Circumstances
from anomalies.rule_models import UnusualCaseRule
from anomalies.unusual_cases import UsualCases, learn_usual_cases, unusual_cases
from anomalies.usual_wait import NotLearned
from kernel.clock import Clock
from kernel.findings import Finding, Kind
from kernel.process import ProcessDefinition
from kernel.warehouse import Warehouse
from mining.view import ProcessView

NOW = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DEFINITION = ProcessDefinition.model_validate(
    {
        "id": "returns",
        "object_type": "return",
        "end": ["Paid"],
        "case_attributes": [{"name": "channel"}, {"name": "amount"}],
    }
)
USUAL = ("Received", "Inspected", "Authorised", "Sent", "Paid")
RULE = UnusualCaseRule.model_validate(
    {"id": "odd", "kind": "unusual_case", "process": "returns", "at_least": 100, "quantile": 0.97, "most_share": 1.0}
)
NOWHERE = Circumstances(now=NOW, watermarks=pl.DataFrame(schema={"source": pl.String}))


def path(name: str, start: datetime, *steps: tuple[str, timedelta], channel: str = "web") -> list[Happened]:
    """The steps of one return, each with the wait before it."""
    events, at = [], start
    for position, (activity, wait) in enumerate(steps):
        at += wait
        told = {"channel": channel, "amount": 40} if position == 0 else {}
        actor = ("ann", "bob", "bob", "", "")[position % 5]
        events.append(Happened(activity, at, (("return", name, ""),), actor=actor, attributes=told))
    return events


def history(cases: int = 240) -> list[Happened]:
    """Returns of the last hundred days, each over within two days."""
    random = np.random.default_rng(1)
    events: list[Happened] = []
    for number in range(cases):
        waits = [timedelta(0), *(HOUR * float(hours) for hours in random.lognormal(1.4, 0.5, 4))]
        start = NOW - days(100) + days(90) * number / cases
        channel = "web" if number % 3 else "store"
        events += path(f"p{number:03}", start, *zip(USUAL, waits, strict=True), channel=channel)
    return events


def steps(*hours: float) -> list[tuple[str, timedelta]]:
    return [(activity, HOUR * wait) for activity, wait in zip(USUAL, hours, strict=False)]


PLANTED = [
    *path("stuck", NOW - days(9.3), *steps(0, 3, 3)),  # open, and nothing since
    *path("slow", NOW - days(12), *steps(0, 3, 220, 3, 3)),
    *path("again", NOW - days(2), *steps(0, 1), *[("Inspected", HOUR)] * 9, *steps(0, 1, 1, 1, 1)[2:]),
    *path("short", NOW - days(2), *steps(0, 3)[:1], ("Paid", 4 * HOUR)),
    *path("usual", NOW - days(1), *steps(0, 3, 4)),
    *path("young", NOW - HOUR, *steps(0)),
    *path("long ago", NOW - days(60), *steps(0, 3, 300, 3, 3)),
]


@pytest.fixture(scope="module")
def view(warehouse: Warehouse, clock: Clock) -> ProcessView:
    return stored(warehouse, clock, fresh_tenant(), frame([*history(), *PLANTED]), definition=DEFINITION)


@pytest.fixture(scope="module")
def learned(view: ProcessView) -> UsualCases:
    found = learn_usual_cases(view, RULE, NOW)
    assert isinstance(found, UsualCases)
    return found


@pytest.fixture(scope="module")
def findings(view: ProcessView, learned: UsualCases) -> dict[str, Finding]:
    return {one.case_id: one for one in unusual_cases(view, RULE, learned, NOWHERE).findings}


def test_what_is_strange_is_found_and_the_open_case_first(findings: dict[str, Finding]) -> None:
    assert next(iter(findings)) == "stuck"
    assert set(findings) == {"stuck", "slow", "again", "short"}


def test_the_reason_is_one_line_with_the_figures_of_the_peers(findings: dict[str, Finding]) -> None:
    stuck, slow, again = (findings[name] for name in ("stuck", "slow", "again"))
    assert (
        stuck.title
        == "stuck has waited 9d 1h since Authorised; half of its peers go on within 3h 47m, 99% within 11h 40m"
    )
    assert slow.title.startswith("slow waited 9d 4h between Inspected and Authorised; half of its peers wait 4h")
    assert ", 99% less than " in slow.title
    assert again.title.startswith("again repeats steps 9 times; half of its peers 0, 99% at most 0")
    assert "\n" not in stuck.title + slow.title + again.title
    assert float(slow.evidence.parameters["wait_s"]) == 220 * 3600
    assert 3 * 3600 < float(slow.evidence.parameters["peers_p50_s"]) < 5 * 3600


def test_each_figure_has_its_words(view: ProcessView, learned: UsualCases) -> None:
    """Whatever is strangest about a case, the reason names it, its figure and those of the peers."""
    rows = case_features(view, learned.usual, NOW).filter(pl.col("case_id") == "p100")
    strange = {
        "events": (90, "has 90 steps; half of its peers 5, 99% at most 5"),
        "handovers": (40, "changes hands 40 times; half of its peers 1, 99% at most 1"),
        "human_touches": (40, "was touched by people 40 times; half of its peers 0, 99% at most 0"),
        "retries": (9, "was tried again 9 times; half of its peers 0, 99% at most 0"),
        "duration_s": (9e8, "took 10416d 16h; half of its peers take "),
        "missing_steps": (2, " and 1 more of the usual steps, which "),
        "mean_bits": (9.0, "took rare turns: on average 0.2% of its peers go on so, where usual paths have 9"),
        "variant_bits": (8.0, "took its steps in an order that 0.4% of its peers have"),
        "wait_s Sent → Paid": (9e8, "waited 10416d 16h between Sent and Paid; half of its peers wait "),
    }
    for feature, (value, words) in strange.items():
        odd = rows.with_columns(
            pl.lit(value).cast(rows.schema[feature]).alias(feature), pl.lit("Sent").alias("missing_step")
        )
        [reason] = learned.explainer.explain(odd)
        assert reason.feature == feature
        assert words in reason.text
    for source, target, words in (
        ("Sent", "Received", "went from Sent to Received, as 0.1% of its peers do after Sent"),
        ("", "Sent", "began with Sent, as 0.1% of its peers do"),
        ("Sent", "", "ended with Sent, as 0.1% of those that come to it do"),
    ):
        odd = rows.with_columns(
            pl.lit(10.0).alias("rarest_bits"), pl.lit(source).alias("rarest_from"), pl.lit(target).alias("rarest_to")
        )
        assert [one.text for one in learned.explainer.explain(odd)] == [words]
    waited = rows.with_columns(pl.lit(9e8).alias("duration_s"), pl.lit(8e8).alias("longest_wait_s"))
    [reason] = learned.explainer.explain(waited)
    assert reason.text.startswith("waited 9259d 6h between ")
    usual = rows.with_columns(pl.lit(0.0).cast(rows.schema[name]).alias(name) for name in figures(rows).columns)
    assert learned.explainer.explain(usual)[0].text == "no single figure stands out, their combination does"


def test_a_finding_says_whose_it_is(view: ProcessView, learned: UsualCases) -> None:
    asked: list[Mapping[str, str]] = []

    def owner_of(about: Mapping[str, str]) -> tuple[str, str]:
        asked.append(about)
        return "returns team", "crm"

    around = replace(NOWHERE, owner_of=owner_of, price=lambda about: (Decimal(about["amount"]), "EUR"))
    [stuck, *_] = unusual_cases(view, RULE, learned, replace(around, store_attribute="channel")).findings
    assert (stuck.kind, stuck.rule, stuck.process) == (Kind.UNUSUAL_CASE, "odd", "returns")
    assert (stuck.value, stuck.currency, stuck.owner, stuck.dependency_owner) == (40, "EUR", "returns team", "crm")
    assert (stuck.store, stuck.suspect) == ("web", "Authorised")
    assert asked[0] == {"channel": "web", "amount": "40", "process": "returns", "step": "Authorised"}
    assert stuck.since == NOW - days(9.3) + 6 * HOUR
    assert stuck.anchor == (NOW - days(9.3)).isoformat()
    assert stuck.score is not None
    assert 0.5 < stuck.score <= 1
    assert stuck.cause == "unusual_case/returns/wait/Authorised"
    assert stuck.evidence.definitions["rule:odd"] == RULE.version


def test_a_cap_tells_how_many_it_leaves_out(view: ProcessView, learned: UsualCases) -> None:
    all_of_them = unusual_cases(view, RULE, learned, NOWHERE)
    assert all_of_them.left_out == 0
    one = unusual_cases(view, RULE.model_copy(update={"most_findings": 1}), learned, NOWHERE)
    assert ([found.case_id for found in one.findings], one.left_out) == (["stuck"], 3)
    assert one.looked_at == all_of_them.looked_at


def test_later_it_is_the_same_finding(view: ProcessView, learned: UsualCases, findings: dict[str, Finding]) -> None:
    later = unusual_cases(view, RULE, learned, replace(NOWHERE, now=NOW + 5 * HOUR)).findings
    assert later[0].id == findings["stuck"].id


def test_cases_that_are_found_unusual_do_not_teach(view: ProcessView, learned: UsualCases) -> None:
    fewer = learn_usual_cases(view, RULE, NOW, flagged=["again", "slow"])
    assert isinstance(fewer, UsualCases)
    before, after = (
        (one.peers, one.usual.over, one.usual.variants["cases"].sum(), one.usual.activities["cases"].max())
        for one in (learned, fewer)
    )
    assert (before, after) == ((244,) * 4, (242,) * 4)
    repeats = pl.col("source") == pl.col("target")
    assert [one.usual.steps.filter(repeats).height for one in (learned, fewer)] == [1, 0]
    found = [one.case_id for one in unusual_cases(view, RULE, fewer, NOWHERE).findings]
    assert found[0] == "stuck"
    assert {"slow", "again"} <= set(found)


def test_peers_share_the_segment(view: ProcessView) -> None:
    rule = RULE.model_copy(update={"segment": "channel"})
    found = learn_usual_cases(view, rule, NOW)
    assert isinstance(found, UsualCases)
    web = found.usual.step("Inspected", "Authorised", "web")
    assert web is not None
    assert web["segment"] == "web"
    assert found.usual.step("Inspected", "Authorised", "elsewhere") == found.usual.step("Inspected", "Authorised", "")
    [stuck, *_] = unusual_cases(view, rule, found, NOWHERE).findings
    assert stuck.case_id == "stuck"


def test_few_peers_teach_nothing(view: ProcessView) -> None:
    rule = RULE.model_copy(update={"at_least": 1000})
    found = learn_usual_cases(view, rule, NOW)
    assert isinstance(found, NotLearned)
    answer = unusual_cases(view, rule, found, NOWHERE)
    assert answer.findings == ()
    assert answer.not_learned == (
        "odd: 244 cases of returns that began since 2025-09-03 are over and can teach; 1000 are needed",
    )


def features(view: ProcessView, learned: UsualCases, name: str) -> dict[str, Any]:
    return case_features(view, learned.usual, NOW).filter(pl.col("case_id") == name).row(0, named=True)


def test_the_features_of_a_case(view: ProcessView, learned: UsualCases) -> None:
    stuck = features(view, learned, "stuck")
    assert (stuck["state"], stuck["last_activity"], stuck["events"]) == ("open", "Authorised", 3)
    assert stuck["pending_s"] == stuck["longest_wait_s"] == pytest.approx((9.3 * 24 - 6) * 3600)
    assert (stuck["slowest_from"], stuck["slowest_to"]) == ("Authorised", "")
    assert stuck["slowest_excess"] > 2
    assert stuck["missing_steps"] is None
    assert stuck["variant_bits"] is None
    assert (stuck["handovers"], stuck["rework"], stuck["retries"]) == (1, 0, 0)
    assert stuck["wait_s Received → Inspected"] == 3 * 3600
    assert stuck["wait_s Sent → Paid"] is None
    again = features(view, learned, "again")
    assert (again["rework"], again["events"], again["missing_steps"]) == (9, 14, 0)
    assert (again["rarest_from"], again["rarest_to"]) == ("Inspected", "Inspected")
    short = features(view, learned, "short")
    assert (short["missing_steps"], short["missing_step"]) == (3, "Authorised")
    assert (short["rarest_from"], short["rarest_to"]) == ("Received", "Paid")
    assert short["variant_bits"] > 6


def test_the_columns_are_bounded_and_the_rows_in_order(view: ProcessView, learned: UsualCases) -> None:
    rows = case_features(view, learned.usual, NOW)
    assert rows["case_id"].to_list() == sorted(rows["case_id"].to_list())
    assert len(figures(rows).columns) <= 24
    assert rows.equals(case_features(view, learned.usual, NOW))


def test_pages_make_one_whole(view: ProcessView, learned: UsualCases, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = case_features(view, learned.usual, NOW)
    monkeypatch.setattr("anomalies.case_features.PAGE", 100)
    assert case_features(view, learned.usual, NOW).equals(whole)
