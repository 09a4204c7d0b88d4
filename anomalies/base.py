"""The three parts of a detector: a scorer scores, a filter decides, an explainer says why.

They are apart so that each can be exchanged, tested and measured alone. `tests/contracts/test_scorers.py` finds every
scorer and filter of this package and holds it to what is written here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import polars as pl

Scores = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Scorer(ABC):
    """From a frame with one row per case to one score per row: how strange the case is.

    Scores lie from 0 to 1, greater is stranger; they order cases, and are no probabilities. The numeric columns of the
    frame count, whatever their order; all others are ignored. Null and NaN say nothing about a case, infinities count
    as farther than anything. When scoring, a column that `fit` did not see is ignored, and one that is missing says
    nothing. The frame is left as it is, and of n rows come n scores, also when n is 0.

    Two scorers with equal parameters that were fitted on equal frames give equal scores: what is drawn is drawn from a
    seed among the parameters. `score` learns nothing. A scorer fitted on fewer than `FEWEST` rows knows nothing, and
    scores everything 0.
    """

    FEWEST = 8

    @abstractmethod
    def fit(self, frame: pl.DataFrame) -> Self:
        """Learn what is usual, forgetting what was learned before; gives the scorer itself."""

    @abstractmethod
    def score(self, frame: pl.DataFrame) -> Scores:
        """The scores, row by row. RuntimeError before `fit`."""


class Filter(ABC):
    """From scores to flags: which cases are worth a look. It owns the threshold.

    It learns only when `learn` is called, from the scores given then, and never from those that it decides on; who
    learns again and again leaves out what was flagged, or the threshold follows the trouble. NaN is never flagged, and
    does not teach. Equal scores are flagged alike, but where a cap has room for some of them only: then the first rows
    win.
    """

    @abstractmethod
    def learn(self, scores: Scores) -> Self:
        """Set the threshold by scores of a reference, forgetting what was learned before; gives the filter itself."""

    @abstractmethod
    def above(self, scores: Scores) -> Flags:
        """Which scores pass the threshold, whatever the cap."""

    @abstractmethod
    def flag(self, scores: Scores) -> Flags:
        """Which of them are flagged: those above, as far as the cap goes. What it leaves out is for the caller to
        tell."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one case is strange, by the one thing that is strangest about it."""

    text: str
    """One line for a person, with the figures of the case and of its peers."""
    feature: str
    """The column that it is about; "" when no column stands out alone."""
    source: str = ""
    """The step that it is about begins with this activity; "" for the case as a whole."""
    target: str = ""
    """And ends with this one; "" while the case still waits."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """The figures of the text as numbers, with their units in the names."""


class Explainer(Protocol):
    """From cases to reasons. It explains any case that it is shown, flagged or not, and decides nothing."""

    def explain(self, frame: pl.DataFrame) -> list[Reason]:
        """One reason per row, in the order of the rows; the frame is one that the scorer would take."""
        ...
