"""Two services, each with a home of its own, on one served warehouse and one spool in PostgreSQL, and what befalls the
one of them that leads the loading."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from faults.injected import POINTS
from faults.oracle import Verdict, judge
from faults.pipeline import PATIENCE_S, NotReady, Pipeline
from faults.served_warehouse import AFTER_LEASE_S
from state_databases import empty_database

TAKEN_OVER_S = 10.0
"""How long the other is waited for. It may have to wait itself, for what one that stands still keeps locked."""


@contextmanager
def two_services(folder: Path, warehouse_url: str, *, size: int = 100) -> Iterator[Pair]:
    """With a state database that is gone afterwards."""
    with empty_database("postgresql", folder) as settings:
        assert settings.state_url is not None
        state_url = settings.state_url.get_secret_value()
        with psycopg.connect(state_url, autocommit=True) as asking:
            where = {"GEMBASCOPE_WAREHOUSE_URL": warehouse_url, "GEMBASCOPE_STATE_URL": state_url}
            with (
                Pipeline(folder / "one", size=size, **where) as first,
                Pipeline(folder / "other", size=size, beside=first, **where) as second,
            ):
                yield Pair(first, second, asking)


class Pair:
    """Both services, with one book of what was sent to either."""

    def __init__(self, first: Pipeline, second: Pipeline, asking: psycopg.Connection[Any]) -> None:
        self.first, self.second, self.both = first, second, (first, second)
        self._asking, self._holders = asking, {first: "", second: ""}

    def start(self, sabotage: str = "") -> None:
        """Start those that do not run, at once, and let those go on that stand still."""
        fresh = [one for one in self.both if not one.running()]
        for one in self.both:
            if one not in fresh:
                one.signal(signal.SIGCONT)
                continue
            one.kill()
            _trap(one).unlink(missing_ok=True)
            self._holders[one] = uuid4().hex
            one.start(wait=False, holder=self._holders[one], trap=str(_trap(one)), sabotage=sabotage)
        if not all([one.until_ready() for one in fresh]):
            raise NotReady("a service ended while it started")

    # Who leads -----------------------------------------------------------------------------------------------

    def leads(self, one: Pipeline) -> bool:
        """Whether the service that runs there now has taken the lead at last."""
        row = self._asking.execute("SELECT holder FROM spool_loaders").fetchone()
        return row is not None and row[0] == self._holders[one]

    def leading(self) -> tuple[Pipeline, Pipeline]:
        """The one that leads, and the other."""
        until(lambda: any(map(self.leads, self.both)), "neither leads")
        return (self.first, self.second) if self.leads(self.first) else (self.second, self.first)

    def lease_ends(self) -> None:
        """Time passes for both, more than a lease."""
        for one in self.both:
            put_off(one, AFTER_LEASE_S)

    # Sending -------------------------------------------------------------------------------------------------

    def fresh(self, count: int) -> list[int]:
        return self.first.fresh(count)

    def send(self, numbers: Iterable[int], *, twice: bool = True) -> None:
        """Send to both at once: a third of it to each alone, and the rest to both; or all of it to one or the other."""
        some = list(numbers)
        to_one, to_other = (len(some) - len(some) // 3, len(some) // 3) if twice else (len(some) // 2, len(some) // 2)
        shares = (self.first, some[:to_one]), (self.second, some[to_other:])
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda share: share[0].send(share[1]), shares))

    def send_pending(self) -> None:
        self.running()[0].send_pending()

    def running(self) -> list[Pipeline]:
        return [one for one in self.both if one.running()]

    def ended(self) -> Verdict:
        """As `faults.scenes.ended`, of whoever runs."""
        self.send_pending()
        status = self.running()[-1].until_loaded()
        for one in self.running():
            one.stop()
        return judge(self.first, status)


def put_off(one: Pipeline, seconds: float) -> None:
    """Set the clock of a service on, or back."""
    offset = float(one.clock_file.read_text(encoding="ascii")) + seconds
    _written(one.clock_file, str(offset))


def until(met: Callable[[], bool], otherwise: str, within_s: float = PATIENCE_S) -> None:
    """Wait. NotReady when it does not come within that time."""
    limit = time.monotonic() + within_s
    while not met():
        if time.monotonic() > limit:
            raise NotReady(otherwise)
        time.sleep(0.02)


def _written(path: Path, text: str) -> None:
    """Put a file there that is read whole or not at all."""
    ready = path.with_suffix(".new")
    ready.write_text(text, encoding="ascii")
    ready.replace(path)


def _trap(one: Pipeline) -> Path:
    return one.folder / "trap"


# What befalls it ---------------------------------------------------------------------------------------------------

Arm = Callable[[Pipeline], None]


def at_point(number: signal.Signals, point: str, times: int = 1) -> Arm:
    return lambda one: _written(_trap(one), json.dumps([int(number), point, times]))


def at_random(number: signal.Signals, chance: random.Random) -> Arm:
    return lambda one: threading.Timer(chance.uniform(0.0, 0.6), one.signal, [number]).start()


def overtaken(pair: Pair, arm: Arm, send: Callable[[], object], within_s: float = 5.0) -> bool:
    """While events are sent let a signal come to the one that leads, SIGSTOP or SIGKILL; when its lease ends the other
    leads and loads what waits, and who stands still goes on. Whether the signal came."""
    leader, other = pair.leading()
    arm(leader)
    sender = threading.Thread(target=send)
    sender.start()
    limit = time.monotonic() + within_s
    while not (struck := _stands_still(leader)) and time.monotonic() < limit:
        time.sleep(0.02)
    _trap(leader).unlink(missing_ok=True)
    if struck:
        pair.lease_ends()
        with contextlib.suppress(NotReady):
            until(lambda: pair.leads(other) and _nothing_waits(other), "the other waits too", TAKEN_OVER_S)
    if leader.running():
        leader.signal(signal.SIGCONT)
    sender.join()
    return struck


def clock_set_back(pair: Pair, chance: random.Random, fresh: int) -> bool:
    """The clock of one of them, by an hour, and right again; events are loaded meanwhile."""
    one = chance.choice(pair.both)
    for seconds in (-3600, 3600):
        put_off(one, seconds)
        pair.send(pair.fresh(fresh))
        pair.send_pending()
        one.until_loaded()
    return True


TURNS = ("SIGSTOP at a point", "SIGKILL at a point", "SIGSTOP", "SIGKILL at a point", "SIGSTOP at a point", "SIGKILL")


def befalling(
    pair: Pair, chance: random.Random, fresh: int, faults: int
) -> Iterator[tuple[str, str, Callable[[], bool]]]:
    """Faults, each with its name, its point, and what does it and tells whether it came. Afterwards both run, but after
    the last one: it is killed when it has told nobody of what it loaded, and the other is sent nothing more."""
    places = [point for point in POINTS if "store_names" not in point]  # a process stores each name once
    chance.shuffle(places)

    def done(arm: Arm) -> bool:
        twice = chance.random() < 0.5  # what holds nothing that came before is stored in another way
        old = [chance.randrange(pair.first.next_batch)] if twice and pair.first.next_batch else []
        struck = overtaken(pair, arm, lambda: pair.send([*pair.fresh(fresh), *old], twice=twice))
        pair.start()
        return struck

    for turn in range(faults - 1):
        if turn % 10 == 9:
            yield "two services, clock of one set back", "", lambda: clock_set_back(pair, chance, fresh)
            continue
        name, _, at = TURNS[turn % len(TURNS)].partition(" ")
        point = places[turn % len(places)] if at else ""
        arm = at_point(signal.Signals[name], point) if at else at_random(signal.Signals[name], chance)
        yield f"one of two overtaken, {name} {at or 'at random'}", point, lambda arm=arm: done(arm)
    _, other = pair.leading()
    arm = at_point(signal.SIGKILL, "after mark")
    yield "one of two killed for good", "", lambda: overtaken(pair, arm, lambda: other.send(pair.fresh(1)))


def _stands_still(one: Pipeline) -> bool:
    if not one.running():
        return True
    assert one.process is not None
    stat = Path(f"/proc/{one.process.pid}/stat").read_text(encoding="ascii", errors="replace")
    return stat.rpartition(")")[2].split()[0] == "T"


def _nothing_waits(one: Pipeline) -> bool:
    with contextlib.suppress(OSError):
        _, found = one.ask("GET", "/api/v1/ingest/status", timeout=5)
        return not any(row["in_spool"] for row in found["sources"])
    return False
