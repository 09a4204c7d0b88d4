"""A process that takes events and is killed at a named point: `python live_process.py HOME STATE_URL POINT FIRST LAST`.

It first loads what the one before it left, and prints what it finds then. Then it takes the events FIRST to LAST in two
requests, the second of which repeats one of the first, and is killed at the point: accepted, inserted, verified or
marked. The point `end` is none: it only looks.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sent_events import SENDER, numbered

from ingest.live import LiveIngest
from ingest.spool import Spool
from kernel.clock import SystemClock
from kernel.process import ProcessDefinition
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

TENANT = "local"
FOUND = Query(
    "found",
    "SELECT count() AS events, uniqExact(event_id) AS ids, "
    "(SELECT count() FROM event_objects WHERE tenant = {tenant:String}) AS relations, "
    "(SELECT sum(length(activities)) FROM case_paths FINAL WHERE tenant = {tenant:String}) AS in_paths "
    "FROM events WHERE tenant = {tenant:String}",
)


def killed(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, then be killed."""

    def call(*args: Any, **more: Any) -> Any:
        function(*args, **more)
        killed()

    return call


def arm(point: str, warehouse: Warehouse) -> None:
    original = warehouse.read_for_write

    def before_verification(query: Query, parameters: Any = None) -> Any:
        return killed() if query.name in ("events_of_batch", "missing_events") else original(query, parameters)

    if point == "accepted":
        Spool.take = killed  # type: ignore[method-assign]
    elif point == "inserted":
        warehouse.read_for_write = before_verification  # type: ignore[method-assign]
    elif point == "verified":
        Spool.mark = killed  # type: ignore[method-assign]
    elif point == "marked":
        Spool.mark = after(Spool.mark)  # type: ignore[method-assign]


def main(home: str, state_url: str, point: str, first: int, last: int) -> None:
    settings, clock = load_settings(home=Path(home), state_url=state_url or None), SystemClock()
    definition = ProcessDefinition(id="returns", object_type="return")
    with Warehouse(settings) as warehouse, Spool(settings, clock) as spool:
        migrate(warehouse, clock)

        def told(_: object) -> None:
            refresh(warehouse, clock, TENANT, definition)

        live = LiveIngest(warehouse, clock, spool, TENANT, alone=True, on_loaded=[told])
        live.drain()
        found = warehouse.read_for_write(FOUND, {"tenant": TENANT}).row(0, named=True)
        counts = ("received", "stored", "duplicate", "quarantined", "refused", "in_spool", "spool_bytes")
        found["account"] = [[getattr(account, name) for name in counts] for account in spool.accounts(TENANT)]
        print(json.dumps(found), flush=True)
        if point == "end":
            return
        arm(point, warehouse)
        live.accept(numbered(range(first, last)), SENDER)
        live.accept(numbered([first, last]), SENDER)
        live.drain()
        raise AssertionError(f"not killed at {point}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
