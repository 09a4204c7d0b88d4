"""Who may decide, when, and on what: everything else is refused, and the refusal is in the audit."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from examples import examples
from playbook_world import ASK, END, World, cases, person, playbook
from sqlalchemy import select

from kernel.access import Principal, Role
from kernel.errors import InputError, NotAllowed, NotFound, OutOfDate
from kernel.state.tables import AUDIT_ENTRIES, RUN_VOTES, RUN_WAITS
from orchestration_hooks.states import WaitOutcome

LIMITS = {
    "approvals": [
        {"role": "approver", "max_cases": 2, "max_money": {"EUR": 100}},
        {"person": "boss", "max_cases": 100, "max_money": {"EUR": "1000.50"}, "unpriced": True},
    ]
}
APPROVER = Role.APPROVER
Make = Callable[[World], Principal]


def asked(world: World, *, votes: int = 1, limits: Any = None, **more: Any) -> str:
    ask = {"id": "ask", "approval": ASK["approval"] | {"votes": votes, **more}}
    run = world.open(playbook(ask, END, limits=limits or {}))
    world.work()
    return run


def refusals(world: World) -> list[str]:
    return [entry["body"]["refused"] for entry in world.audit() if entry["kind"] == "Decision refused"]


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (lambda w: person(w.tenant, "vera", Role.ANALYST), "right to approve"),
        (lambda w: person(w.tenant, "adam", Role.ADMIN), "right to approve"),
        (lambda w: person(w.tenant, "olaf", Role.OPERATOR, APPROVER), "who asked for it"),
        (lambda w: person(w.tenant, "writer", APPROVER), "who wrote the playbook"),
        (lambda w: person(w.tenant, "robot", APPROVER, kind="key"), "people decide"),
        (lambda w: person(w.tenant, "else", APPROVER, process="other"), None),
        (lambda w: person("elsewhere", "ann", APPROVER), None),
        (lambda w: person(w.tenant, "sam", APPROVER, store="munich", process="return-to-refund"), None),
    ],
)
def test_who_may_not(world: World, who: Make, why: str | None) -> None:
    """Without a reason: they do not even see that there is something to decide."""
    asked(world)
    with pytest.raises(NotFound if why is None else NotAllowed, match=why or "no run"):
        world.decide(who(world))
    assert len(refusals(world)) == 1
    assert world.count(RUN_VOTES) == 0
    assert world.row().status == "waiting"


def test_a_store_s_own_approver_may(world: World) -> None:
    asked(world)
    decided = world.decide(person(world.tenant, "bea", APPROVER, store="berlin", process="return-to-refund"))
    assert decided.outcome is WaitOutcome.APPROVED


@pytest.mark.parametrize(
    ("amounts", "name", "why"),
    [
        ({"r1": "60", "r2": "40"}, "ann", None),
        ({"r1": "60", "r2": "40.01"}, "ann", "100.01 EUR is more than the 100 EUR"),
        ({"r1": "1", "r2": "1", "r3": "1"}, "ann", "3 cases are more than the 2"),
        ({"r1": None}, "ann", "1 case has no price"),
        ({"r1": None, "r2": "1000.50"}, "boss", None),
        ({"r1": "1000.51"}, "boss", "more than the 1000.50 EUR"),
    ],
)
def test_limits_of_count_and_money(world: World, amounts: dict[str, str | None], name: str, why: str | None) -> None:
    world.evaluator.cases = cases(**amounts)
    asked(world, limits=LIMITS)
    who = person(world.tenant, name, APPROVER)
    (waiting,) = world.engine.runs.inbox(who)
    if why is None:
        assert waiting.refusal is None
        assert world.decide(who).outcome is WaitOutcome.APPROVED
    else:
        assert why in (waiting.refusal or "")
        with pytest.raises(NotAllowed, match=why):
            world.decide(who)
        assert world.decide(who, "reject").outcome is WaitOutcome.REJECTED  # to say no needs no limit


def test_two_have_to_agree_and_nobody_twice(world: World) -> None:
    asked(world, votes=2)
    assert world.decide().outcome is None
    with pytest.raises(NotAllowed, match="already"):
        world.decide()
    assert world.decide(person(world.tenant, "bob", APPROVER)).outcome is WaitOutcome.APPROVED
    with pytest.raises(NotAllowed, match="too late"):
        world.decide(person(world.tenant, "eve", APPROVER))
    assert (world.count(RUN_VOTES), len(refusals(world))) == (2, 2)


def test_who_agreed_at_one_step_does_not_at_the_next(world: World) -> None:
    world.open(playbook(ASK, ASK | {"id": "again"}, END))
    world.work()
    world.decide()
    world.work()
    with pytest.raises(NotAllowed, match="earlier step"):
        world.decide(step="again")
    world.decide(person(world.tenant, "bob", APPROVER), step="again")
    world.work()
    assert world.row().reason == "resolved"


def test_the_deputy_may_decide_when_the_time_has_come_and_not_before(world: World) -> None:
    level = {"after": "4 working hours", "people": ["dora"], "notify": "chat"}
    asked(world, people=["chief"], escalate=[level, level | {"after": "5 working hours", "people": ["second"]}])
    dora, second = (person(world.tenant, name, APPROVER) for name in ("dora", "second"))
    world.after("3h59m")
    world.work()
    with pytest.raises(NotAllowed, match="others are asked"):
        world.decide(dora)
    world.after("4h")
    world.work()
    assert world.effects.over("chat") == [f"{world.only()}:ask:1:level1"]
    with pytest.raises(NotAllowed, match="others are asked"):
        world.decide(second)
    assert world.decide(dora).outcome is WaitOutcome.APPROVED


def test_a_role_that_was_lost_meanwhile_counts_for_nothing(world: World) -> None:
    asked(world)
    assert world.engine.runs.inbox(world.approver)[0].refusal is None
    with pytest.raises(NotAllowed):
        world.decide(person(world.tenant, "ann", Role.VIEWER))


def test_what_was_shown_is_what_is_approved(world: World) -> None:
    asked(world)
    (shown,) = world.engine.runs.inbox(world.approver)
    world.evaluator.cases = cases(r1="10", r2="20", r3="1")
    world.engine.controls.look_again("return-to-refund")
    world.work()
    with pytest.raises(OutOfDate):
        world.decide(version=shown.version)
    (shown,) = world.engine.runs.inbox(world.approver)
    assert (shown.version, len(shown.stake.cases)) == (2, 3)
    assert world.decide(version=2).outcome is WaitOutcome.APPROVED


def test_a_decision_at_the_very_end_of_the_time_is_too_late(world: World) -> None:
    asked(world)
    world.after("8h")
    with pytest.raises(NotAllowed, match="too late"):
        world.decide()
    world.work()
    assert (world.row().reason, world.count(RUN_VOTES)) == ("expired", 0)


def test_a_decision_in_the_last_moment_wins_over_a_worker_that_sees_the_time_is_over(world: World) -> None:
    """It comes after the worker has read that nobody decided, and before it can record that the time is over."""
    asked(world)
    world.after("8h")
    worker_now, voted = world.clock.at, []

    def at(point: str) -> None:
        if point == "before_expiry" and not voted:
            world.after("7h59m")
            voted.append(world.decide())
            world.clock.at = worker_now

    object.__setattr__(world.engine.tools, "at", at)
    world.work()
    assert len(voted) == 1
    assert world.row().reason == "resolved"


@pytest.mark.parametrize("first", ["vote", "timeout"])
def test_a_decision_and_the_timeout_race(world: World, first: str) -> None:
    """A vote that began before the deadline and the worker that records it are let go at once: one of them wins."""
    rounds, won = examples(8), Counter[str]()
    for number in range(rounds):
        one = World(world.state, f"{world.tenant}{number}")
        run = asked(one)
        one.after("7h59m59s" if first == "vote" else "8h")
        start, late = threading.Barrier(2), World(world.state, one.tenant)
        late.after("8h")

        def vote(one: World = one, start: threading.Barrier = start) -> bool:
            start.wait()
            try:
                return one.decide().outcome is WaitOutcome.APPROVED
            except NotAllowed:
                return False

        with ThreadPoolExecutor(1) as pool:
            voting = pool.submit(vote)
            start.wait()
            late.work()
            agreed = voting.result()
        late.work()
        assert one.row(run).reason == ("resolved" if agreed else "expired")
        assert one.count(RUN_VOTES) == int(agreed)
        won[one.row(run).reason] += 1
    assert sum(won.values()) == rounds
    assert first == "vote" or won == {"expired": rounds}


def test_raced_decisions(world: World) -> None:
    """Eight people decide on every run at once: one counts, seven are refused and audited."""
    runs = examples(24)
    book = playbook(ASK, END)
    ids = [world.open(book, f"k{number}") for number in range(runs)]
    world.work()
    people = [person(world.tenant, f"p{number}", APPROVER) for number in range(8)]
    answers: Counter[str] = Counter()

    def decide_all(number: int) -> list[str]:
        order = list(ids)
        random.Random(number % 2).shuffle(order)  # many come to the same run at the same time
        found = []
        for run in order:
            try:
                world.engine.approvals.decide(run, "ask", people[number], "approve", "", 1)
                found.append("counted")
            except NotAllowed:
                found.append("refused")
        return found

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(decide_all, range(8)):
            answers.update(found)
    world.work()
    assert answers == {"counted": runs, "refused": 7 * runs}
    assert world.count(RUN_VOTES) == runs
    assert world.count(RUN_WAITS, RUN_WAITS.c.outcome == "approved") == runs
    audited: Counter[str] = Counter()
    for run in ids:
        assert world.row(run).reason == "resolved"
        audited.update(entry["kind"] for entry in world.audit(run))
    assert (audited["Approved"], audited["Decision refused"], audited["Run ended"]) == (runs, 7 * runs, runs)


def test_a_rejection_needs_a_reason(world: World) -> None:
    run = asked(world)
    with pytest.raises(InputError, match="needs a reason"):
        world.engine.approvals.decide(run, "ask", world.approver, "reject", "  ", 1)


def test_the_inbox_has_the_greatest_value_first(world: World) -> None:
    for key, amount in (("a", "5"), ("b", "50"), ("c", None), ("d", "49.99")):
        world.evaluator.cases = cases(**{key: amount})
        world.open(playbook(ASK, END), key)
        world.work()
    assert [waiting.run.key for waiting in world.engine.runs.inbox(world.approver)] == ["b", "d", "a", "c"]
    assert (
        world.engine.runs.inbox(person(world.tenant, "x", APPROVER, store="munich", process="return-to-refund")) == []
    )
    assert world.engine.runs.inbox(person("elsewhere", "ann", APPROVER)) == []
    with world.state.reading() as connection:
        assert connection.execute(select(AUDIT_ENTRIES.c.number).where(AUDIT_ENTRIES.c.tenant == world.tenant)).first()
