"""How far a case is from the median of its peers in the one figure that is farthest: the yardstick of other scorers."""

from __future__ import annotations

from typing import Self

import msgspec
import polars as pl

from anomalies.base import Scorer, Scores
from anomalies.kept_state import read_state, refuse, write_state
from anomalies.scaling import LogScale

HALF_AT = 3.5
"""The distance that scores one half: beyond it Iglewicz and Hoaglin (1993) call a value an outlier."""


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="robust_z"):
    both_sides: bool
    rows: int
    scale: LogScale


class RobustZ(Scorer):
    """The greatest robust distance z of a case over its columns, as z / (z + 3.5).

    With `both_sides` small figures are strange too. Good when one figure is far off; its reason is plain. Bad when no
    figure is far off but their combination is rare, when a column has two usual values (it measures from between them),
    and with many columns: the more there are, the greater the greatest distance of a usual case.
    """

    def __init__(self, *, both_sides: bool = False) -> None:
        self.both_sides = both_sides
        self._state: _State | None = None

    def fit(self, frame: pl.DataFrame) -> Self:
        self._state = _State(self.both_sides, frame.height, LogScale.of(frame))
        return self

    def score(self, frame: pl.DataFrame) -> Scores:
        state = self._fitted()
        away = state.scale.distances(frame, both_sides=state.both_sides)
        greatest: Scores = away.max(axis=1, initial=0.0)
        known = state.rows >= self.FEWEST
        return greatest / (greatest + HALF_AT) if known else greatest * 0.0

    def dump(self) -> bytes:
        return write_state(self._fitted())

    @classmethod
    def load(cls, data: bytes) -> Self:
        state = read_state(data, _State)
        refuse(state.scale.problem())
        made = cls(both_sides=state.both_sides)
        made._state = state
        return made

    def _fitted(self) -> _State:
        if self._state is None:
            raise RuntimeError("a scorer scores after it was fitted")
        return self._state
