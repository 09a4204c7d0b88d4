"""The playbook that is shipped, as timelines: what happens, and when."""

from __future__ import annotations

import pytest
from playbook_world import FAILED, SHIPPED, World, cases, person, subject

from kernel.access import Role
from kernel.definitions import read_definition
from kernel.errors import InputError, NotAllowed
from kernel.state.tables import RUN_CASES
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.states import Mode

REFUND_STUCK = read_definition(SHIPPED / "refund_stuck.yaml", Playbook, context=["returns_center"])
BEGINNING = ("Run opened", "Context gathered", "Notified", "Approval requested")


@pytest.fixture
def opened(world: World) -> World:
    found = world.engine.opening.consider([REFUND_STUCK], [subject(), subject()])
    assert [answer.reason for answer in found.values()] == [None]
    world.expect("0m", *BEGINNING)
    return world


def key(world: World, step: str = "send") -> str:
    return f"{world.only()}:{step}:1"


def test_from_stuck_to_paid(opened: World) -> None:
    world = opened
    world.after("5m")
    world.decide(step="approve")
    world.expect("6m", "Approved", "Triggered")
    (deed,) = [deed for deed in world.effects.deeds if deed[1] == "payments_engine"]
    assert deed[2] == key(world)
    assert deed[3]["schema"] == "gembascope.trigger/1"
    assert [case["case_id"] for case in deed[3]["cases"]] == ["r1", "r2"]
    assert world.engine.controls.callback(key(world), {"status": "done"}, dedup_key="a", actor="payments_engine")
    assert not world.engine.controls.callback(key(world), {"status": "done"}, dedup_key="a", actor="payments_engine")
    world.expect("7m", "Callback received", "Waiting for event")
    world.evaluator.paid = {"r1"}
    world.engine.controls.look_again("return-to-refund")
    world.expect("8m")
    world.evaluator.paid = {"r1", "r2"}
    assert world.engine.controls.look_again("return-to-refund", ["r2", "unknown"]) == 1
    world.expect("9m", "Recovered", "Run ended")
    assert (world.row().status, world.row().reason, world.row().open_key) == ("done", "resolved", None)
    assert world.effects.over("payments_engine") == [key(world)]
    assert [entry["kind"] for entry in world.audit()] == [
        event.activity for event in world.engine.history.of(world.only())
    ]


def test_a_clerk_who_pays_by_hand_ends_it(opened: World) -> None:
    opened.evaluator.paid = {"r1", "r2"}
    opened.engine.controls.look_again("return-to-refund")
    opened.expect("5m", "No longer needed", "Run ended")
    with pytest.raises(NotAllowed, match="too late"):
        opened.decide(step="approve")
    assert opened.row().reason == "no_longer_needed"
    assert opened.effects.over("payments_engine") == []


def test_one_that_is_paid_between_the_decision_and_the_deed(opened: World) -> None:
    opened.decide(step="approve")
    opened.evaluator.paid = {"r1", "r2"}
    opened.expect("1m", "Approved", "No longer needed", "Run ended")
    assert opened.effects.over("payments_engine") == []


def test_more_than_was_approved_is_asked_again_and_less_is_not(opened: World) -> None:
    opened.decide(step="approve")
    opened.evaluator.cases = cases(r1="10", r2="20", r3="30")
    opened.expect("1m", "Approved", "Changed since it was shown", "Approval requested")
    opened.evaluator.paid = {"r1"}
    opened.decide(step="approve", version=2)
    opened.expect("2m", "Approved", "Triggered")
    (deed,) = [deed for deed in opened.effects.deeds if deed[1] == "payments_engine"]
    assert [case["case_id"] for case in deed[3]["cases"]] == ["r2", "r3"]


def test_a_greater_amount_is_asked_again_while_it_waits(opened: World) -> None:
    opened.evaluator.cases = cases(r1="10", r2="20.01")
    opened.engine.controls.look_again("return-to-refund", ["r1"])
    opened.expect("1m", "Changed since it was shown", "Approval requested")


def test_what_cannot_be_read_holds_and_goes_on(opened: World) -> None:
    opened.decide(step="approve")
    opened.evaluator.readable = False
    opened.expect("1m", "Approved", "Held")
    opened.expect("5m")
    assert opened.row().status == "holding"
    opened.evaluator.readable = True
    opened.expect("5m1s")
    opened.engine.controls.resume(opened.only(), opened.operator)
    opened.expect("5m2s", "Triggered")
    with pytest.raises(InputError, match="does not hold"):
        opened.engine.controls.resume(opened.only(), opened.operator)


