"""What runs do whatever the playbook: open once per key, undo in order, keep limits, are fair, keep their version."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from queue import Queue
from typing import Any

import pytest
from examples import examples
from playbook_world import ASK, CALL, END, MONDAY, FakeEffects, World, cases, person, playbook, subject
from sqlalchemy import update

from kernel.access import Role
from kernel.errors import InputError, NotAllowed, NotFound
from kernel.state.tables import DEAD_LETTERS, PLAYBOOKS, RUNS
from orchestration_hooks import worker as worker_module
from orchestration_hooks.effects import Outcome
from orchestration_hooks.engine import Engine
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.states import Mode, Reason, Status
from orchestration_hooks.worker import Worker

BOOK = playbook(CALL, END)


def test_a_storm_opens_one_run(world: World) -> None:
    """A thousand times by sixteen threads; and once it is over, the next one opens another."""
    times = 1000

    def ask(number: int) -> Reason | None:
        return world.engine.opening.open(BOOK, subject(), requested_by=f"id-{number}").reason

    with ThreadPoolExecutor(16) as pool:
        answers = Counter(pool.map(ask, range(times)))
    assert answers == {None: 1, Reason.DUPLICATE: times - 1}
    assert (world.count(RUNS), world.row().hits) == (1, times)
    first = world.only()
    world.work()
    again = world.open(BOOK)
    assert again != first
    assert (world.count(RUNS), world.row(again).hits) == (2, 1)


def test_a_storm_of_findings_is_counted_at_once(world: World) -> None:
    other = playbook(ASK, END, id="other", trigger={"mode": "automatic", "match": {"process": "elsewhere"}})
    manual = playbook(ASK, END, id="manual", trigger={"mode": "manual", "match": {"process": "return-to-refund"}})
    answers = world.engine.opening.consider([BOOK, other, manual], [subject("a"), subject("b"), *[subject("a")] * 98])
    assert {which: answer.reason for which, answer in answers.items()} == {("book", "a"): None, ("book", "b"): None}
    assert sorted(row.hits for row in (world.row(str(answer.run_id)) for answer in answers.values())) == [1, 99]


def test_what_is_muted_or_full_is_not_opened(world: World) -> None:
    book = playbook(ASK, END, limits={"open_runs": 2})
    until = world.clock.at + timedelta(hours=1)
    world.engine.mutes.mute(world.operator, "return-to-refund", key="quiet", until=until, reason="known")
    asked = [
        world.engine.opening.open(book, subject(key), requested_by="x").reason for key in ("quiet", "a", "b", "c", "a")
    ]
    assert asked == [Reason.MUTED, None, None, Reason.LIMIT_REACHED, Reason.DUPLICATE]
    world.after("1h")
    assert world.engine.mutes.present(world.operator) == []
    assert world.engine.opening.open(BOOK, subject("quiet"), requested_by="x").reason is None


def test_a_mute_is_for_who_may_act_on_all_of_the_process_and_ends_when_somebody_says_so(world: World) -> None:
    mutes, day, process = world.engine.mutes, timedelta(days=1), "return-to-refund"
    later = mutes.mute(world.operator, process, playbook="other", until=90 * day, reason=" stocktaking ")
    first = mutes.mute(world.operator, process, playbook="book", until=MONDAY + day, reason="ERP is down")
    assert (later.reason, later.until, first.muted_by) == ("stocktaking", MONDAY + 90 * day, "id-olaf")
    viewer = person(world.tenant, "v", Role.VIEWER)
    assert mutes.present(viewer) == mutes.present(world.operator) == [first, later]
    asked = [world.engine.opening.open(BOOK, subject(), requested_by="x").reason]
    for outsider, kind in (
        (viewer, NotAllowed),
        (person(world.tenant, "s", Role.OPERATOR, process=process, store="berlin"), NotFound),
        (person(world.tenant, "p", Role.OPERATOR, process="elsewhere"), NotFound),
    ):
        assert outsider is viewer or mutes.present(outsider) == []
        with pytest.raises(NotAllowed):
            mutes.mute(outsider, process, until=day, reason="no")
        with pytest.raises(kind):
            mutes.end(outsider, first.mute_id)
    wrong: list[dict[str, Any]] = [
        {"until": MONDAY},
        {"until": timedelta()},
        {"until": 91 * day},
        {"until": timedelta.max},
        {"until": (MONDAY + day).replace(tzinfo=None)},
        {"reason": " "},
        {"key": "k" * 255},
    ]
    for one in wrong:
        with pytest.raises(InputError):
            mutes.mute(world.operator, process, **({"until": day, "reason": "r"} | one))
    with pytest.raises(NotFound):
        mutes.end(world.operator, "nothing")

    world.after("1h")
    assert mutes.end(world.operator, first.mute_id).until == world.clock.at
    asked.append(world.engine.opening.open(BOOK, subject(), requested_by="x").reason)
    assert asked == [Reason.MUTED, None]
    with pytest.raises(InputError):
        mutes.end(world.operator, first.mute_id)
    assert mutes.present(world.operator) == [later]
    assert [(found["kind"], found["actor"], found["body"]["mute"]) for found in world.audit(chain="mutes")] == [
        ("muted", "id-olaf", later.mute_id),
        ("muted", "id-olaf", first.mute_id),
        ("unmuted", "id-olaf", first.mute_id),
    ]


def test_the_number_of_open_runs_is_exact_under_a_race(world: World) -> None:
    book = playbook(ASK, END, limits={"open_runs": 5})
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda n: world.engine.opening.open(book, subject(f"k{n}"), requested_by="x"), range(40)))
    assert Counter(answer.reason for answer in asked) == {None: 5, Reason.LIMIT_REACHED: 35}
    assert world.count(RUNS) == 5


def test_a_playbook_that_pretends_cannot_be_made_to_act(world: World) -> None:
    book = playbook(CALL, END, trigger={"mode": "shadow", "match": {"process": "return-to-refund"}})
    with pytest.raises(InputError, match="does nothing outside"):
        world.open(book, mode=Mode.MANUAL)


def test_a_run_that_waits_can_be_cancelled(world: World) -> None:
    run = world.open(playbook(ASK, END))
    world.work()
    with pytest.raises(NotFound):
        world.engine.controls.cancel(run, person("elsewhere", "o", Role.OPERATOR), "x")
    world.engine.controls.cancel(run, world.operator, "not now")
    with pytest.raises(NotAllowed, match="too late"):
        world.decide()
    world.work()
    assert world.row().status == "cancelled"
    with pytest.raises(InputError, match="over"):
        world.engine.controls.cancel(run, world.operator, "again")


def test_a_playbook_that_is_edited_meanwhile_changes_no_run(world: World) -> None:
    old = world.open(playbook(ASK, CALL, END), "old")
    world.work()
    new_book = playbook(ASK, CALL | {"call": {"connection": "erp", "path": "/other"}}, END)
    again = World(world.state, world.tenant)  # another process, which never saw the old file
    new = again.open(new_book, "new")
    again.work()
    for run in (old, new):
        again.engine.approvals.decide(run, "ask", again.approver, "approve", "", 1)
    again.work()
    assert {key: kind for kind, _, key, _ in again.effects.deeds} == {
        f"{old}:pay:1": "POST /pay",
        f"{new}:pay:1": "POST /other",
    }


def test_a_timer_of_thirty_days(world: World) -> None:
    wait = {"id": "wait", "wait_event": {"activity": "Payment confirmed", "timeout": "30d"}, "on_timeout": "end"}
    world.open(playbook(wait, END))
    world.expect("0m", "Run opened", "Context gathered", "Waiting for event")
    world.expect("29d23h59m59s")
    world.expect("30d", "Expired", "Run ended")


def test_many_that_wait_cost_nobody_anything(world: World) -> None:
    runs, threads = examples(40), threading.active_count()
    for number in range(runs):
        world.open(playbook(ASK, END), f"k{number}")
    world.work()
    looks = world.evaluator.looks
    assert world.engine.runs.counts(world.operator) == {Status.WAITING: runs}
    assert [world.worker.run_due() for _ in range(10)] == [0] * 10
    assert (world.evaluator.looks, threading.active_count()) == (looks, threads)


def test_poison_keeps_nobody_from_working(world: World) -> None:
    class Poisoned(FakeEffects):
        def call(self, connection: str, *args: Any, **more: Any) -> Outcome:
            if connection == "poison":
                raise ZeroDivisionError
            return super().call(connection, *args, **more)

    world = World(world.state, world.tenant, Poisoned())
    poison = playbook(
        CALL | {"call": {"connection": "poison", "path": "/"}, "retry": {"attempts": 2}}, END, id="poison"
    )
    bad = [world.open(poison, f"bad{number}") for number in range(20)]
    good = [world.open(BOOK, f"good{number}") for number in range(10)]
    world.work()
    assert {world.row(run).reason for run in good} == {"resolved"}
    world.after("1h")
    world.work()
    assert {world.row(run).status for run in bad} == {"dead"}
    assert world.count(DEAD_LETTERS) == 20


def test_a_playbook_that_cannot_be_read_any_more_is_a_dead_letter(world: World) -> None:
    """As after an upgrade that knows a field no more: nothing says then how often it is tried."""
    bad, good = world.open(playbook(ASK, END), "bad"), world.open(BOOK, "good")
    of_bad = (PLAYBOOKS.c.tenant == world.tenant, PLAYBOOKS.c.playbook_hash == world.row(bad).playbook_hash)
    with world.state.writing() as connection:
        connection.execute(update(PLAYBOOKS).where(*of_bad).values(body='{"steps": "of another version"}'))
    again = World(world.state, world.tenant)  # another process: nothing of it is in memory
    again.work()
    assert (again.row(bad).status, again.row(good).reason) == ("dead", "resolved")
    assert world.count(DEAD_LETTERS, DEAD_LETTERS.c.code == "error") == 1


def test_branches_compare_fields_and_go_in_circles_only_so_often(world: World) -> None:
    route = {
        "id": "route",
        "branch": [{"when": [{"field": "totals.EUR", "above": 25}], "goto": "again"}, {"goto": "end"}],
    }
    again = {"id": "again", "notify": {"channel": "c", "title": "t", "text": "t"}, "next": "route"}
    run = world.open(playbook(route, again, END))
    world.work()
    assert (world.row(run).status, len(world.effects.deeds)) == ("dead", 50)
    with pytest.raises(InputError, match="circles"):
        world.engine.controls.requeue(run, world.operator)
    world.evaluator.cases = cases(r1="25")
    other = world.open(playbook(route, again, END), "other")
    world.work()
    assert (world.row(other).reason, len(world.effects.deeds)) == ("resolved", 50)


def test_a_worker_with_threads_and_leases(world: World) -> None:
    """The loop itself: it stops when it is told to, and everything is done once."""
    ids = [world.open(BOOK, f"k{number}") for number in range(30)]
    worker = Worker(world.engine, threads=3, batch=7, idle_s=0.01)

    def stop(_: str) -> None:
        if len(world.effects.deeds) == 30:
            worker.stop()

    world.effects.during = stop
    worker.run()
    assert Counter(world.effects.over("erp")) == Counter(f"{run}:pay:1" for run in ids)


def test_a_worker_survives_what_nobody_expects(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking runs and renewing their leases each fail once as nobody thought they could; a lease of a deed that takes
    long is renewed while it lasts, and of none after."""
    failed: set[str] = set()
    renewed: Queue[list[str]] = Queue()

    def failing_once(name: str) -> Callable[..., Any]:
        original = getattr(worker_module, name)

        def call(*args: Any) -> Any:
            if name not in failed:
                failed.add(name)
                raise ZeroDivisionError
            if name == "renew":
                renewed.put(args[2])
            return original(*args)

        return call

    for name in ("claim", "renew"):
        monkeypatch.setattr(worker_module, name, failing_once(name))
    engine = Engine(replace(world.engine.tools, lease=timedelta(milliseconds=30)))
    worker, run = Worker(engine, threads=2, idle_s=0.01), world.open(BOOK)
    during: list[list[str]] = []

    def takes_long(_: str) -> None:
        worker.stop()
        during.extend(renewed.get(timeout=5) for _ in range(2))

    world.effects.during = takes_long
    worker.run()
    assert (failed, during[-1]) == ({"claim", "renew"}, [run])
    assert (world.row().reason, worker._held) == ("resolved", {})


def test_pages_of_runs(world: World) -> None:
    books: Playbook = playbook(ASK, END)
    for number in range(5):
        world.after(f"{number + 1}m")
        world.open(books, f"k{number}")
    first = world.engine.runs.list_runs(world.operator, limit=3)
    rest = world.engine.runs.list_runs(world.operator, limit=3, after=(first[-1].opened_at, first[-1].run_id))
    assert [run.key for run in (*first, *rest)] == ["k4", "k3", "k2", "k1", "k0"]
    assert world.engine.runs.list_runs(person(world.tenant, "n")) == []
    berlin = person(world.tenant, "b", Role.VIEWER, store="berlin", process="return-to-refund")
    assert world.engine.runs.list_runs(berlin) == []  # nothing is known of them yet
    world.work()
    assert len(world.engine.runs.list_runs(berlin)) == 5
    assert world.engine.runs.list_runs(person(world.tenant, "m", Role.VIEWER, store="munich")) == []
    with pytest.raises(NotFound):
        world.engine.runs.get_run(person(world.tenant, "m", Role.VIEWER, process="other"), first[0].run_id)
