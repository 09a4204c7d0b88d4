"""Deeds of runs: tried again under one key, answered, doubted, undone, no more at once than a connection bears."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from examples import examples
from playbook_world import ASK, CALL, DONE, END, FAILED, RETRY, World, person, playbook, subject

from kernel.access import Role
from kernel.errors import InputError, NotAllowed, NotFound
from kernel.state.tables import DEAD_LETTERS, LIMIT_SLOTS, RUN_SIGNALS, RUN_STEPS
from orchestration_hooks.effects import Outcome, Result
from orchestration_hooks.states import Status
from orchestration_hooks.tools import ConnectionLimit
from orchestration_hooks.worker import Worker

BOOK = playbook(CALL, END)
SEND: dict[str, Any] = {
    "id": "send",
    "trigger": {"connection": "engine", "workflow": "w", "callback": "2h"},
    "on_timeout": "end",
}


def test_answers_that_come_before_the_deed_is_recorded(world: World) -> None:
    """The engine answers while it is being asked; each answer is found, by whichever of the two came second."""
    runs = examples(25)
    ids = [world.open(playbook(SEND, END), f"k{number}") for number in range(runs)]
    with ThreadPoolExecutor(4) as pool:
        waiting = []

        def answer(_: str) -> None:
            key = world.effects.deeds[-1][2]
            waiting.append(
                pool.submit(world.engine.controls.callback, key, {"status": "done"}, dedup_key="a", actor="e")
            )

        world.effects.during = answer
        world.work()
        assert [future.result() for future in waiting] == [True] * runs
    world.work()
    assert Counter(world.row(run).reason for run in ids) == {"resolved": runs}
    assert world.count(RUN_SIGNALS) == runs
    received = [event.activity for run in ids for event in world.engine.history.of(run)]
    assert Counter(received)["Callback received"] == runs


def test_an_answer_during_the_park_wakes_the_run(world: World) -> None:
    """The very moment: the worker has seen that there is no answer, and is about to park."""
    run = world.open(playbook(SEND, END))
    answered: list[bool] = []

    def answer(point: str) -> None:
        if point == "after_effect":
            key = f"{run}:send:1"
            answered.append(world.engine.controls.callback(key, {"status": "done"}, dedup_key="a", actor="e"))

    object.__setattr__(world.engine.tools, "at", answer)
    world.work()
    assert answered == [True]
    assert world.row().reason == "resolved"


def test_what_was_done_is_undone_the_last_first(world: World) -> None:
    def undoing(name: str) -> dict[str, Any]:
        compensate = {"call": {"connection": "undo", "path": f"/{name}"}}
        return {"id": name, "call": {"connection": "erp", "path": f"/{name}"}, "compensate": compensate}

    breaks = {"id": "breaks", "call": {"connection": "shop", "path": "/x"}, "on_failed": "compensate"}
    run = world.open(playbook(undoing("one"), undoing("two"), breaks, END))
    world.effects.outcomes = {"shop": [FAILED], "undo": [DONE, FAILED]}
    world.work()
    assert world.row().status == Status.DEAD
    assert world.effects.over("undo") == [f"{run}:two:1:undo", f"{run}:one:1:undo"]
    assert world.count(DEAD_LETTERS, DEAD_LETTERS.c.phase == "compensating") == 1
    assert [letter["run_id"] for letter in world.engine.runs.dead_letters(world.operator)] == [run]
    with pytest.raises(NotAllowed):
        world.engine.controls.requeue(run, person(world.tenant, "v", Role.VIEWER))
    world.engine.controls.requeue(run, world.operator)
    world.work()
    assert world.effects.over("undo")[2:] == [f"{run}:one:1:undo"]  # the same key again
    assert (world.row().status, world.row().reason) == ("failed", "failed_permanently")
    assert world.count(RUN_STEPS, RUN_STEPS.c.compensated_at.is_not(None)) == 2
    assert world.engine.runs.dead_letters(world.operator) == []


def test_a_run_that_cannot_be_undone_can_be_given_up(world: World) -> None:
    compensate = {"call": {"connection": "undo", "path": "/x"}}
    run = world.open(playbook(CALL | {"compensate": compensate}, ASK, END))
    world.work()
    world.effects.outcomes = {"undo": [FAILED]}
    world.engine.controls.cancel(run, world.operator, "wrong run")
    world.work()
    assert world.row().status == Status.DEAD
    world.engine.controls.cancel(run, world.operator, "leave it")
    assert (world.row().status, world.row().open_key) == ("cancelled", None)


def test_it_is_tried_again_under_the_same_key_until_it_is_too_often(world: World) -> None:
    run = world.open(playbook(CALL | {"retry": {"attempts": 3, "initial": "1m"}}, END))
    world.effects.outcomes = {"erp": [RETRY] * 9}
    for minute in range(0, 10):
        world.after(f"{minute}m")
        world.work()
    assert world.effects.over("erp") == [f"{run}:pay:1"] * 3
    assert world.row().status == Status.DEAD


def test_the_other_side_says_when_to_come_again(world: World) -> None:
    world.open(BOOK)
    world.effects.outcomes = {"erp": [Outcome(Result.RETRY, "http_429", retry_after_s=3600)]}
    world.expect("0m", "Run opened", "Context gathered", "To be tried again")
    world.expect("59m59s")
    world.expect("1h", "Called", "Run ended")


def test_an_answer_that_comes_too_late_is_audited_and_its_deed_is_undone(world: World) -> None:
    compensate = {"call": {"connection": "erp", "path": "/undo"}}
    run = world.open(playbook(SEND | {"compensate": compensate, "on_timeout": "compensate"}, END))
    world.work()
    world.after("2h")
    world.work()
    assert world.effects.over("erp") == [f"{run}:send:1:undo"]
    assert not world.engine.controls.callback(f"{run}:send:1", {"status": "done"}, dedup_key="a", actor="engine")
    assert world.audit()[-1]["kind"] == "Callback too late"
    assert (world.count(RUN_SIGNALS), world.row().reason) == (0, "expired")
    with pytest.raises(NotFound):
        world.engine.controls.callback("unknown", {"status": "done"}, dedup_key="a", actor="engine")
    with pytest.raises(InputError, match="done or failed"):
        world.engine.controls.callback(f"{run}:send:1", {"status": "ok"}, dedup_key="a", actor="engine")


def test_a_workflow_that_failed_is_started_anew_when_it_is_sent_on(world: World) -> None:
    run = world.open(playbook(SEND, END))
    world.work()
    answer = {"status": "failed", "detail": "no such refund"}
    world.engine.controls.callback(f"{run}:send:1", answer, dedup_key="a", actor="engine")
    world.work()
    assert world.row().status == Status.DEAD
    world.engine.controls.requeue(run, world.operator)
    world.work()
    assert world.effects.over("engine") == [f"{run}:send:1", f"{run}:send:2"]
    assert world.row().status == Status.WAITING


def test_a_trigger_that_a_person_settled_waits_for_its_answer(world: World) -> None:
    run = world.open(playbook(SEND | {"effect": "unsafe"}, END))
    world.dies("after_effect")
    world.work()
    world.engine.controls.settle(run, world.operator, done=True, reason="seen in the engine")
    world.work()
    assert world.row().status == Status.WAITING
    world.engine.controls.callback(f"{run}:send:1", {"status": "done"}, dedup_key="a", actor="engine")
    world.work()
    assert (world.row().reason, world.effects.over("engine")) == ("resolved", [f"{run}:send:1"])


@pytest.mark.parametrize("done", [True, False])
def test_doubt_about_an_unsafe_deed_is_asked_of_a_person(world: World, done: bool) -> None:
    run = world.open(playbook(CALL | {"effect": "unsafe"}, END))
    world.dies("after_effect")
    world.work()
    assert (world.row().status, world.row().wake_at) == ("holding", None)
    assert world.engine.runs.get_run(world.operator, run).run.in_doubt
    world.engine.controls.settle(run, world.operator, done=done, reason="seen in the ERP")
    world.work()
    assert world.row().reason == "resolved"
    assert world.effects.over("erp") == [f"{run}:pay:1"] * (1 if done else 2)


@pytest.mark.parametrize("done", [True, False])
def test_what_a_person_says_was_done_is_undone_when_the_run_is_cancelled_before_it_moves(
    world: World, done: bool
) -> None:
    compensate = {"call": {"connection": "undo", "path": "/x"}}
    run = world.open(playbook(CALL | {"effect": "unsafe", "compensate": compensate}, END))
    world.dies("after_effect")
    world.work()
    world.engine.controls.settle(run, world.operator, done=done, reason="seen in the ERP")
    world.engine.controls.cancel(run, world.operator, "not wanted any more")
    world.work()
    assert world.effects.over("undo") == ([f"{run}:pay:1:undo"] if done else [])
    assert world.row().reason == "cancelled"
    assert "in_doubt" not in world.audit()[-1]["body"]


def test_doubt_about_another_request_under_the_same_key_is_asked_as_well(world: World) -> None:
    world.open(playbook(CALL | {"call": {"connection": "erp", "path": "/pay", "body": {"n": "{{ count }}"}}}, END))
    world.dies("after_effect")
    world.evaluator.paid = {"r1"}
    world.work()
    assert world.row().status == Status.HOLDING
    assert len(world.effects.deeds) == 1


def test_an_answer_settles_the_doubt(world: World) -> None:
    run = world.open(playbook(SEND, END))
    world.dies("after_effect")
    world.engine.controls.callback(f"{run}:send:1", {"status": "done"}, dedup_key="a", actor="engine")
    world.work()
    assert world.effects.over("engine") == [f"{run}:send:1"]
    assert world.row().reason == "resolved"


def test_calls_at_once_over_a_connection(world: World) -> None:
    """Whoever asks while two calls are under way comes again later: measured where the calls arrive."""
    limited = World(world.state, world.tenant, limits={"erp": ConnectionLimit(concurrency=2)})
    ids = [limited.open(BOOK, f"k{number}") for number in range(8)]
    at_once: list[int] = []
    under_way = 0

    def during(_: str) -> None:
        nonlocal under_way
        under_way += 1
        at_once.append(under_way)
        if under_way < 5:  # while this one is under way, another worker comes
            Worker(limited.engine, name=f"w{under_way}", batch=1).run_due()
        under_way -= 1

    limited.effects.during = during
    for _ in range(8):
        Worker(limited.engine, name="w", batch=1).run_due()
        limited.lease_clock.at += timedelta(seconds=1)
    assert Counter(limited.row(run).reason for run in ids) == {"resolved": 8}
    assert (len(at_once), max(at_once)) == (8, 2)
    assert limited.count(LIMIT_SLOTS) == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_cannot_be_made_takes_no_slot(world: World, method: str) -> None:
    limited = World(world.state, world.tenant, limits={"erp": ConnectionLimit(concurrency=1)})
    call = {"connection": "erp", "method": method, "path": "/{{ subject.owner }}"}
    limited.engine.opening.open(playbook(CALL | {"call": call}, END), subject(owner=".."), requested_by="x")
    limited.work()
    assert (limited.row().status, limited.effects.deeds) == (Status.DEAD, [])
    assert limited.count(LIMIT_SLOTS) == 0


def test_a_slot_of_who_died_is_free_again(world: World) -> None:
    limited = World(world.state, world.tenant, limits={"erp": ConnectionLimit(concurrency=1)})
    run = limited.open(BOOK)
    limited.dies("after_effect")
    other = limited.open(BOOK, "other")
    limited.work()
    limited.lease_clock.at += timedelta(seconds=1)
    limited.work()
    assert [limited.row(one).reason for one in (run, other)] == ["resolved"] * 2


def test_calls_per_second_of_three_workers(world: World) -> None:
    """Five per second, and two after a rest: measured where the calls arrive, on the clock of the workers."""
    limited = World(world.state, world.tenant, limits={"erp": ConnectionLimit(per_second=5, burst=2)})
    ids = [limited.open(BOOK, f"k{number}") for number in range(12)]
    arrived: list[datetime] = []
    limited.effects.during = lambda _: arrived.append(limited.lease_clock.at)
    workers = [Worker(limited.engine, name=f"w{number}", batch=1) for number in range(3)]
    for _ in range(30):
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda worker: worker.run_due(), workers))
        limited.lease_clock.at += timedelta(milliseconds=100)
    assert Counter(limited.row(run).reason for run in ids) == {"resolved": 12}
    assert len(arrived) == 12
    for begin in arrived:
        assert len([at for at in arrived if begin <= at < begin + timedelta(seconds=1)]) <= 5 + 2


def test_what_events_hold_is_never_read_again(world: World) -> None:
    title = "{{ run.id }} {% x %}\n\x00<b>"
    body = {"title": "{{ subject.title }}", "text": "of {{ subject.title }}"}
    book = playbook(
        {"id": "get", "call": {"connection": "erp", "path": "/cases/{{ subject.owner }}/x", "body": body}}, END
    )
    world.engine.opening.open(book, subject(title=title, owner="../../admin?x=1"), requested_by="x")
    world.work()
    ((kind, _, _, sent),) = world.effects.deeds
    assert kind == "POST /cases/..%2F..%2Fadmin%3Fx%3D1/x"
    assert sent == {"title": title, "text": "of {{ run.id }} {% x %}  <b>"}
    world.engine.opening.open(book, subject("two", owner=".."), requested_by="x")
    world.work()
    assert len(world.effects.deeds) == 1
    assert world.count(DEAD_LETTERS, DEAD_LETTERS.c.code == "template") == 1
