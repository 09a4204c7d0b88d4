"""A process may end anywhere: nothing is lost, nothing is recorded twice, and what is repeated has the same key."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from examples import examples
from playbook_process import Noted
from playbook_world import ASK, CALL, DONE, END, FAILED, Died, World, playbook
from psycopg import sql
from sqlalchemy import event
from state_databases import KINDS, empty_database

import kernel.state.database as database
from kernel.errors import StateUnavailable
from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables import RUN_STEPS
from orchestration_hooks.claim import claim
from orchestration_hooks.worker import Worker

SEND: dict[str, Any] = {
    "id": "send",
    "trigger": {"connection": "engine", "workflow": "w", "callback": "2h"},
    "on_timeout": "end",
    "compensate": {"call": {"connection": "erp", "path": "/undo"}},
}
BREAKS: dict[str, Any] = {"id": "breaks", "call": {"connection": "shop", "path": "/x"}, "on_failed": "compensate"}
BOOK = playbook(ASK, CALL | {"compensate": {"call": {"connection": "erp", "path": "/unpay"}}}, SEND, BREAKS, END)
EVERY_OTHER_ENDS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
STORY = [
    "Run opened",
    "Context gathered",
    "Approval requested",
    "Approved",
    "Called",
    "Triggered",
    "Callback received",
    "Step failed",
    "Undoing",
    "Undone",
    "Undone",
    "Run ended",
]


def live(world: World, die_at: int) -> int:
    """The whole story, with a death at one of the points that are passed; how many there were."""
    left = [die_at]

    def at(point: str) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Died(point)

    object.__setattr__(world.engine.tools, "at", at)
    world.effects.outcomes = {"shop": [FAILED, FAILED]}

    def work() -> None:
        while True:
            try:
                return world.work()
            except Died:
                world.lease_clock.at = world.lease_clock.at.replace(minute=world.lease_clock.at.minute + 2)

    run = world.open(BOOK)
    work()
    world.decide()
    work()
    world.engine.controls.callback(f"{run}:send:1", {"status": "done"}, dedup_key="a", actor="engine")
    work()
    return die_at - left[0]


def test_a_death_at_every_point(world: World) -> None:
    points = live(world, 10**6)
    assert points > 30
    stride = 1 if world.state.is_sqlite else max(1, round(3 / examples(1)))  # a server takes its time
    for number in range(1, points + 1, stride):
        one = World(world.state, uuid4().hex)
        live(one, number)
        run = one.row()
        assert (run.status, run.reason, run.open_key) == ("failed", "failed_permanently", None), number
        assert [happened.activity for happened in one.engine.history.of(run.run_id)] == STORY, number
        assert [entry["kind"] for entry in one.audit()] == STORY, number
        deeds = Counter((over, key) for _, over, key, _ in one.effects.deeds)
        expected = {
            ("erp", "pay:1"),
            ("engine", "send:1"),
            ("shop", "breaks:1"),
            ("erp", "pay:1:undo"),
            ("erp", "send:1:undo"),
        }
        assert set(deeds) == {(over, f"{run.run_id}:{key}") for over, key in expected}, number
        assert sum(deeds.values()) in (5, 6), number  # the deed that was under way may be done again


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    ("point", "number", "twice"),
    [("before_effect", 1, False), ("after_effect", 1, True), ("before_commit", 1, False), ("before_commit", 2, True)],
)
def test_a_process_that_is_killed(settings: Settings, tmp_path: Path, point: str, number: int, twice: bool) -> None:
    deeds = tmp_path / "deeds"
    url = settings.state_url.get_secret_value() if settings.state_url else ""
    with State(settings) as state:
        world = World(state, "t", Noted())
        world.effects.file = deeds  # type: ignore[attr-defined]
        run, others = world.open(playbook(CALL, END)), [world.open(playbook(CALL, END), f"other{n}") for n in range(3)]
        arguments = [str(settings.home), url, "t", str(deeds), point, str(number)]
        command = [sys.executable, str(Path(__file__).parent.parent / "playbook_process.py"), *arguments]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            process.kill()
        world.work()
        assert {world.row(one).status for one in (run, *others)} == {"ready"}  # the lease of the dead still holds
        world.after("2m")
        world.work()
        assert {world.row(one).reason for one in (run, *others)} == {"resolved"}
        assert world.count(RUN_STEPS, RUN_STEPS.c.status == "done") == 3 * 4
        keys = Counter(deeds.read_text().split("\n")[:-1])
        repeated = [line for line, times in keys.items() if times == 2]
        assert len(keys) == 4
        assert sum(keys.values()) == 4 + twice
        assert len(repeated) == twice
        for one in (run, *others):
            assert [entry["kind"] for entry in world.audit(one)] == [
                "Run opened",
                "Context gathered",
                "Called",
                "Run ended",
            ]


@pytest.mark.parametrize("point", ["before_effect", "after_effect"])
def test_a_process_that_stands_still_past_its_lease_records_nothing(
    settings: Settings, tmp_path: Path, point: str
) -> None:
    """SIGSTOP in the middle of a deed, and SIGCONT when another worker has done it."""
    deeds = tmp_path / "deeds"
    url = settings.state_url.get_secret_value() if settings.state_url else ""
    with State(settings) as state:
        world = World(state, "t", Noted())
        world.effects.file = deeds  # type: ignore[attr-defined]
        run = world.open(playbook(CALL, END))
        arguments = [str(settings.home), url, "t", str(deeds), point, "1"]
        command = [sys.executable, str(Path(__file__).parent.parent / "playbook_process.py"), *arguments]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            process.send_signal(signal.SIGSTOP)
            world.after("2m")
            world.work()
            assert world.row(run).reason == "resolved"
            before = world.audit(run)
            process.send_signal(signal.SIGCONT)
            said, logged = process.communicate(timeout=60)  # its waiting ends, and it goes on
        assert (process.returncode, said.split("\n")[-2]) == (0, "never")
        assert "its lease was lost" in logged
        assert world.audit(run) == before
        assert [entry["kind"] for entry in before] == ["Run opened", "Context gathered", "Called", "Run ended"]
        assert set(deeds.read_text().split("\n")[:-1]) == {f"erp {run}:pay:1"}  # the same key, by whom ever


def test_a_worker_that_wakes_up_after_its_lease_records_nothing(world: World) -> None:
    runs = [world.open(playbook(CALL, END), f"k{n}") for n in range(8)]
    second = Worker(world.engine, name="two")
    stopped: list[str] = []

    def stop(_: str) -> None:
        if len(stopped) < 1:
            stopped.append(world.effects.deeds[-1][2])
            world.lease_clock.at = world.lease_clock.at.replace(minute=5)
            assert second.run_due() == 8

    world.effects.during = stop
    world.work()
    assert len(stopped) == 1
    keys = Counter(world.effects.over("erp"))
    assert keys == Counter({f"{run}:pay:1": 1 for run in runs}) + Counter(stopped)
    assert world.count(RUN_STEPS, RUN_STEPS.c.status == "done") == 3 * 8
    assert {(world.row(run).status, world.row(run).lease_owner) for run in runs} == {("done", None)}
    for run in runs:
        assert [entry["kind"] for entry in world.audit(run)] == [
            "Run opened",
            "Context gathered",
            "Called",
            "Run ended",
        ]


def test_two_hundred_restarts_while_it_waits(world: World) -> None:
    run = world.open(playbook(ASK, END))
    world.work()
    fence = world.row(run).fence
    for _ in range(200):
        again = World(world.state, world.tenant, world.effects, world.evaluator)
        assert again.worker.run_due() == 0
    assert (world.row(run).status, world.row(run).fence, world.row(run).attempt) == ("waiting", fence, 0)
    world.decide()
    world.work()
    assert world.row(run).reason == "resolved"


def test_the_database_goes_away_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    with empty_database("postgresql", tmp_path) as settings, State(settings) as state:
        world = World(state, "t")
        run = world.open(playbook(CALL, END))
        assert settings.state_url is not None
        hits: list[str] = []

        def cut(point: str) -> None:
            if point == "before_commit" and len(hits) < 3:
                hits.append(point)
                assert settings.state_url is not None
                with psycopg.connect(settings.state_url.get_secret_value(), autocommit=True) as other:
                    other.execute(sql.SQL(EVERY_OTHER_ENDS))

        object.__setattr__(world.engine.tools, "at", cut)
        for minute in (2, 4, 6):
            with pytest.raises(StateUnavailable):
                world.work()
            world.after(f"{minute}m")
        world.work()
        assert len(hits) == 3
        assert world.row(run).reason == "resolved"
        assert [entry["kind"] for entry in world.audit()] == ["Run opened", "Context gathered", "Called", "Run ended"]


@pytest.mark.parametrize("fault", ["locked", "full"])
def test_sqlite_is_locked_or_its_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.setattr(database, "BUSY_MS", 20)
    with empty_database("sqlite", tmp_path) as settings, State(settings) as state:
        world = World(state, "t")
        run = world.open(playbook(CALL, END))
        done: list[str] = []

        def break_it(over: str) -> None:
            if done:
                return
            done.append(over)
            if fault == "locked":
                world.lock = state.engine.connect().execution_options(gembascope_writes=True)  # type: ignore[attr-defined]
                world.lock.begin()  # type: ignore[attr-defined]
            else:
                event.listen(state.engine, "begin", fill)

        def fill(connection: Any) -> None:
            connection.exec_driver_sql("PRAGMA max_page_count = 1")  # as few as there are: it cannot grow

        world.effects.outcomes = {"erp": [DONE.__class__(DONE.result, output={"much": "x" * 60_000})] * 2}
        world.effects.during = break_it
        with pytest.raises(StateUnavailable):
            world.work()
        if fault == "locked":
            world.lock.close()  # type: ignore[attr-defined]
        else:
            event.remove(state.engine, "begin", fill)
            state.engine.dispose()
        world.after("2m")
        world.work()
        assert world.row(run).reason == "resolved"
        assert world.effects.over("erp") == [f"{run}:pay:1"] * 2
        assert [entry["kind"] for entry in world.audit()] == ["Run opened", "Context gathered", "Called", "Run ended"]


def test_a_worker_that_stops_gives_back_what_it_did_not_begin(world: World) -> None:
    for number in range(5):
        world.open(playbook(END), f"k{number}")
    held = claim(world.engine.tools, world.worker.name, 5)
    world.worker._line.extend(held)
    world.worker.stop()
    world.worker.run()
    assert [run.attempt for run in claim(world.engine.tools, "two", 5)] == [1] * 5
