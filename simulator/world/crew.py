"""People who do one kind of work, one thing after the other, in shifts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from typing import NamedTuple

from simulator.world.times import MILLISECOND, Hours


class Done(NamedTuple):
    """Work that somebody does. `end_us`: when it is done; between the two they may have gone home for the night."""

    start_us: int
    end_us: int
    by: str


class _Shift:
    def __init__(self, hours: Hours, members: Sequence[str]) -> None:
        self.hours = hours
        self.free = [(0, name) for name in members]  # when each is free; equal ones in the order of their names
        heapify(self.free)

    def start(self, at_us: int) -> int:
        return self.hours.at_work(max(at_us, self.free[0][0]))


class Crew:
    """First come, first served: who asks later begins no earlier. Work is asked for in the order of time, as SimPy
    gives it, so the whole queue is known by when each of its servers is free (Kiefer and Wolfowitz, 1955)."""

    def __init__(
        self, name: str, shifts: Sequence[tuple[Hours, int]], hands: Callable[[int], float] = lambda _: 1.0
    ) -> None:
        """`shifts`: the hours of each and how many people work in it. `hands`: how many times as many help then."""
        size, self.name = sum(count for _, count in shifts), name
        digits = 3 if size > 20 else 2
        members = [f"{name}-{number:0{digits}d}" for number in range(1, size + 1)]
        self.members = tuple(members)
        self._hands = hands
        self._shifts = []
        for hours, count in shifts:
            self._shifts.append(_Shift(hours, members[:count]))
            members = members[count:]

    def do(self, at_us: int, work_us: int) -> Done:
        """Have it done by whoever is free first."""
        shift = min(self._shifts, key=lambda one: one.start(at_us)) if len(self._shifts) > 1 else self._shifts[0]
        start_us = shift.start(at_us)
        end_us = shift.hours.add(start_us, int(work_us / self._hands(start_us)) // MILLISECOND * MILLISECOND)
        by = shift.free[0][1]
        heapreplace(shift.free, (end_us, by))
        return Done(start_us, end_us, by)

    def away(self, share: float, until_us: int) -> list[str]:
        """So many of them do nothing until then; who is at something ends it first. Their names."""
        gone = []
        for shift in self._shifts:
            count = round(share * len(shift.free))
            for free_us, name in sorted(shift.free, key=lambda one: one[1])[:count]:
                shift.free[shift.free.index((free_us, name))] = (max(free_us, until_us), name)
                gone.append(name)
            heapify(shift.free)
        return gone
