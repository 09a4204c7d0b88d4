"""Every scorer and every filter keeps what `anomalies.base` promises."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import numpy as np
import polars as pl
import pytest
from labelled_cases import labelled, roc_auc

import anomalies
from anomalies.base import Filter, Scorer
from anomalies.filters import QuantileFilter
from anomalies.isolation_forest import IsolationForest
from anomalies.robust_z import RobustZ


def classes(kind: type[Any]) -> list[type[Any]]:
    """All concrete classes of the package that are a `kind`."""
    found = set()
    for module in pkgutil.walk_packages(anomalies.__path__, "anomalies."):
        for _, member in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(member, kind) and not inspect.isabstract(member):
                found.add(member)
    return sorted(found, key=lambda member: member.__name__)


SCORERS, FILTERS = classes(Scorer), classes(Filter)
every_scorer = pytest.mark.parametrize("kind", SCORERS)
every_filter = pytest.mark.parametrize("kind", FILTERS)
every_one = pytest.mark.parametrize("kind", [*SCORERS, *FILTERS])
FRAME, LABELS = labelled(1)


def made(kind: type[Scorer]) -> Scorer:
    """With its own defaults, but few trees where it grows some."""
    return kind(trees=25) if kind is IsolationForest else kind()  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def fitted() -> dict[type[Scorer], Scorer]:
    return {kind: made(kind).fit(FRAME) for kind in SCORERS}


def test_all_are_found() -> None:
    assert [kind.__name__ for kind in SCORERS] == ["IsolationForest", "RobustZ"]
    assert [kind.__name__ for kind in FILTERS] == ["QuantileFilter"]


@every_one
def test_its_documentation_says_when_it_is_bad(kind: type[Any]) -> None:
    assert "Bad " in (kind.__doc__ or "")


@every_scorer
def test_equal_parameters_and_frames_give_equal_scores(kind: type[Scorer], fitted: dict[type[Scorer], Scorer]) -> None:
    scores = made(kind).fit(FRAME).score(FRAME)
    assert np.array_equal(scores, fitted[kind].score(FRAME))
    assert np.unique(scores).size > 100
    assert (scores.min(), scores.max()) == pytest.approx((0.5, 0.5), abs=0.5)


@every_scorer
def test_it_leaves_the_frame_as_it_is_and_learns_nothing_while_it_scores(
    kind: type[Scorer], fitted: dict[type[Scorer], Scorer]
) -> None:
    before, frame = FRAME.clone(), FRAME.clone()
    scorer = made(kind).fit(frame)
    scorer.score(frame.with_columns(pl.col("wait_s") * 1000))
    assert np.array_equal(scorer.score(frame.head(100)), fitted[kind].score(FRAME)[:100])
    assert frame.equals(before)


@every_scorer
def test_the_order_of_columns_and_rows_does_not_matter(kind: type[Scorer], fitted: dict[type[Scorer], Scorer]) -> None:
    scores = fitted[kind].score(FRAME)
    turned = FRAME.select(reversed(FRAME.columns))
    assert np.array_equal(made(kind).fit(turned).score(turned), scores)
    assert np.array_equal(fitted[kind].score(FRAME.reverse()), scores[::-1])


@every_scorer
def test_new_columns_are_ignored_and_missing_ones_say_nothing(
    kind: type[Scorer], fitted: dict[type[Scorer], Scorer]
) -> None:
    scorer, scores = fitted[kind], fitted[kind].score(FRAME)
    assert np.array_equal(scorer.score(FRAME.with_columns(pl.lit(1e9).alias("new"))), scores)
    unknown = FRAME.with_columns(pl.lit(None, dtype=pl.Float64).alias("wait_s"))
    assert np.array_equal(scorer.score(FRAME.drop("wait_s")), scorer.score(unknown))
    as_text = FRAME.with_columns(pl.col("wait_s").cast(pl.String))
    assert np.array_equal(scorer.score(as_text), scorer.score(unknown))
    assert np.unique(scorer.score(FRAME.select("case_id"))).size == 1


@every_scorer
def test_few_rows_teach_nothing(kind: type[Scorer]) -> None:
    for rows in range(Scorer.FEWEST):
        assert not made(kind).fit(FRAME.head(rows)).score(FRAME).any()
    assert made(kind).fit(FRAME.head(Scorer.FEWEST)).score(FRAME).any()
    empty = made(kind).fit(FRAME).score(FRAME.head(0))
    assert empty.shape == (0,)


@every_scorer
def test_what_is_constant_is_usual_and_what_differs_is_stranger(kind: type[Scorer]) -> None:
    constant = pl.DataFrame({"a": [5.0] * 40, "b": [0] * 40, "nothing": [None] * 40})
    scorer = made(kind).fit(constant)
    scores = scorer.score(constant)
    assert np.unique(scores).size == 1
    other = scorer.score(pl.DataFrame({"a": [50.0], "b": [9]}))
    assert 0 <= scores[0] <= other[0] <= 1


@every_scorer
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_values_that_are_no_numbers(
    kind: type[Scorer], fitted: dict[type[Scorer], Scorer], value: float | None
) -> None:
    odd = FRAME.with_columns(
        pl.when(pl.int_range(pl.len()) % 7 == 0).then(value).otherwise(pl.col("wait_s")).alias("wait_s")
    )
    for scores in (made(kind).fit(odd).score(FRAME), fitted[kind].score(odd)):
        assert np.isfinite(scores).all()
        assert scores.min() >= 0
        assert scores.max() <= 1
    one = FRAME.head(1).with_columns(pl.lit(value, dtype=pl.Float64).alias("wait_s"))
    [odd_score] = fitted[kind].score(one)
    [usual] = fitted[kind].score(one.with_columns(pl.lit(8000.0).alias("wait_s")))
    assert odd_score > usual if value == float("inf") else odd_score <= usual


@every_scorer
@pytest.mark.parametrize("seed", [2, 3])
def test_it_beats_chance(kind: type[Scorer], fitted: dict[type[Scorer], Scorer], seed: int) -> None:
    frame, labels = labelled(seed)
    assert roc_auc(fitted[kind].score(frame), labels) > 0.9
    chance = np.random.default_rng(seed).random(labels.size)
    assert roc_auc(chance, labels) == pytest.approx(0.5, abs=0.15)


@every_scorer
def test_it_scores_only_when_it_was_fitted(kind: type[Scorer]) -> None:
    with pytest.raises(RuntimeError, match="after it was fitted"):
        made(kind).score(FRAME)


@every_filter
def test_a_filter_repeats_itself(kind: type[Filter]) -> None:
    scores = np.random.default_rng(1).random(500)
    before = scores.copy()
    one, two = kind().learn(scores), kind().learn(scores)
    flags = one.flag(scores)
    assert np.array_equal(flags, two.flag(scores))
    assert np.array_equal(scores, before)
    assert flags.dtype == np.bool_
    assert flags.any()


@every_filter
def test_a_filter_does_not_learn_from_what_it_flags(kind: type[Filter]) -> None:
    scores = np.random.default_rng(1).random(500)
    made = kind().learn(scores)
    flags, above = made.flag(scores), made.above(scores)
    for _ in range(5):
        made.flag(np.ones(1000))
    assert np.array_equal(made.above(scores), above)
    assert np.array_equal(made.flag(scores), flags)


@every_filter
def test_a_filter_flags_the_highest_and_no_nan(kind: type[Filter]) -> None:
    scores = np.random.default_rng(2).random(500)
    made = kind().learn(scores)
    odd = np.where(np.arange(500) % 2 == 0, np.nan, scores)
    flags, above = made.flag(odd), made.above(odd)
    assert not flags[::2].any()
    assert not (flags & ~above).any()
    assert odd[flags].min() > np.nanmax(odd[~above])
    assert not made.flag(np.array([])).size
    assert not kind().learn(np.zeros(100)).flag(np.zeros(100)).any()  # what is constant is usual


@every_filter
def test_a_filter_beats_chance(kind: type[Filter], fitted: dict[type[Scorer], Scorer]) -> None:
    frame, labels = labelled(4)
    scorer = fitted[RobustZ]
    flags = kind().learn(scorer.score(FRAME)).flag(scorer.score(frame))
    assert labels[flags].mean() > 3 * labels.mean()


def test_the_cap_leaves_the_highest_and_says_what_passed() -> None:
    reference = np.linspace(0, 0.5, 200)
    made = QuantileFilter(0.9, most=0.1).learn(reference)
    scores = np.array([0.6, 0.9, 0.1, 0.9, 0.7, 0.8, 0.2, 0.9, 0.3, 0.4])
    assert made.above(scores).sum() == 6
    assert np.flatnonzero(made.flag(scores)).tolist() == [1]
    assert np.flatnonzero(QuantileFilter(0.9, most=0.25).learn(reference).flag(scores)).tolist() == [1, 3, 7]


def test_a_quantile_of_too_few_scores_flags_nothing() -> None:
    assert not QuantileFilter(at_least=50).learn(np.linspace(0, 1, 49)).flag(np.ones(9)).any()
    assert not QuantileFilter().flag(np.ones(9)).any()
    assert QuantileFilter(at_least=50).learn(np.linspace(0, 1, 50)).flag(np.full(9, 2.0)).any()


@pytest.mark.parametrize(
    "wrong",
    [lambda: QuantileFilter(1.0), lambda: IsolationForest(trees=0)],
    ids=["quantile", "trees"],
)
def test_parameters_out_of_range_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        wrong()