def test_what_cannot_be_read_is_read_again_by_itself(opened: World) -> None:
    opened.evaluator.readable = False
    opened.decide(step="approve")
    opened.expect("1m", "Approved", "Held")
    opened.evaluator.readable = True
    opened.expect("1m14s")
    opened.expect("1m15s", "Triggered")


def test_one_that_is_paid_after_a_crash_says_that_it_may_have_been_sent(opened: World) -> None:
    opened.decide(step="approve")
    opened.dies("after_effect")
    opened.evaluator.paid = {"r1", "r2"}
    opened.work()
    assert opened.row().reason == "no_longer_needed"
    assert opened.audit()[-1]["body"]["in_doubt"] == [key(opened)]
    assert opened.effects.over("payments_engine") == [key(opened)]


def test_after_four_working_hours_it_is_escalated(opened: World) -> None:
    deputy = person(opened.tenant, "deputy", Role.APPROVER)
    opened.expect("3h59m")
    opened.expect("4h", "Escalated")
    assert opened.effects.over("returns")[-1] == f"{opened.only()}:approve:1:level1"
    opened.decide(deputy, step="approve")
    opened.expect("4h1m", "Approved", "Triggered")


def test_nobody_decides_in_two_working_days(opened: World) -> None:
    opened.expect("4h", "Escalated")  # Monday 10:00 in Berlin; two working days end on Wednesday at 19:00
    opened.expect("2d8h59m")
    opened.expect("2d9h", "Expired", "Run ended")
    assert opened.row().reason == "expired"


def test_a_rejection_ends_it(opened: World) -> None:
    opened.decide(step="approve", decision="reject")
    opened.expect("1m", "Rejected", "Run ended")
    assert opened.row().reason == "rejected"


def test_the_engine_never_answers_and_the_payments_come(opened: World) -> None:
    opened.decide(step="approve")
    opened.expect("0m", "Approved", "Triggered")
    opened.evaluator.paid = {"r1", "r2"}
    opened.expect("2h", "Expired", "Waiting for event", "Recovered", "Run ended")


def test_payments_that_do_not_come_are_handed_over_to_people(opened: World) -> None:
    opened.decide(step="approve")
    opened.expect("0m", "Approved", "Triggered")
    opened.engine.controls.callback(key(opened), {"status": "done"}, dedup_key="a", actor="engine")
    opened.expect("1m", "Callback received", "Waiting for event")
    opened.expect("1d8h59m")
    opened.expect("1d9h", "Expired", "Notified", "Run ended")
    assert opened.row().reason == "handed_over"


def test_payments_that_cannot_be_read_at_the_end_of_their_time_are_not_missing(opened: World) -> None:
    opened.decide(step="approve")
    opened.expect("0m", "Approved", "Triggered")
    opened.engine.controls.callback(key(opened), {"status": "done"}, dedup_key="a", actor="engine")
    opened.expect("1m", "Callback received", "Waiting for event")
    opened.evaluator.paid, opened.evaluator.readable = {"r1", "r2"}, False
    opened.expect("1d9h", "Held")
    opened.evaluator.readable = True
    opened.expect("1d9h1m", "Recovered", "Run ended")


def test_a_refusal_of_the_engine_is_a_dead_letter_that_can_be_sent_on(opened: World) -> None:
    opened.effects.outcomes = {"payments_engine": [FAILED]}
    opened.decide(step="approve")
    opened.expect("1m", "Approved", "Step failed", "Dead letter")
    opened.engine.controls.requeue(opened.only(), opened.operator)
    opened.expect("2m", "Sent on", "Triggered")
    assert opened.effects.over("payments_engine") == [key(opened)] * 2


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.SHADOW])
def test_pretending_does_nothing_outside(world: World, mode: Mode) -> None:
    world.open(REFUND_STUCK, mode=mode)
    world.expect("0m", "Run opened", "Context gathered", *["Would do"] * 4, "Run ended")
    assert world.effects.deeds == []
    assert world.row().reason == mode.value


def test_the_history_becomes_events_once(opened: World) -> None:
    history = opened.engine.history
    events = history.unsent()
    assert [event.activity for event in events] == list(BEGINNING)
    first = events[1].canonical("return")
    assert (first["id"], first["sequence"]) == (f"{opened.only()}:2", 2)
    assert [(found["type"], found["id"]) for found in first["objects"]] == [
        ("remediation_run", opened.only()),
        ("incident", "inc1"),
    ]
    assert [(found["to"]["type"], found["to"]["id"]) for found in first["links"]] == [
        ("return", "r1"),
        ("return", "r2"),
    ]
    history.acknowledge(events[:3], opened.clock.now())
    assert history.unsent() == events[3:]
    assert opened.count(RUN_CASES) == 2
