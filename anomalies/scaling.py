"""Figures of different size and spread made comparable: how far from the median, in logarithms.

Durations and counts are skewed: twice as long is as strange for minutes as for days. So a figure x becomes
sign(x) ln(1 + |x|), less the median, over a robust spread. At the normal distribution 1 is one standard deviation.
"""

from __future__ import annotations

from typing import Self

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

FARTHEST = 20.0
"""Distances end here: beyond it nothing is stranger still."""
SMALLEST_SPREAD = 0.1
"""In logarithms, so a tenth more: of a constant column, or one with less spread than that."""

Matrix = npt.NDArray[np.float64]


class LogScale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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

    def problem(self) -> str:
        """What is wrong with a scale that was read from a file; "" when nothing is."""
        if not len(self.columns) == len(self.medians) == len(self.spreads):
            return "its columns, medians and spreads differ in number"
        if list(self.columns) != sorted(set(self.columns)):
            return "its columns are not in order"
        if not all(np.isfinite(self.medians)) or not all(np.isfinite(self.spreads)):
            return "a median or spread is no number"
        return "" if all(spread >= SMALLEST_SPREAD for spread in self.spreads) else "a spread is too small"

    def distances(self, frame: pl.DataFrame, *, both_sides: bool = False) -> Matrix:
        """One row per row of the frame and one column per column of the scale: how far above the median, from 0 to
        FARTHEST; with `both_sides` also how far below. What is not known is 0."""
        found = np.zeros((frame.height, len(self.columns)))
        for position, name in enumerate(self.columns):
            if name not in frame.columns or not frame.schema[name].is_numeric():
                continue
            away = (_logarithms(frame[name]) - self.medians[position]) / self.spreads[position]
            away = np.abs(away) if both_sides else np.maximum(away, 0.0)
            found[:, position] = np.minimum(np.nan_to_num(away, nan=0.0, posinf=FARTHEST), FARTHEST)
        return found


def _logarithms(values: pl.Series) -> npt.NDArray[np.float64]:
    numbers = values.cast(pl.Float64).to_numpy().astype(np.float64)
    signed: npt.NDArray[np.float64] = np.sign(numbers) * np.log1p(np.abs(numbers))
    return signed
