"""The service under test, with faults planted from outside: `python service.py PLAN gembascope-command …`.

PLAN is a JSON object:

    kill     [point, n]: be killed (SIGKILL) when the point is reached for the n-th time
    trap     path of a file that may come while the service runs: [signal, point, n], for the n-th time from then on
    holder   name by which it takes the lead of the loading
    clock    path of a file that holds the seconds by which the clock of the service is off
    poison   whether the warehouse refuses steps with an event of the activity "poison", as it refuses data
    busy_ms  how long a writer of the spool waits for one of another process
    sabotage name of a defect of `faults.sabotages`

Points are "before X" and "after X". X is `commit` (of accepted events), `entries` (within that transaction), `take`,
`mark`, `repair`, `step`, or the name of a statement or insert of the warehouse, such as `store_events`, `mark_batch`,
`insert into events`; `statement` is each of them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from faults.events import POISON
from faults.sabotages import SABOTAGES

from ingest.spool import Spool
from ingest.store import EventStore
from kernel import warehouse
from kernel.clock import SystemClock
from kernel.errors import WarehouseError
from kernel.state import database

METHODS: dict[str, tuple[type, str]] = {
    "commit": (Spool, "_write"),
    "entries": (Spool, "_write_for"),
    "take": (Spool, "take"),
    "mark": (Spool, "mark"),
    "repair": (EventStore, "repair"),
    "step": (EventStore, "store_step"),
}


Reached = Callable[[str], None]


class Killer:
    """Ends this process when its point is reached for the n-th time."""

    def __init__(self, point: str, times: int) -> None:
        self._point, self._left, self._lock = point, times, threading.Lock()

    def reached(self, point: str) -> None:
        if point != self._point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Trap:
    """Sends this process a signal at the point that the file names, once: then the file is gone."""

    def __init__(self, path: Path) -> None:
        self._path, self._times, self._lock = path, 0, threading.Lock()

    def reached(self, point: str) -> None:
        with self._lock:
            try:
                number, wanted, times = json.loads(self._path.read_text(encoding="ascii"))
            except FileNotFoundError:
                return
            if point != wanted:
                return
            self._times += 1
            if self._times < times:
                return
            self._times = 0
            self._path.unlink(missing_ok=True)
            os.kill(os.getpid(), number)


def arm(reached: Reached) -> None:
    for name, (owner, method) in METHODS.items():
        setattr(owner, method, _around(reached, name, getattr(owner, method)))
    translated = warehouse._translated

    @contextmanager
    def watched(query_name: str) -> Iterator[None]:
        name = query_name.partition("incoming_")[0] + "incoming" if "incoming_" in query_name else query_name
        with translated(query_name):
            reached("before statement")
            reached(f"before {name}")
            yield
            reached(f"after {name}")
            reached("after statement")

    warehouse._translated = watched


def _around(reached: Reached, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **more: Any) -> Any:
        reached(f"before {name}")
        found = function(*args, **more)
        reached(f"after {name}")
        return found

    return call


def set_clock(path: Path) -> None:
    def now(_: SystemClock) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=float(path.read_text(encoding="ascii") or 0))

    SystemClock.now = now  # type: ignore[method-assign]


def refuse_poison() -> None:
    store_step = EventStore.store_step

    def refusing(self: EventStore, origin: Any, step: Any, **more: Any) -> Any:
        if POISON in step.names.get("activity", ()):
            raise WarehouseError("ClickHouse refused (TYPE_MISMATCH, code 53)", code=53, query="insert into incoming")
        return store_step(self, origin, step, **more)

    EventStore.store_step = refusing  # type: ignore[method-assign]


def lead_as(holder: str) -> None:
    """Have who leads be told by a name that is known outside."""
    made = Spool.__init__

    def named(self: Spool, *args: Any, **more: Any) -> None:
        made(self, *args, **more)
        self._holder = holder

    Spool.__init__ = named  # type: ignore[method-assign]


def plant(plan: dict[str, Any]) -> None:
    if "clock" in plan:
        set_clock(Path(plan["clock"]))
    if plan.get("poison"):
        refuse_poison()
    if "busy_ms" in plan:
        database.BUSY_MS = plan["busy_ms"]
    if plan.get("sabotage"):
        SABOTAGES[plan["sabotage"]].plant()
    if "kill" in plan:
        point, times = plan["kill"]
        arm(Killer(point, times).reached)
    if "trap" in plan:
        arm(Trap(Path(plan["trap"])).reached)
    if "holder" in plan:
        lead_as(plan["holder"])


if __name__ == "__main__":
    plant(json.loads(sys.argv.pop(1)))
    from gembascope.cli import main

    main()
