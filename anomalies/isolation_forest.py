"""How easily a case is told from all others: an isolation forest over figures made comparable.

Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008), as scikit-learn has it.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import polars as pl

from anomalies.base import Scorer, Scores
from anomalies.scaling import LogScale

SAMPLE = 256
"""Rows of each tree."""


class IsolationForest(Scorer):
    """The score of an isolation forest: 2 to the minus mean path length over the usual one. About 0.5 and less for
    usual cases, towards 1 for those that few cuts part from the rest.

    Parameters: `trees` and `seed`. Good when several figures are a little off together, and with columns of which few
    matter. Bad with fewer than some hundred rows, with a usual value between two groups (cuts run along the axes), when
    strange cases are as many as usual ones, and for saying why: that is for the explainer. What is less than usual is
    never strange.
    """

    def __init__(self, *, trees: int = 200, seed: int = 1) -> None:
        if trees < 1:
            raise ValueError(f"expected 1 tree or more, got {trees}")
        self.trees, self.seed = trees, seed
        self._scale: LogScale | None = None
        self._forest: Any = None
        """None also when there was too little to grow one from."""

    def fit(self, frame: pl.DataFrame) -> Self:
        self._scale, self._forest = LogScale.of(frame), None
        if frame.height >= self.FEWEST and self._scale.columns:
            from sklearn.ensemble import IsolationForest as Forest  # takes seconds: only who fits pays

            sample = min(SAMPLE, frame.height)
            forest = Forest(n_estimators=self.trees, max_samples=sample, random_state=self.seed, n_jobs=1)
            self._forest = forest.fit(self._scale.distances(frame))
        return self

    def score(self, frame: pl.DataFrame) -> Scores:
        if self._scale is None:
            raise RuntimeError("a scorer scores after it was fitted")
        if self._forest is None or not frame.height:
            return np.zeros(frame.height)
        scores: Scores = -self._forest.score_samples(self._scale.distances(frame))
        return scores
