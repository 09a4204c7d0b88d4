"""Filters: from scores to flags."""

from __future__ import annotations

import math
from typing import Self

import msgspec
import numpy as np

from anomalies.base import Filter, Flags, Scores
from anomalies.kept_state import read_state, refuse, write_state


class _Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="threshold"):
    threshold: float


class ThresholdFilter(Filter):
    """Flags what scores more than a threshold that somebody chose. Bad when scores of another reference have another
    meaning, as those of an isolation forest have: a threshold that fits one process fits no other."""

    def __init__(self, threshold: float = 0.6) -> None:
        if not 0 <= threshold <= 1:
            raise ValueError(f"expected a threshold from 0 to 1, got {threshold}")
        self.threshold = threshold

    def learn(self, scores: Scores) -> Self:
        """Nothing: the threshold is given."""
        return self

    def above(self, scores: Scores) -> Flags:
        above: Flags = scores > self.threshold
        return above

    def flag(self, scores: Scores) -> Flags:
        return self.above(scores)

    def dump(self) -> bytes:
        return write_state(_Threshold(self.threshold))

    @classmethod
    def load(cls, data: bytes) -> Self:
        state = read_state(data, _Threshold)
        try:
            return cls(state.threshold)
        except ValueError as error:
            refuse(str(error))
            raise


class _Quantile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="quantile"):
    quantile: float
    most: float
    at_least: int
    threshold: float | None


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

    def dump(self) -> bytes:
        return write_state(_Quantile(self.quantile, self.most, self.at_least, self.threshold))

    @classmethod
    def load(cls, data: bytes) -> Self:
        state = read_state(data, _Quantile)
        try:
            made = cls(state.quantile, most=state.most, at_least=state.at_least)
        except ValueError as error:
            refuse(str(error))
            raise
        if state.threshold is not None and not np.isfinite(state.threshold):
            refuse("the threshold is no number")
        made.threshold = state.threshold
        return made
