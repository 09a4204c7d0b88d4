"""Filters: from scores to flags."""

from __future__ import annotations

import math
from typing import Self

import numpy as np

from anomalies.base import Filter, Flags, Scores


class QuantileFilter(Filter):
    """Flags what scores more than a quantile of the scores of a reference (exact, interpolated), and at most the share
    `most` of what it is shown, at least one: the highest.

    Learned from fewer than `at_least` scores it flags nothing. Bad when the reference is full of trouble, for then
    trouble is usual; and it flags about the same share of a quiet week as of the reference, so a flag says "look here
    first", not "this is wrong".
    """

    def __init__(self, quantile: float = 0.99, *, most: float = 0.05, at_least: int = 50) -> None:
        if not 0 < quantile < 1 or not 0 < most <= 1 or at_least < 1:
            raise ValueError("expected a quantile inside 0 to 1, a share up to 1 and at least one score to learn from")
        self.quantile, self.most, self.at_least = quantile, most, at_least
        self.threshold: float | None = None
        """None before it has learned, and when it had too little to learn from."""

    def learn(self, scores: Scores) -> Self:
        known = scores[np.isfinite(scores)]
        self.threshold = float(np.quantile(known, self.quantile)) if known.size >= self.at_least else None
        return self

    def above(self, scores: Scores) -> Flags:
        if self.threshold is None:
            return np.zeros(scores.size, dtype=np.bool_)
        above: Flags = scores > self.threshold
        return above

    def flag(self, scores: Scores) -> Flags:
        above = self.above(scores)
        room = math.ceil(self.most * scores.size)
        if above.sum() <= room:
            return above
        highest = np.argsort(np.where(above, -scores, np.inf), kind="stable")[:room]
        flags = np.zeros(scores.size, dtype=np.bool_)
        flags[highest] = True
        return flags
