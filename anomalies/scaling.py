"""Figures of different size and spread made comparable: how far from the median, in logarithms.

Durations and counts are skewed: twice as long is as strange for minutes as for days. So a figure x becomes
sign(x) ln(1 + |x|), less the median, over a robust spread. At the normal distribution 1 is one standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import polars as pl

FARTHEST = 20.0
"""Distances end here: beyond it nothing is stranger still."""
SMALLEST_SPREAD = 0.1
"""In logarithms, so a tenth more: of a constant column, or one with less spread than that."""

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LogScale:
    """Of each column its median and spread, both in logarithms; columns in order of their names.

    The spread is 1.4826 times the median distance from the median; where that is 0, since most values are equal, 1.2533
    times the mean distance; at least SMALLEST_SPREAD.
    """

    columns: tuple[str, ...]
    medians: tuple[float, ...]
    spreads: tuple[float, ...]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Self:
        """As the frame has it. Columns that are not numeric, or hold no finite value, are left out."""
        columns, medians, spreads = [], [], []
        for name in sorted(frame.columns):
            if not frame.schema[name].is_numeric():
                continue
            values = _logarithms(frame[name])
            values = values[np.isfinite(values)]
            if not values.size:
                continue
            median = float(np.median(values))
            distances = np.abs(values - median)
            spread = 1.4826 * float(np.median(distances)) or 1.2533 * float(distances.mean())
            columns.append(name)
            medians.append(median)
            spreads.append(max(spread, SMALLEST_SPREAD))
        return cls(tuple(columns), tuple(medians), tuple(spreads))

    def distances(self, frame: pl.DataFrame) -> Matrix:
        """One row per row of the frame and one column per column of the scale: how far above the median, from 0 to
        FARTHEST. What is below it, or not known, is 0."""
        found = np.zeros((frame.height, len(self.columns)))
        for position, name in enumerate(self.columns):
            if name not in frame.columns or not frame.schema[name].is_numeric():
                continue
            away = (_logarithms(frame[name]) - self.medians[position]) / self.spreads[position]
            found[:, position] = np.clip(np.nan_to_num(away, nan=0.0, posinf=FARTHEST), 0.0, FARTHEST)
        return found


def _logarithms(values: pl.Series) -> npt.NDArray[np.float64]:
    numbers = values.cast(pl.Float64).to_numpy().astype(np.float64)
    signed: npt.NDArray[np.float64] = np.sign(numbers) * np.log1p(np.abs(numbers))
    return signed
