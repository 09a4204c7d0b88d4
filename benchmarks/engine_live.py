"""Events at run time, as a sender and a reader see them: how fast they are acknowledged, and when their cases show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

from benchmarks.engine_gembascope import PROCESS, TENANT
from ingest.live import LiveIngest, LoadedStep
from ingest.spool import Spool
from kernel.clock import SystemClock
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

BATCH = 1_000
SENDERS = 4
SOURCE = "bench"
"""The source of the log that the home holds already."""
LATER = datetime(2190, 1, 1, tzinfo=timezone.utc)
IN_PATHS = Query(
    "in_paths",
    "SELECT sum(length(activities)) FROM case_paths FINAL WHERE tenant = {tenant:String} AND process = 'bench'",
)


class Live:
    """A home that takes events."""

    def __init__(self, warehouse: Warehouse, live: LiveIngest, told: threading.Semaphore) -> None:
        self._warehouse, self._live, self._told = warehouse, live, told
        self.waits_s: list[float] = []

    def send(self, bodies: Sequence[bytes], events: int) -> None:
        """Send the bodies, several at a time; ends when the paths of the cases hold all their events."""
        before = self.in_paths()
        with ThreadPoolExecutor(SENDERS) as pool:
            self.waits_s += pool.map(self._acknowledged, bodies)
        while self.in_paths() < before + events:
            self._told.acquire(timeout=60)

    def _acknowledged(self, body: bytes) -> float:
        begun = time.perf_counter()
        self._live.accept(body, SOURCE)
        return time.perf_counter() - begun

    def in_paths(self) -> int:
        return int(self._warehouse.query(IN_PATHS, {"tenant": TENANT}).item() or 0)


@contextmanager
def taking(home: Path) -> Iterator[Live]:
    """Take events for the home, loading in the background."""
    clock = SystemClock()
    settings = load_settings(home=home, query_memory_bytes=8 << 30)
    told = threading.Semaphore(0)
    with Warehouse(settings) as warehouse, Spool(settings, clock) as spool:
        migrate(warehouse, clock)

        def listen(_: LoadedStep) -> None:
            refresh(warehouse, clock, TENANT, PROCESS)
            told.release()

        live = LiveIngest(warehouse, clock, spool, TENANT, alone=True, on_loaded=[listen])
        live.start()
        try:
            yield Live(warehouse, live, told)
        finally:
            live.stop()


def bodies(events: int, run: str) -> list[bytes]:
    """So many new events, ten of a case, as bodies of BATCH each."""
    moments = (LATER + timedelta(seconds=number) for number in range(events))
    made = [
        {
            "id": f"{run}-{number}",
            "activity": f"Step {number % 10}",
            "occurred_at": moment.isoformat(),
            "actor": f"clerk-{number % 200}",
            "objects": [{"type": PROCESS.object_type, "id": f"{run}-{number // 10}"}],
            "attributes": {"store": "Köln", "lines": number % 7},
            "value": "12.50",
            "currency": "EUR",
        }
        for number, moment in enumerate(moments)
    ]
    return [msgspec.json.encode(made[start : start + BATCH]) for start in range(0, events, BATCH)]
