"""How easily a case is told from all others: an isolation forest over figures made comparable.

Liu, Ting and Zhou, "Isolation Forest" (ICDM 2008). scikit-learn grows the trees; they are read here, so that a
forest that was kept needs neither scikit-learn, which takes seconds to import, nor its version.
"""

from __future__ import annotations

from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from anomalies.base import Scorer, Scores
from anomalies.kept_state import read_state, refuse, write_state
from anomalies.scaling import LogScale, Matrix

MAX_TREES, MAX_NODES = 1000, 4096
"""Of a forest that is read: more than any that is grown here has."""


class _Tree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A binary tree as arrays over its nodes, the root first; children come after their parent. left: -1 in a leaf,
    then the path ends with `lengths` as its length: the depth, and what the rows that met there would still take."""

    columns: list[int]
    thresholds: list[float]
    left: list[int]
    right: list[int]
    lengths: list[float]


class _State(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="isolation_forest"):
    trees: int
    sample: int
    seed: int
    both_sides: bool
    scale: LogScale
    usual_length: float
    """Of a path, in a tree of so many rows; 0 when nothing was learned."""
    forest: list[_Tree]


class IsolationForest(Scorer):
    """The score of an isolation forest: 2 to the minus mean path length over the usual one. About 0.5 and less for
    usual cases, towards 1 for those that few cuts part from the rest.

    Parameters: `trees`, `sample` (rows of each tree), `seed`, and `both_sides`: whether small figures are strange too.
    Good when several figures are a little off together, and with columns of which few matter. Bad with fewer than some
    hundred rows, with a usual value between two groups (cuts run along the axes), when strange cases are as many as
    usual ones, and for saying why: that is for the explainer. With one side only, what is less than usual is never
    strange.
    """

    def __init__(self, *, trees: int = 200, sample: int = 256, seed: int = 1, both_sides: bool = False) -> None:
        if not 1 <= trees <= MAX_TREES or not 2 <= sample <= MAX_NODES // 2:
            raise ValueError(f"expected 1 to {MAX_TREES} trees of 2 to {MAX_NODES // 2} rows")
        self.trees, self.sample, self.seed, self.both_sides = trees, sample, seed, both_sides
        self._state: _State | None = None

    def fit(self, frame: pl.DataFrame) -> Self:
        scale = LogScale.of(frame)
        forest: list[_Tree] = []
        usual = 0.0
        if frame.height >= self.FEWEST and scale.columns:
            forest, usual = self._grown(scale.distances(frame, both_sides=self.both_sides))
        self._state = _State(self.trees, self.sample, self.seed, self.both_sides, scale, usual, forest)
        return self

    def score(self, frame: pl.DataFrame) -> Scores:
        state = self._fitted()
        if not state.forest or not frame.height:
            return np.zeros(frame.height)
        rows = state.scale.distances(frame, both_sides=state.both_sides).astype(np.float32)
        total = np.zeros(frame.height)
        for tree in state.forest:
            total += _path_lengths(tree, rows)
        scores: Scores = 2.0 ** (-total / (len(state.forest) * state.usual_length))
        return scores

    def dump(self) -> bytes:
        return write_state(self._fitted())

    @classmethod
    def load(cls, data: bytes) -> Self:
        state = read_state(data, _State)
        refuse(state.scale.problem() or _problem(state))
        try:
            made = cls(trees=state.trees, sample=state.sample, seed=state.seed, both_sides=state.both_sides)
        except ValueError as error:
            refuse(str(error))
            raise
        made._state = state
        return made

    def _grown(self, rows: Matrix) -> tuple[list[_Tree], float]:
        from sklearn.ensemble import IsolationForest as Grower  # takes seconds: only who fits pays

        sample = min(self.sample, rows.shape[0])
        grower = Grower(n_estimators=self.trees, max_samples=sample, random_state=self.seed, n_jobs=1).fit(rows)
        trees = [_read_tree(grown.tree_) for grown in grower.estimators_]
        return trees, float(_still_to_go(np.array([sample]))[0])

    def _fitted(self) -> _State:
        if self._state is None:
            raise RuntimeError("a scorer scores after it was fitted")
        return self._state


def _read_tree(grown: Any) -> _Tree:
    """A tree of scikit-learn: the same cuts, and for each leaf the length of the path that ends there."""
    left = np.asarray(grown.children_left)
    right = np.asarray(grown.children_right)
    rows = np.asarray(grown.n_node_samples)
    depth = np.zeros(left.size)
    for node in range(left.size):  # a child comes after its parent
        if left[node] >= 0:
            depth[[left[node], right[node]]] = depth[node] + 1
    lengths = np.where(left < 0, depth + _still_to_go(rows), 0.0)
    columns = np.where(left < 0, 0, np.asarray(grown.feature))
    thresholds = np.where(left < 0, 0.0, np.asarray(grown.threshold))
    return _Tree(
        columns=[int(value) for value in columns],
        thresholds=[float(value) for value in thresholds],
        left=[int(value) for value in left],
        right=[int(value) for value in right],
        lengths=[float(value) for value in lengths],
    )


def _still_to_go(rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The mean length of a path through a tree of so many rows (equation 1 of the paper)."""
    several = np.maximum(rows, 3).astype(np.float64)
    found = 2.0 * (np.log(several - 1.0) + np.euler_gamma) - 2.0 * (several - 1.0) / several
    return np.where(rows <= 1, 0.0, np.where(rows == 2, 1.0, found))


def _path_lengths(tree: _Tree, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    columns, thresholds = np.array(tree.columns), np.array(tree.thresholds)
    left, right = np.array(tree.left), np.array(tree.right)
    at = np.zeros(rows.shape[0], dtype=np.int64)
    going = np.flatnonzero(left[at] >= 0)
    while going.size:
        node = at[going]
        down = rows[going, columns[node]] <= thresholds[node]
        at[going] = np.where(down, left[node], right[node])
        going = going[left[at[going]] >= 0]
    lengths: npt.NDArray[np.float64] = np.array(tree.lengths)[at]
    return lengths


def _problem(state: _State) -> str:
    """What is wrong with a forest that was read from a file; "" when nothing is."""
    if len(state.forest) > MAX_TREES:
        return "too many trees"
    if state.forest and not (np.isfinite(state.usual_length) and state.usual_length > 0):
        return "the usual length of a path is no positive number"
    return next((found for tree in state.forest if (found := _problem_of_tree(tree, len(state.scale.columns)))), "")


def _problem_of_tree(tree: _Tree, columns: int) -> str:
    nodes = len(tree.left)
    if not 1 <= nodes <= MAX_NODES:
        return "a tree without nodes, or with too many"
    if any(len(part) != nodes for part in (tree.columns, tree.thresholds, tree.right, tree.lengths)):
        return "a tree whose arrays differ in length"
    if not all(np.isfinite(tree.thresholds)) or not all(np.isfinite(tree.lengths)) or min(tree.lengths) < 0:
        return "a tree with a threshold or length that is no number"
    for node, (left, right, column) in enumerate(zip(tree.left, tree.right, tree.columns, strict=True)):
        if left < 0:
            continue
        # Every way goes down, so every path ends.
        if not (node < left < nodes and node < right < nodes and 0 <= column < columns):
            return "a tree with a way that leads nowhere"
    return ""
