"""A simulation sent to a running service as it goes on.

Nothing is moved in time: days keep their dates, so weekdays, opening hours and promises stay true. What was told is
sent `speed` times faster than it was told until it has caught up with the clock, and from then on as it happens: no
event is ever from the future. With today as the first day it is a retailer at work from this morning on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from api.routes.live import EVENTS_PATH
from gembascope.asking import error_of
from gembascope.sending import BODY_EVENTS, bodies, packed
from kernel.clock import Clock
from kernel.errors import WarehouseUnavailable
from simulator.emit.canonical import Canonical
from simulator.simulation import Simulation
from simulator.world.times import instant_us

TIMEOUT_S = 120.0
LONGEST_PAUSE_S, PATIENCE_S = 30.0, 600.0
"""Between two attempts to send the same, and until it is given up."""
TOGETHER_S = 0.5
"""What is due so soon is sent together."""
SHOWN = 20
Sleep = Callable[[float], None]


@dataclass(slots=True)
class Sent:
    """What became of what was sent: received = accepted + quarantined."""

    systems: Counter[str] = field(default_factory=Counter)
    received: int = 0
    accepted: int = 0
    quarantined: int = 0
    reasons: list[str] = field(default_factory=list)
    """Of the first that were."""
    retries: int = 0

    def take(self, answer: dict[str, Any]) -> None:
        self.received += answer["received"]
        self.accepted += answer["accepted"]
        self.quarantined += len(answer["quarantined"])
        for one in answer["quarantined"][: SHOWN - len(self.reasons)]:
            self.reasons.append(f"{one['id']}: {one['reason']}")


class Sender:
    """Sends bodies to a service, each until it is taken."""

    def __init__(self, client: httpx.Client, sent: Sent, sleep: Sleep = time.sleep) -> None:
        self._client, self._sent, self._sleep = client, sent, sleep

    def send(self, body: bytes) -> None:
        """Send one body. Sending again is safe: ids stay the same.

        Raises
        ------
        GembascopeError
            What the service answers with, but that it takes no more for now.
        WarehouseUnavailable
            It does not answer, or takes no more, for ten minutes.
        """
        waited_s, pause_s = 0.0, 1.0
        while True:
            after_s, why = self._attempt(body)
            if not why:
                return
            rest_s = min(LONGEST_PAUSE_S, after_s or pause_s)
            if waited_s + rest_s > PATIENCE_S:
                raise WarehouseUnavailable(f"the service at {self._client.base_url} takes no events: {why}")
            self._sleep(rest_s)
            self._sent.retries += 1
            waited_s, pause_s = waited_s + rest_s, min(2 * pause_s, LONGEST_PAUSE_S)

    def _attempt(self, body: bytes) -> tuple[float, str]:
        """After how many seconds to try again, 0 where it is not said, and why; no reason: it is taken."""
        try:
            answer = self._client.post(EVENTS_PATH, content=packed(body), headers={"Content-Encoding": "gzip"})
        except httpx.TransportError as error:
            return 0.0, type(error).__name__
        if answer.status_code == 202:
            self._sent.take(msgspec.json.decode(answer.content))
            return 0.0, ""
        if answer.status_code in (429, 503):
            after = answer.headers.get("Retry-After", "")
            return float(after) if after.isdigit() else 0.0, str(error_of(answer))
        raise error_of(answer)


@dataclass(frozen=True, slots=True)
class Pace:
    """When something is sent, in microseconds since 1970."""

    start_us: int
    speed: float
    begun_us: int
    """When the sending began."""

    def due_us(self, told_us: int) -> int:
        """`speed` times faster than it was told, and never before."""
        return max(self.begun_us + int((told_us - self.start_us) / self.speed), told_us)


def send_live(
    simulation: Simulation,
    sender: Sender,
    sent: Sent,
    clock: Clock,
    speed: float,
    *,
    sleep: Sleep = time.sleep,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Let the days pass and send what is told; `sent` counts it, also where this is interrupted."""
    world = simulation.world
    pace = Pace(world.start_us, speed, instant_us(clock.now()))
    waiting: list[tuple[str, bytes]] = []
    last_us = pace.begun_us

    def wait(until_us: int) -> None:
        while (left_s := (until_us - instant_us(clock.now())) / 1e6) > 0:
            sleep(min(left_s, LONGEST_PAUSE_S))

    for told_us, system, event in _told(simulation):
        due_us = pace.due_us(told_us)
        if len(waiting) == BODY_EVENTS or due_us - instant_us(clock.now()) > TOGETHER_S * 1e6:
            wait(last_us)
            _send(waiting, sender, sent)
            waiting = []
            if progress is not None:
                progress(told_us - world.start_us, world.end_us - world.start_us)
            wait(due_us - int(TOGETHER_S * 1e6))
        waiting.append((system, event))
        last_us = due_us
    wait(last_us)
    _send(waiting, sender, sent)


def _told(simulation: Simulation) -> Iterator[tuple[int, str, bytes]]:
    events = Canonical()
    for day in simulation.days():
        yield from events.events(day)


def _send(waiting: Iterable[tuple[str, bytes]], sender: Sender, sent: Sent) -> None:
    some = list(waiting)
    for body in bodies(event for _, event in some):
        sender.send(body)
    sent.systems.update(system for system, _ in some)
