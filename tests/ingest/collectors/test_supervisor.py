"""The supervisor: what fails is tried again after a pause, what stops is stopped, and one process runs what only one
may. Its clock and its pauses are the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from threading import Event

import pytest
from inlets import MemoryInlet

from ingest.collectors.backoff import Backoff
from ingest.collectors.notes import Notes
from ingest.collectors.supervisor import CLOSED_S, SourceState, Supervisor
from ingest.sources.delivery import CollectorError, Inlet
from kernel.clock import FixedClock
from kernel.errors import StateUnavailable

START = datetime(2026, 3, 1, tzinfo=timezone.utc)


class World:
    """A clock that moves only by pauses, which are noted."""

    def __init__(self) -> None:
        self.clock, self.now_s = FixedClock(START), 0.0
        self.pauses: list[float] = []
        self.paused: Callable[[float], None] = lambda _: None

    def monotonic(self) -> float:
        return self.now_s

    def waiting(self, event: Event, seconds: float) -> bool:
        if threading.current_thread().name == "collect-leases":
            return event.wait(0.005)
        self.pauses.append(seconds)
        self.paused(seconds)
        self.now_s += seconds
        self.clock.at = START + timedelta(seconds=self.now_s)
        return event.wait(0.001)

    def supervisor(self, *collectors: object, leases: object = None, chance: float = 1.0) -> Supervisor:
        sources = []
        for n, collector in enumerate(collectors):
            inlet = MemoryInlet()
            inlet.source = f"s{n}"
            sources.append((inlet, collector))
        return Supervisor(
            sources,  # type: ignore[arg-type]
            self.clock,
            leases=leases,  # type: ignore[arg-type]
            chance=lambda: chance,
            waiting=self.waiting,
            monotonic=self.monotonic,
        )


class Scripted:
    """Does what it is told in each run; afterwards it runs until it is stopped, and says so."""

    def __init__(self, *runs: Callable[[], None], alone: bool = False) -> None:
        self.runs, self.alone = list(runs), alone
        self.notes = Notes()
        self.began, self.settled, self.count = 0, Event(), 0
        self.stopped = Event()

    def run(self, inlet: Inlet, stopping: Event) -> None:
        self.count += 1
        if self.runs:
            self.runs.pop(0)()
            return
        self.settled.set()
        assert stopping.wait(20)
        self.stopped.set()


def fails(error: Exception) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


def state_of(supervisor: Supervisor, source: str = "s0") -> SourceState:
    return next(one for one in supervisor.states() if one.source == source)


def test_pauses_grow_to_a_minute_and_begin_anew_after_a_good_while() -> None:
    world = World()

    def long() -> None:
        world.now_s += 61
        raise CollectorError("away")

    collector = Scripted(*[fails(CollectorError("away"))] * 8, long)
    supervisor = world.supervisor(collector)
    seen: list[SourceState] = []
    world.paused = lambda _: seen.append(state_of(supervisor))
    supervisor.start()
    assert collector.settled.wait(10)
    assert world.pauses == [2, 4, 8, 16, 32, 60, 60, 60, 2]
    assert (seen[0].state, seen[0].reason, seen[0].until) == ("waiting", "away", START + timedelta(seconds=2))
    assert (state_of(supervisor).state, state_of(supervisor).failures) == ("running", 9)
    assert supervisor.stop() == []
    assert state_of(supervisor).state == "stopped"
    assert collector.stopped.is_set()


def test_pauses_are_drawn_by_chance_and_never_below_a_second() -> None:
    low, middle = Backoff(chance=lambda: 0.0), Backoff(chance=lambda: 0.5)
    assert [low.next_s() for _ in range(5)] == [1.0] * 5
    assert [middle.next_s() for _ in range(4)] == [1.5, 2.5, 4.5, 8.5]
    assert max(Backoff().next_s() for _ in range(2000)) <= 60


def test_one_that_fails_stops_no_other_also_by_a_mistake_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    bad, early, good = Scripted(fails(ZeroDivisionError("secret"))), Scripted(lambda: None), Scripted()
    supervisor = world.supervisor(bad, early, good)
    reasons: list[str] = []
    world.paused = lambda _: reasons.extend(one.reason for one in supervisor.states() if one.state == "waiting")
    supervisor.start()
    for collector in (bad, early, good):
        assert collector.settled.wait(10)
    assert supervisor.stop() == []
    assert {"an error of this program (ZeroDivisionError)", "the collector ended by itself"} <= set(reasons)
    assert good.count == 1


def test_what_does_not_end_in_time_is_named_and_notes_are_told() -> None:
    world = World()
    held, began = Event(), Event()

    class Stuck:
        notes = Notes()

        def run(self, inlet: Inlet, stopping: Event) -> None:
            self.notes.set("x", "a file is bad")
            began.set()
            held.wait(20)

    good = Scripted()
    supervisor = world.supervisor(Stuck(), good)
    supervisor.start()
    assert began.wait(10)
    assert good.settled.wait(10)
    assert state_of(supervisor).notes == ("a file is bad",)
    assert supervisor.stop(0.05) == ["s0"]
    assert good.stopped.wait(10)
    held.set()
    assert supervisor.stop() == []


class SharedLeases:
    """Leases of one process of two; `lost` and `unknown` change what is answered."""

    def __init__(self, held: dict[str, str], me: str) -> None:
        self.held, self.me, self.unknown = held, me, False

    def hold(self, name: str) -> bool:
        if self.unknown:
            raise StateUnavailable("away")
        return self.held.setdefault(name, self.me) == self.me

    def release(self, name: str) -> None:
        if self.held.get(name) == self.me:
            del self.held[name]


def test_one_process_of_two_runs_what_only_one_may_and_the_other_takes_over() -> None:
    held: dict[str, str] = {}
    worlds = [World(), World()]
    collectors = [Scripted(alone=True), Scripted(alone=True)]
    waits, waiting = Event(), []
    first = worlds[0].supervisor(collectors[0], leases=SharedLeases(held, "1"))
    first.start()
    assert collectors[0].settled.wait(10)
    second = worlds[1].supervisor(collectors[1], leases=SharedLeases(held, "2"))
    worlds[1].paused = lambda _: (waiting.append(state_of(second).reason), waits.set())  # type: ignore[func-returns-value]
    second.start()
    assert waits.wait(10)
    assert waiting[0] == "another process collects from it"
    assert collectors[1].count == 0
    assert first.stop() == []
    assert collectors[1].settled.wait(10)
    assert held == {"s0": "2"}
    assert second.stop() == []
    assert held == {}


@pytest.mark.parametrize("how", ["lost", "unknown"])
def test_a_run_is_stopped_when_its_lease_is_lost_or_long_unknown(how: str) -> None:
    held: dict[str, str] = {}
    world, collector, leases = World(), Scripted(alone=True), SharedLeases(held, "1")
    supervisor = world.supervisor(collector, leases=leases)
    supervisor.start()
    assert collector.settled.wait(10)
    if how == "lost":
        held["s0"] = "2"
    else:
        leases.unknown = True
        assert not collector.stopped.wait(0.05)  # a renewal that fails once stops nothing
        world.now_s += 45
    assert collector.stopped.wait(10)
    assert supervisor.stop() == []


def test_nothing_is_fetched_while_the_inlet_is_closed() -> None:
    """What goes back to a broker again and again is thrown away by it in the end."""
    world, collector, inlet = World(), Scripted(), MemoryInlet()
    found: list[Callable[[], str]] = [
        lambda: "it was stopped: too much is bad",
        lambda: str(1 // 0),
        lambda: {}["a mistake"],
    ]

    def closed() -> str:
        return found.pop(0)() if found else ""

    inlet.closed = closed  # type: ignore[method-assign]
    supervisor = Supervisor(
        [(inlet, collector)], world.clock, chance=lambda: 1.0, waiting=world.waiting, monotonic=world.monotonic
    )
    seen: list[tuple[str, int, int]] = []

    def paused(_: float) -> None:
        state = state_of(supervisor, "orders")
        seen.append((state.reason, state.failures, collector.count))

    world.paused = paused
    supervisor.start()
    assert collector.settled.wait(10)
    assert supervisor.stop() == []
    assert seen == [
        ("it was stopped: too much is bad", 0, 0),
        ("an error of this program (ZeroDivisionError)", 1, 0),
        ("an error of this program (KeyError)", 2, 0),
    ]
    assert world.pauses == [CLOSED_S, 2, 4]
