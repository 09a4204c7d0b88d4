"""Where the time of an event goes, from the bytes of its request to the paths of its case.

All in one process and one after the other: first everything is accepted, then everything is loaded. So the CPU seconds
of a stage are its own, with all threads that work for it, and none waits for another. Their sum is what an event costs;
its inverse is the most that one core could do, were nothing else to be done for it (HTTP is not among the stages).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.engine_gembascope import PROCESS, TENANT
from benchmarks.engine_live import SOURCE, bodies
from benchmarks.measuring import Row, peak_mb
from ingest import events_json, live, spool
from ingest.live import LiveIngest
from ingest.spool import Spool
from ingest.store import EventStore
from kernel.clock import SystemClock
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

VERIFY = ("events_of_batch", "missing_events", "known_events", "held_events")


class Stages:
    """CPU and wall seconds by stage; what a stage calls of another counts for the other."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[float, float]] = {}
        self._inner: list[tuple[float, float]] = []
        self._open: list[str] = []

    def of(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            with self.during(name):
                return function(*args, **more)

        return call

    @contextmanager
    def during(self, name: str) -> Iterator[None]:
        if self._open[-1:] == ["refresh"]:  # whatever it asks of the warehouse is its own
            yield
            return
        self._open.append(name)
        begun = time.process_time(), time.perf_counter()
        self._inner.append((0.0, 0.0))
        try:
            yield
        finally:
            took = time.process_time() - begun[0], time.perf_counter() - begun[1]
            self._open.pop()
            inner, before = self._inner.pop(), self.spent.get(name, (0.0, 0.0))
            self.spent[name] = (before[0] + took[0] - inner[0], before[1] + took[1] - inner[1])
            if self._inner:
                outer = self._inner[-1]
                self._inner[-1] = (outer[0] + took[0], outer[1] + took[1])


def stages(home: Path, events: int, run: str) -> list[Row]:
    """One row per stage, for so many events in a home of their own."""
    clock, found, sent = SystemClock(), Stages(), bodies(events, run)
    settings = load_settings(home=home)
    with Warehouse(settings) as warehouse, Spool(settings, clock) as kept, ExitStack() as stack:
        migrate(warehouse, clock)

        def told(_: object) -> None:
            with found.during("refresh"):
                refresh(warehouse, clock, TENANT, PROCESS)

        loading = LiveIngest(warehouse, clock, kept, TENANT, alone=True, on_loaded=[told])
        loading.accept(bodies(1, f"{run}-warm")[0], SOURCE)
        loading.drain()
        for target, name, timed in _timed(found, warehouse):
            stack.enter_context(patch.object(target, name, timed))
        found.spent.clear()
        for body in sent:
            loading.accept(body, SOURCE)
        loading.drain()
    load = os.getloadavg()[0]
    return [Row(f"stage_{name}", "gembascope", cpu, wall, peak_mb(), load) for name, (cpu, wall) in found.spent.items()]


def _timed(found: Stages, warehouse: Warehouse) -> list[tuple[Any, str, Callable[..., Any]]]:
    """What is replaced while it is measured: where, under which name, by what."""
    decoded, read = events_json.decoded, warehouse.read_for_write

    def decoding(body: bytes) -> Iterator[Any]:
        with found.during("decode"):
            whole = list(decoded(body))
        return iter(whole)

    def reading(query: Query, parameters: Any = None) -> Any:
        with found.during("verify" if query.name in VERIFY else "store_rest"):
            return read(query, parameters)

    plain = [
        (live, "read_events", "check"),
        (events_json.EventRows, "sent", "frames"),
        (spool, "written", "payload"),
        (Spool, "_write", "commit"),
        (Spool, "take", "take"),
        (live, "together", "take"),
        (live, "staged", "staging"),
        (EventStore, "store_step", "store_rest"),
        (warehouse, "insert_parquet", "insert"),
        (warehouse, "commands", "insert"),
        (Spool, "mark", "mark"),
    ]
    timed = [(target, name, found.of(stage, getattr(target, name))) for target, name, stage in plain]
    return [*timed, (events_json, "decoded", decoding), (warehouse, "read_for_write", reading)]
