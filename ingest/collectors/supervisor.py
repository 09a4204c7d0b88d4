"""Running the collectors of all sources: a thread for each, again after each failure, with pauses drawn by chance.

A collector of which only one may run in all processes (`alone`) runs while its lease is held. The lease is renewed
from another thread; when it is lost, or it is not known any more whether it is held, the run is told to stop before
it is over. A process that stands still for longer than that (SIGSTOP, a suspended machine) may still hand something
over afterwards: it comes twice then, and is known by the ids of its events.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event
from typing import Literal

from ingest.collectors.backoff import Backoff
from ingest.sources.delivery import Collector, Inlet
from ingest.sources.leases import LEASE, Leases
from kernel.clock import Clock
from kernel.errors import GembascopeError

log = logging.getLogger("gembascope.collectors")

GOOD_S = 60.0
"""After how long a run that fails is no failure of those before it any more."""
ELSEWHERE_S = 10.0
"""How often it is asked whether another process still holds a lease."""
CLOSED_S = 5.0
"""How often it is asked whether an inlet that is closed is open again."""
RENEW_S = LEASE.total_seconds() / 6
MOST_REASON = 500

Waiting = Callable[[Event, float], bool]
"""Wait until the event is set, or so many seconds; whether it is set."""


@dataclass(frozen=True, slots=True)
class SourceState:
    """What a source's collector does. `reason`: why it waits. `until`: when it goes on. `notes`: what people should
    know of it; see `ingest.collectors.notes`."""

    source: str
    state: Literal["starting", "running", "waiting", "stopped"]
    since: datetime
    reason: str = ""
    until: datetime | None = None
    failures: int = 0
    """Runs that failed, in all."""
    notes: tuple[str, ...] = ()


@dataclass(eq=False)
class _Work:
    inlet: Inlet
    collector: Collector
    state: SourceState
    backoff: Backoff
    run: Event | None = None
    """Set to stop the run that goes on; None while none does."""
    held_at: float | None = None
    """When its lease was last known to be held, by the monotonic clock."""

    @property
    def alone(self) -> bool:
        return bool(getattr(self.collector, "alone", False))


class Supervisor:
    """Runs collectors from `start` to `stop`; once."""

    def __init__(
        self,
        sources: Iterable[tuple[Inlet, Collector]],
        clock: Clock,
        *,
        leases: Leases | None = None,
        chance: Callable[[], float] = random.random,
        waiting: Waiting = Event.wait,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`leases`: None where no other process can be there."""
        self._clock, self._leases, self._waiting, self._monotonic = clock, leases, waiting, monotonic
        self._lock, self._stopping = threading.Lock(), Event()
        now = clock.now()
        self._works = {
            inlet.source: _Work(inlet, collector, SourceState(inlet.source, "starting", now), Backoff(chance=chance))
            for inlet, collector in sources
        }
        self._threads: list[threading.Thread] = []
        self._keeper: threading.Thread | None = None

    def start(self) -> None:
        for name, work in sorted(self._works.items()):
            thread = threading.Thread(target=self._supervise, args=(work,), name=f"collect-{name}", daemon=True)
            self._threads.append(thread)
        if self._leases is not None and any(work.alone for work in self._works.values()):
            self._keeper = threading.Thread(target=self._keep, name="collect-leases", daemon=True)
            self._keeper.start()
        for thread in self._threads:
            thread.start()

    def states(self) -> list[SourceState]:
        """Of all sources, by their names."""
        with self._lock:
            works = sorted(self._works.items())
            return [replace(work.state, notes=_notes(work.collector)) for _, work in works]

    def stop(self, within_s: float = 30.0) -> list[str]:
        """Let every collector end what it is at, and wait for that. The sources whose collectors did not end in time:
        what they have in hand is not acknowledged, or it is on disk."""
        self._stopping.set()
        with self._lock:
            for work in self._works.values():
                if work.run is not None:
                    work.run.set()
        until = self._monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, until - self._monotonic()))
        if self._keeper is not None:
            self._keeper.join(max(0.1, until - self._monotonic()))
        left = [thread.name.removeprefix("collect-") for thread in self._threads if thread.is_alive()]
        if left:
            log.warning("these collectors did not end within %.0f seconds: %s", within_s, ", ".join(left))
        return left

    # One source ----------------------------------------------------------------------------------------------

    def _supervise(self, work: _Work) -> None:
        try:
            while not self._stopping.is_set():
                if self._may_run(work):
                    self._run(work)
                    self._release(work)
        finally:
            self._set(work, "stopped")

    def _run(self, work: _Work) -> None:
        """One run, and the pause after it if it failed."""
        stopping = Event()
        with self._lock:
            if self._stopping.is_set():
                return
            work.run = stopping
        self._set(work, "running")
        began = self._monotonic()
        reason = ""
        try:
            work.collector.run(work.inlet, stopping)
            if not stopping.is_set():
                reason = "the collector ended by itself"
        except Exception as error:
            reason = _reason(work, error)
        finally:
            with self._lock:
                work.run = None
        if self._monotonic() - began >= GOOD_S:
            work.backoff.reset()
        if reason:
            self._release(work)  # another process may have more luck
            self._pause(work, reason, work.backoff.next_s(), failed=True)

    def _pause(self, work: _Work, reason: str, pause_s: float, *, failed: bool = False) -> None:
        self._set(work, "waiting", reason, self._clock.now() + timedelta(seconds=pause_s), failed=failed)
        self._waiting(self._stopping, pause_s)

    def _set(
        self,
        work: _Work,
        state: Literal["starting", "running", "waiting", "stopped"],
        reason: str = "",
        until: datetime | None = None,
        *,
        failed: bool = False,
    ) -> None:
        with self._lock:
            before = work.state
            work.state = SourceState(before.source, state, self._clock.now(), reason, until, before.failures + failed)

    # Leases --------------------------------------------------------------------------------------------------

    def _may_run(self, work: _Work) -> bool:
        """Whether it may run in this process now; waits a little where it may not."""
        try:
            if closed := work.inlet.closed():
                self._pause(work, closed[:MOST_REASON], CLOSED_S)
                return False
            if self._leases is None or not work.alone:
                return True
            asked = self._monotonic()
            held = self._leases.hold(work.state.source)
        except Exception as error:
            self._pause(work, _reason(work, error), work.backoff.next_s(), failed=True)
            return False
        if not held:
            self._pause(work, "another process collects from it", ELSEWHERE_S)
            return False
        with self._lock:
            work.held_at = asked
        return True

    def _release(self, work: _Work) -> None:
        with self._lock:
            held, work.held_at = work.held_at is not None, None
        if self._leases is None or not held:
            return
        try:
            self._leases.release(work.state.source)
        except GembascopeError as error:  # it ends by itself
            log.warning("source %s: its lease cannot be given up now: %s", work.state.source, error)

    def _keep(self) -> None:
        """Renew the leases of what runs, until all that runs has ended."""
        while not (self._stopping.is_set() and all(work.run is None for work in self._works.values())):
            for work in self._works.values():
                if work.held_at is not None and work.run is not None:
                    self._renew(work)
            # While it stops leases are kept too, in short steps.
            if self._waiting(self._stopping, RENEW_S):
                time.sleep(0.05)

    def _renew(self, work: _Work) -> None:
        assert self._leases is not None
        asked = self._monotonic()
        try:
            held = self._leases.hold(work.state.source)
        except GembascopeError as error:
            log.warning("source %s: its lease cannot be renewed: %s", work.state.source, error)
            # In doubt it is held until a margin before its end, so that a run can end before another begins.
            held = work.held_at is not None and asked - work.held_at < LEASE.total_seconds() - 2 * RENEW_S
        else:
            if held:
                with self._lock:
                    if work.held_at is not None:
                        work.held_at = asked
        if not held:
            log.warning("source %s: its lease is lost; it is stopped here", work.state.source)
            with self._lock:
                if work.run is not None:
                    work.run.set()


def _notes(collector: Collector) -> tuple[str, ...]:
    notes = getattr(collector, "notes", None)
    return tuple(notes.all()) if notes is not None else ()


def _reason(work: _Work, error: Exception) -> str:
    """Why a collector does not go on for now. A mistake of ours in one must end neither the others nor it for good."""
    if isinstance(error, GembascopeError):
        log.warning("source %s: %s", work.state.source, error)
        return str(error)[:MOST_REASON]
    log.error("source %s: its collector failed", work.state.source, exc_info=error)
    return f"an error of this program ({type(error).__name__})"
