"""The four colour bands of waiting times, with limits taken from the process's own time scale."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.format import duration
from dashboards.process_map.graph import MapEdge

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0

LADDER_S: tuple[float, ...] = (
    *(0.001, 0.01, 0.1, 1.0, 5.0, 15.0),
    *(MINUTE_S, 5 * MINUTE_S, 20 * MINUTE_S),
    *(HOUR_S, 3 * HOUR_S, 8 * HOUR_S),
    *(DAY_S, 3 * DAY_S, 7 * DAY_S, 14 * DAY_S, 30 * DAY_S, 90 * DAY_S),
    *(365 * DAY_S, 1_000 * DAY_S, 3_000 * DAY_S, 10_000 * DAY_S),
)
"""Durations that people use as limits. Bands begin only at these, so a legend never reads `37h 12m`."""

LIMIT_SHARES = (0.50, 0.75, 0.90)


@dataclass(frozen=True, slots=True)
class Bands:
    """Three limits in seconds that part waiting times into bands 0 (short) to 3 (long).

    A time that equals a limit belongs to the lower band.
    """

    limits_s: tuple[float, float, float]

    def band(self, p95_s: float | None) -> int | None:
        return None if p95_s is None else bisect_left(self.limits_s, p95_s)

    def legend(self) -> list[str]:
        """The words for bands 0 to 3."""
        first, second, third = (duration(limit) for limit in self.limits_s)
        return [f"up to {first}", f"{first} to {second}", f"{second} to {third}", f"over {third}"]


def bands_of(edges: Sequence[MapEdge]) -> Bands | None:
    """Choose the limits from the 95th percentiles of *all* connections, so that no step changes a colour.

    Half of the drawn ink stays in the lowest band and a tenth is in the highest, as near as the round
    durations of the ladder allow. Ink is the square root of the frequency, which is the drawn width: a
    common connection counts for more than a rare one, but a hundred rare ones are seen too. None where no
    connection has a time.
    """
    timed = sorted((edge.p95_s, math.sqrt(edge.frequency)) for edge in edges if edge.p95_s is not None)
    if not timed:
        return None
    ink = sum(weight for _, weight in timed)
    rungs: list[int] = []
    for number, part in enumerate(LIMIT_SHARES):
        rung = _nearest_rung(_reached(timed, part * ink))
        lowest = rungs[-1] + 1 if rungs else 0
        highest = len(LADDER_S) - len(LIMIT_SHARES) + number
        rungs.append(min(max(rung, lowest), highest))
    first, second, third = (LADDER_S[rung] for rung in rungs)
    return Bands((first, second, third))


def _reached(timed: Sequence[tuple[float, float]], ink: float) -> float:
    """The first time, from the shortest on, up to which this much ink is drawn."""
    covered = 0.0
    for p95_s, weight in timed:
        covered += weight
        if covered >= ink:
            return p95_s
    return timed[-1][0]


def _nearest_rung(seconds: float) -> int:
    """The rung nearest by ratio; of two equally near the lower one."""
    if seconds <= LADDER_S[0]:
        return 0
    return min(range(len(LADDER_S)), key=lambda rung: abs(math.log(LADDER_S[rung] / seconds)))
