"""Scenario files: those that are shipped, every mistake with its file and line, and the page that describes them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import typer

from gembascope.commands.check import check_
from gembascope.demo.history import DAYS
from kernel.errors import DefinitionError
from simulator.faults.kinds import KINDS
from simulator.faults.reference import PAGE, page
from simulator.faults.scenario import SHIPPED, read_scenario, too_late
from simulator.simulation import Simulation

BAD = Path(__file__).resolve().parent.parent / "bad_scenarios"

MESSAGES = {
    "cannot_be_narrowed.yaml": [
        "cannot_be_narrowed.yaml:3: faults.0: erp_batch_skipped cannot be narrowed to a store; it can to: nothing",
        "cannot_be_narrowed.yaml:7: faults.1: carrier_backlog cannot be narrowed to a store; it can to: "
        "carrier, region, weekday",
    ],
    "given_twice.yaml": [
        "given_twice.yaml:6: from: given twice",
    ],
    "needs_a_place.yaml": [
        "needs_a_place.yaml:3: faults.0: webhook_dead needs where.interface: one of crm-to-erp, "
        "erp-to-market, erp-to-payments, erp-to-shop, erp-to-wms, market-to-erp, payments-to-erp, "
        "pos-to-erp, …",
        "needs_a_place.yaml:6: faults.1: workflow_stopped needs where.workflow: one of "
        "price-publish, settlement-import, stock-push",
    ],
    "no_duration.yaml": [
        "no_duration.yaml:5: faults.0.for: Input should be a valid string",
        "no_duration.yaml:8: faults.1.for: '0h' is no time at all",
        "no_duration.yaml:11: faults.2.for: 'a while' is not a duration: expected whole numbers with the "
        "units w, d, h, m, s or ms, such as 4h or 1h30m",
    ],
    "no_end_and_two_ends.yaml": [
        "no_end_and_two_ends.yaml:3: faults.0: give either until or for, and not both",
        "no_end_and_two_ends.yaml:5: faults.1: give either until or for, and not both",
    ],
    "no_kind.yaml": [
        "no_kind.yaml:3: faults.0.kind: is needed",
    ],
    "no_schedule.yaml": [
        "no_schedule.yaml:3: faults.0: where.workflow: there is no scheduled workflow 'order-export'; there are: "
        "price-publish, settlement-import, stock-push",
        "no_schedule.yaml:7: faults.1: where.workflow: there is no scheduled workflow 'stock-pull' (did you mean "
        "stock-push?); there are: price-publish, settlement-import, stock-push",
    ],
    "no_time.yaml": [
        "no_time.yaml:4: faults.0.from: 'day 0' is no time of a scenario: write day 12 or day 12 22:00",
        "no_time.yaml:7: faults.1.from: '2026-03-02' is no time of a scenario: write day 12 or day 12 22:00",
        "no_time.yaml:10: faults.2.from: 'day 2 24:00' is no time of a scenario: write day 12 or day 12 22:00",
        "no_time.yaml:11: faults.2.until: 'tomorrow' is no time of a scenario: write day 12 or day 12 22:00",
    ],
    "not_the_file_name.yaml": [
        "not_the_file_name.yaml:2: id: 'another' is not the file's name; call the file another.yaml",
    ],
    "one_fault_without_a_dash.yaml": [
        "one_fault_without_a_dash.yaml:2: faults: Input should be a valid tuple",
    ],
    "over_before_it_begins.yaml": [
        "over_before_it_begins.yaml:3: faults.0: until day 3 06:00 is not after from day 3 20:00",
    ],
    "unknown_field.yaml": [
        "unknown_field.yaml:5: faults.0.form: not a known field (did you mean for?)",
        "unknown_field.yaml:7: titel: not a known field (did you mean title?)",
    ],
    "unknown_kind.yaml": [
        "unknown_kind.yaml:3: faults.0: no kind of fault 'webhook_ded' (did you mean webhook_dead?)",
    ],
    "unknown_names.yaml": [
        "unknown_names.yaml:3: faults.0: where.carrier: there is no carrier 'medow-post' (did you mean meadow-post?)",
        "unknown_names.yaml:7: faults.1: where.weekday: there is no weekday 'monday' (did you mean mon?)",
        "unknown_names.yaml:11: faults.2: where.sku: there is no sku 'sku-9999' (did you mean sku-0199?)",
    ],
    "wrong_share.yaml": [
        "wrong_share.yaml:3: faults.0.share: Input should be greater than 0",
        "wrong_share.yaml:4: faults.1.share: Input should be less than or equal to 1",
        "wrong_share.yaml:5: faults.2.share: Input should be a valid number, unable to parse string as a number",
    ],
    "wrong_size.yaml": [
        "wrong_size.yaml:3: faults.0: duplicate_orders has no size",
        "wrong_size.yaml:4: faults.1: a size of 0 is no fault",
        "wrong_size.yaml:5: faults.2.size: Input should be a valid number, unable to parse string as a number",
    ],
}


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_file_gives_its_exact_messages(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_scenario(path)
    assert [str(problem).removeprefix(f"{BAD}/") for problem in caught.value.problems] == MESSAGES[path.name]


def test_what_is_shipped_is_right_and_found_by_its_name() -> None:
    shipped = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    assert {"all", "bad-week", "monday-carrier", "nothing", "peak", "refunds-stuck", "webhook-night"} <= set(shipped)
    for name in shipped:
        scenario = read_scenario(Path(name))
        assert scenario.title
        days = DAYS if name == "demo" else 28
        assert list(too_late(scenario, SHIPPED / f"{name}.yaml", days)) == []
    assert read_scenario(Path("nothing")).faults == ()
    assert sorted(fault.kind for fault in read_scenario(Path("all")).faults) == sorted(KINDS)


def test_check_reads_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    check_(scenario=[Path("peak"), SHIPPED / "webhook-night.yaml"])
    assert capsys.readouterr().out == "peak: no problem, faults 1\nwebhook-night: no problem, faults 1\n"
    wrong = [Path("peek"), Path("peak"), BAD / "no_kind.yaml"]
    with pytest.raises(DefinitionError) as caught:
        check_(scenario=wrong)
    assert len(caught.value.problems) == 2
    assert "no scenario of that name (did you mean peak?)" in str(caught.value)
    with pytest.raises(typer.Exit) as ended:
        check_(scenario=wrong, json=True)
    assert ended.value.exit_code == 5
    document = json.loads(capsys.readouterr().out)
    assert document["scenarios"] == ["peak"]
    assert [(one["path"], one["line"]) for one in document["problems"]] == [(str(wrong[2]), 3), ("peek", 1)]


def test_the_page_about_faults_is_current() -> None:
    """python -m simulator.faults.reference makes it."""
    assert PAGE.read_text(encoding="utf-8") == page()
    assert all(f"### {kind}\n" in page() for kind in KINDS)


def test_where_everything_goes_wrong_each_kind_does_something() -> None:
    scenario = read_scenario(Path("all"))
    simulation = Simulation(first=date(2026, 3, 2), days=28, orders_per_day=120, scenario=scenario)
    for _ in simulation.days():
        pass
    faults = simulation.truth()["faults"]
    assert {fault["kind"] for fault in faults} == set(KINDS)
    assert [fault["kind"] for fault in faults if fault["is_fault"] and not fault["affected"]] == []
    assert [fault["kind"] for fault in faults if not fault["is_fault"] and fault["finding"]] == []
