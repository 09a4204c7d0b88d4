"""What everything that moves runs is given once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.calendar import BusinessCalendar
from kernel.clock import Clock
from kernel.promise import parse_within
from kernel.state.database import State
from orchestration_hooks.effects import Effects
from orchestration_hooks.situation import Evaluator


def nowhere(_: str) -> None:
    """The hook of who does not test: does nothing anywhere."""


@dataclass(frozen=True, slots=True)
class ConnectionLimit:
    """How much may go over one connection. None: as much as comes."""

    per_second: float | None = None
    burst: int = 1
    """Calls that may be made at once after a rest."""
    concurrency: int | None = None


@dataclass(frozen=True)
class Tools:
    """`clock` is that of business: deadlines, timeouts, when something happened. `lease_clock` is that of machines:
    leases, pauses between attempts, limits of connections. In a replay the first is another one than the second."""

    state: State
    tenant: str
    clock: Clock
    lease_clock: Clock
    effects: Effects
    evaluator: Evaluator
    calendars: Mapping[str, BusinessCalendar] = field(default_factory=dict)
    limits: Mapping[str, ConnectionLimit] = field(default_factory=dict)
    lease: timedelta = timedelta(seconds=60)
    look_every: timedelta = timedelta(minutes=15)
    """How often a run that waits for an event looks by itself, should nobody have told it to."""
    seed: int = 0
    at: Callable[[str], None] = nowhere
    """Called with the name of each point where a process may die; tests die there."""

    def due(self, calendar: str | None, start: datetime, within: str) -> datetime:
        """When a time is over that began at `start`."""
        found = parse_within(within)
        if found.unit == "elapsed" or calendar is None:
            return start + found.amount
        if found.unit == "time":
            return self.calendars[calendar].add_working_time(start, found.amount)
        return self.calendars[calendar].add_working_days(start, found.amount // timedelta(days=1))
