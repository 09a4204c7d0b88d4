"""A worker: takes runs that are due and moves them, with a few threads, until it is told to stop.

Runs that were taken wait in one line for whichever thread is free, so a slow deed holds up one thread and no run.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections import deque
from uuid import uuid4

from kernel.errors import StateUnavailable
from orchestration_hooks.claim import claim, give_back, renew
from orchestration_hooks.engine import Engine
from orchestration_hooks.entry import Run

log = logging.getLogger("gembascope.runs")


class Worker:
    """One worker. `threads`: runs that are moved at once. On SQLite one writes at a time: more are for slow deeds."""

    def __init__(
        self, engine: Engine, *, threads: int = 4, batch: int = 16, idle_s: float = 0.25, name: str | None = None
    ) -> None:
        self.name = name or f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid4().hex[:8]}"
        self._engine, self._threads, self._batch, self._idle_s = engine, threads, batch, idle_s
        self._line: deque[Run] = deque()
        self._held: dict[str, Run] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._idle = threading.Event()
        """Set once nothing is under way any more: until then leases are renewed, also of a worker that stops."""

    def run_due(self) -> int:
        """Move everything that is due now, in this thread; how many runs were moved. For tests and commands."""
        moved = 0
        while runs := claim(self._engine.tools, self.name, self._batch):
            for run in runs:
                self._engine.driver.drive(run)
                moved += 1
        return moved

    def run(self) -> None:
        """Work until `stop`, with all threads; returns when they are done with what they do."""
        threads = [threading.Thread(target=self._work, name=f"runs-{n}", daemon=True) for n in range(self._threads)]
        keeper = threading.Thread(target=self._keep, name="runs-leases", daemon=True)
        for thread in (*threads, keeper):
            thread.start()
        for thread in threads:
            thread.join()
        self._idle.set()
        keeper.join()

    def stop(self) -> None:
        """Stop after the steps that are under way; what was taken and not begun is given back."""
        self._stop.set()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                run = self._next()
                if run is None:
                    self._stop.wait(self._idle_s)
                    continue
                try:
                    self._engine.driver.drive(run)
                finally:
                    with self._lock:
                        if self._held.get(run.id) is run:  # another thread may have taken it again by now
                            del self._held[run.id]
            except StateUnavailable as error:
                log.warning("the state database does not answer (%s); trying again", error.reason)
                self._stop.wait(self._idle_s)
            except Exception:
                log.exception("a run could not be moved; it is taken again when its lease runs out")
                self._stop.wait(self._idle_s)
        self._give_back()

    def _next(self) -> Run | None:
        """The run that waits in line for longest; one thread at a time takes more when there is none."""
        with self._lock:
            if not self._line:
                for run in claim(self._engine.tools, self.name, self._batch):
                    self._line.append(run)
                    self._held[run.id] = run
            return self._line.popleft() if self._line else None

    def _keep(self) -> None:
        """Renew the leases in time, of runs under way and of those in line."""
        pause_s = self._engine.tools.lease.total_seconds() / 3
        while not self._idle.wait(pause_s):
            with self._lock:
                held = list(self._held)
            try:
                renew(self._engine.tools, self.name, held)
            except StateUnavailable as error:
                log.warning("leases could not be renewed (%s)", error.reason)
            except Exception:
                log.exception("leases could not be renewed; trying again")

    def _give_back(self) -> None:
        with self._lock:
            left, self._line = list(self._line), deque()
            for run in left:
                self._held.pop(run.id, None)
        if left:
            give_back(self._engine.tools, self.name, left)
