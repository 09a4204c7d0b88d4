"""The work that goes on by itself beside a service: trouble is looked for when events arrive, people are told, runs
move, messages are delivered and forgotten in time, what runs did becomes events, and the audit is anchored.

Each part may fail without stopping the others: it is told in the log, and tried again at the next turn.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta

import msgspec

from api.touched import touched
from gembascope.operations import Operations
from ingest.live import LiveIngest, LoadedStep
from kernel.audit.anchors import anchor
from kernel.errors import GembascopeError
from orchestration_hooks.history import SOURCE
from orchestration_hooks.outbox import Deliverer, by_effects, forget_delivered
from orchestration_hooks.telling import tell
from orchestration_hooks.worker import Worker

log = logging.getLogger("gembascope.background")
TURN_S = 1.0
"""Between two turns, and at most so long after events arrived trouble is looked for."""
LOOK_EVERY_S = 30.0
"""Trouble also comes without events: time passes."""
ANCHOR_EVERY_S = 60.0
FORGET_EVERY_S = 3600.0
ALSO_EVERY_S = 15.0
KEPT = timedelta(days=30)
"""How long a delivered message is kept, for whoever asks what was told. Its key may be free again at any time: the
messages of a group are numbered in the transaction that writes them down (`Alerter.flush`), so no key comes twice,
however often and long after an incident is told of again."""
SHARE = 2
"""Looking may take a part of the time: after a look that took long the next one waits so many times as long."""


class Background:
    """Works for one tenant from `start` to `stop`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._live: LiveIngest | None = None
        self._worker = Worker(operations.engine)
        name = f"{os.getpid()}"
        self._deliverer = Deliverer(
            operations.state,
            operations.settings.tenant,
            by_effects(operations.effects),
            operations.machine_clock,
            name=name,
        )
        self._arrived, self._stopping = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._touched: set[str] | None = set()  # object types with new events; None: any
        self._looked_at = self._anchored_at = self._forgot_at = float("-inf")
        self._next_look_at = float("-inf")
        self._threads: list[threading.Thread] = []
        self._also: list[tuple[str, Callable[[], object]]] = []
        self._also_at = float("-inf")

    def also(self, what: str, work: Callable[[], object]) -> None:
        """Do this too every so often; `what` is told in the log where it fails. Before `start`."""
        self._also.append((what, work))

    def noticed(self, step: LoadedStep) -> None:
        """Events were loaded and their processes brought up to date."""
        self._touch(step.object_types)

    def _touch(self, object_types: Collection[str] | None) -> None:
        with self._lock:
            if self._touched is not None:
                self._touched = None if object_types is None else self._touched | set(object_types)
        self._arrived.set()

    def start(self, live: LiveIngest | None) -> None:
        """Begin; `live` takes what runs did as events."""
        self._live = live
        for name, work in (("watching", self._watch), ("delivering", self._deliver), ("runs", self._worker.run)):
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """End after what is under way."""
        self._stopping.set()
        self._arrived.set()
        self._worker.stop()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self.turn(time.monotonic())
            self._stopping.wait(TURN_S)

    def turn(self, at_s: float) -> None:
        """One turn at `at_s` of a clock that never goes back."""
        arrived = self._arrived.is_set()
        self._arrived.clear()
        with self._lock:
            changed, self._touched = self._touched, set()
        if arrived and not self._safely(
            "runs that wait were not told of new events", lambda: self._look_again(changed)
        ):
            self._touch(changed)
        if at_s >= self._next_look_at and (arrived or at_s >= self._looked_at + LOOK_EVERY_S):
            begun_s = time.monotonic()
            self._safely("trouble was not looked for", self._look)
            self._looked_at = at_s
            self._next_look_at = at_s + SHARE * (time.monotonic() - begun_s)
        elif arrived:
            self._arrived.set()  # later, when looking may take time again
        self._safely("nobody was told of incidents", self._tell)
        self._safely("what runs did is no event yet", self._remember)
        if at_s >= self._anchored_at + ANCHOR_EVERY_S:
            self._safely("the audit was not anchored", self._anchor)
            self._anchored_at = at_s
        if at_s >= self._also_at + ALSO_EVERY_S:
            for what, work in self._also:
                self._safely(what, work)
            self._also_at = at_s
        if at_s >= self._forgot_at + FORGET_EVERY_S:
            self._safely("old messages were not forgotten", self._forget)
            self._forgot_at = at_s

    def _look_again(self, object_types: set[str] | None) -> None:
        operations = self._operations
        for definition in touched(operations.desk.views.processes, object_types)[0]:
            operations.engine.controls.look_again(definition.id)

    def _look(self) -> None:
        self._operations.detection.run()

    def _tell(self) -> None:
        operations = self._operations
        tell(operations.desk, operations.state, operations.alerter(), operations.clock.now())

    def _remember(self) -> None:
        """What happened in runs, sent to the log as events of a process of its own."""
        if self._live is None:
            return
        operations, history = self._operations, self._operations.engine.history
        while unsent := history.unsent():
            types = {name: found.object_type for name, found in operations.desk.views.processes.all().items()}
            events = [event.canonical(types.get(event.process, event.process)) for event in unsent]
            refused = self._live.accept(msgspec.json.encode(events), SOURCE).refused
            if refused:  # they are in the quarantine, and are no events
                log.error("what runs did is no event: %s", refused[0].reason)
            history.acknowledge(unsent, operations.clock.now())

    def _anchor(self) -> None:
        operations = self._operations
        anchor(operations.state, operations.settings.tenant, operations.machine_clock)

    def _forget(self) -> None:
        operations = self._operations
        before = operations.machine_clock.now() - KEPT  # by which deliveries are marked
        with operations.state.writing() as connection:
            forget_delivered(connection, operations.settings.tenant, before=before)

    def _deliver(self) -> None:
        while not self._stopping.is_set():
            self._safely("messages were not delivered", self._deliverer.deliver_due)
            self._stopping.wait(TURN_S)

    def _safely(self, what: str, work: Callable[[], object]) -> bool:
        try:
            work()
            return True
        except GembascopeError as error:
            log.warning("%s: %s", what, error)
        except Exception:
            log.exception("%s", what)
        return False


@contextmanager
def working(background: Background, live: LiveIngest | None) -> Iterator[None]:
    """Work for as long as the block runs."""
    background.start(live)
    try:
        yield
    finally:
        background.stop()
