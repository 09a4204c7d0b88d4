"""How far a case is from the median of its peers in the one figure that is farthest: the yardstick of other scorers."""

from __future__ import annotations

from typing import Self

import polars as pl

from anomalies.base import Scorer, Scores
from anomalies.scaling import LogScale

HALF_AT = 3.5
"""The distance that scores one half: beyond it Iglewicz and Hoaglin (1993) call a value an outlier."""


class RobustZ(Scorer):
    """The greatest robust distance z of a case over its columns, as z / (z + 3.5).

    Good when one figure is far off; its reason is plain. Bad when no figure is far off but their combination is rare,
    when a column has two usual values (it measures from between them), and with many columns: the more there are, the
    greater the greatest distance of a usual case. What is less than usual is never strange.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._scale: LogScale | None = None

    def fit(self, frame: pl.DataFrame) -> Self:
        self._rows, self._scale = frame.height, LogScale.of(frame)
        return self

    def score(self, frame: pl.DataFrame) -> Scores:
        if self._scale is None:
            raise RuntimeError("a scorer scores after it was fitted")
        greatest: Scores = self._scale.distances(frame).max(axis=1, initial=0.0)
        known = self._rows >= self.FEWEST
        return greatest / (greatest + HALF_AT) if known else greatest * 0.0
