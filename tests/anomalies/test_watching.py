"""One rule at one instant: what it learns and keeps, what it asks for, and what is an answer to what it found."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone

import polars as pl
import pytest
from logs import START, frame, happened, process, stored

from anomalies import watching
from anomalies.circumstances import unowned
from anomalies.finding_store import OpenFinding
from anomalies.recording import CURED
from anomalies.rule_models import MissingEventRule, SlaRule, UnusualCaseRule
from anomalies.watching import Watch, circumstances
from ingest.watermarks import WATERMARKS, watermarks
from kernel.clock import Clock
from kernel.promise import Promise
from kernel.warehouse import Warehouse
from mining.view import ProcessView

DEFINITION = process(
    end=("Paid",),
    promises=(Promise.model_validate({"name": "paid in time", "from": "Authorised", "to": "Paid", "within": "90m"}),),
)
RULE = MissingEventRule.model_validate(
    {
        "id": "unpaid",
        "kind": "missing_event",
        "process": "p",
        "after": "Authorised",
        "expect": "Paid",
        "source": "bank",
        "at_least": 2,
        "settle": "2h",
        "learn_from": "10h",
    }
)
SLA = SlaRule.model_validate({"id": "late", "kind": "sla", "process": "p", "promise": "paid in time"})
ODD = UnusualCaseRule.model_validate({"id": "odd", "kind": "unusual_case", "process": "p"})
LAST = START + timedelta(hours=10)
"""Of the bank, and of the log: loaded history stands still there."""
TODAY = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)


def nothing(process: str, rule: str) -> list[str]:
    return []


def told(warehouse: Warehouse, clock: Clock, tenant: str, *waits: str) -> ProcessView:
    """An hour between authorised and paid in these cases; the case "stuck" waits for five; other business at LAST."""
    events = [happened("Authorised", "5h", "stuck", source="crm"), happened("Paid", LAST, "other", source="bank")]
    for number, name in enumerate(waits):
        events.append(happened("Authorised", f"{number}h", name, source="crm"))
        events.append(happened("Paid", f"{number + 1}h", name, source="bank"))
    return stored(warehouse, clock, tenant, frame(events), definition=DEFINITION)


def test_what_is_learned_is_kept_for_a_day_and_that_it_is_too_little_for_a_minute(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    watch = Watch(unowned, nothing)

    def taught(at: datetime) -> list[str]:
        """Of every finding by how many waits it is known; else why nothing is."""
        watched = watch.look(view, RULE, LAST, at)
        return [one.evidence.parameters["waits"] for one in watched.detected.findings] or list(watched.not_learned)

    view = ProcessView(warehouse, tenant, DEFINITION)
    [little] = taught(TODAY)
    assert little.startswith("unpaid: 0 waits from Authorised to Paid are known")
    told(warehouse, clock, tenant, "a", "b")
    assert taught(TODAY + timedelta(seconds=59)) == [little]
    assert taught(TODAY + timedelta(seconds=60)) == ["2"]
    told(warehouse, clock, tenant, "a", "b", "c")
    assert taught(TODAY + timedelta(hours=11)) == ["2"]
    assert taught(TODAY + timedelta(hours=12)) == ["3"]  # the clock shows another day, though the log does not


def test_a_rule_asks_how_far_its_own_source_told_and_takes_only_that_for_an_answer(
    warehouse: Warehouse, clock: Clock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def noted(opened: Warehouse, name: str, sources: Iterable[str] = ()) -> pl.DataFrame:
        asked.append(list(sources))
        return watermarks(opened, name, sources)

    monkeypatch.setattr(watching, "watermarks", noted)
    view, watch = told(warehouse, clock, tenant), Watch(unowned, nothing)
    watched, *_ = [watch.look(view, rule, LAST, TODAY) for rule in (RULE, SLA, ODD)]
    assert asked == [["bank"]]
    nobodys = circumstances(view, LAST, unowned).watermarks
    assert (nobodys.schema, nobodys.height) == (WATERMARKS, 0)
    # No silence is found any more; but of a source that told nothing since, that is no answer.
    assert watched.detected.findings == []
    silent = [OpenFinding(str(ago), "", "", (LAST - timedelta(hours=ago)).isoformat(), LAST) for ago in (0, 1)]
    assert watched.detected.how(silent) == {"1": (CURED, None)}
