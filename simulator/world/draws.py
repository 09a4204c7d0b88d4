"""Chance in the simulated world: every stream of draws is named, and follows from the seed and its name alone.

Each object draws from a stream of its own. So what happens to one changes nothing of what another draws, and the same
retailer with a fault and without it differ by the fault and what follows from it.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect
from collections.abc import Mapping
from itertools import accumulate
from random import Random
from statistics import NormalDist

from simulator.world.times import MILLISECOND, SECOND

_inverse, _exp = NormalDist().inv_cdf, math.exp
LEAST = 1e-12
"""The least probability that a normal value is drawn for."""


class Table:
    """Names with their weights."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.names = list(weights)
        self.up_to = list(accumulate(weights.values()))
        self.total = self.up_to[-1]

    def at(self, share: float) -> str:
        """The name at this share of all weights, from 0 to 1."""
        return self.names[bisect(self.up_to, share * self.total, hi=len(self.names) - 1)]


def lot(seed: int, *name: str | int) -> float:
    """One number from 0 to 1 that follows from the name: for what is decided of everybody and strikes few, who then
    draw from streams of their own. A stream takes ten times as long to begin."""
    text = ":".join(str(part) for part in (seed, *name))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64


class Draws(Random):
    """One stream. Only `random` of the standard library is drawn from: its numbers are the same in every version."""

    def __init__(self, seed: int, *name: str | int) -> None:
        super().__init__(":".join(str(part) for part in (seed, *name)))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.random()

    def whole(self, least: int, most: int) -> int:
        """A whole number from `least` to `most`, both included."""
        return least + int((most - least + 1) * self.random())

    def pick(self, table: Table) -> str:
        return table.at(self.random())

    def normal(self) -> float:
        return _inverse(max(self.random(), LEAST))

    def duration_us(self, median_s: float, sigma: float, at_most_s: float = math.inf) -> int:
        """A log-normal duration by its median and the standard deviation of its logarithm; at least a second."""
        drawn = self.random()
        seconds = median_s * _exp(sigma * _inverse(drawn if drawn > LEAST else LEAST))
        taken_us = int((seconds if seconds < at_most_s else at_most_s) * 1000) * MILLISECOND
        return taken_us if taken_us > SECOND else SECOND
