"""Numbers, shares and durations as text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.format import count, duration, plural, share, short_count
from kernel.timeparse import format_duration


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (998, "998"),
        (9_876, "9,876"),
        (9_999, "9,999"),
        (10_000, "10k"),
        (48_210, "48.2k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (999_999, "1M"),
        (1_234_567, "1.23M"),
        (12_300_000_000, "12.3B"),
        (999_500_000_000, "1T"),
        (-48_210, "-48.2k"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_a_short_count_has_three_digits_and_a_unit(value: float | None, text: str) -> None:
    assert short_count(value) == text


@given(st.integers(-(10**14), 10**14))
def test_a_short_count_is_within_half_a_per_cent(value: int) -> None:
    text = short_count(value).replace(",", "")
    size = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)
    read = float(text.rstrip("kMBT")) * size
    assert read == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (97, 100, "97.0 %"),
        (1, 1, "100 %"),
        (0, 5, "0.0 %"),
        (99_999, 100_000, "over 99.9 %"),
        (1, 100_000, "under 0.1 %"),
        (3, 0, "–"),
        (None, 10, "–"),
        (math.inf, 10, "–"),
    ],
)
def test_a_share_never_claims_all_or_nothing(part: float | None, whole: float, text: str) -> None:
    assert share(part, whole) == text


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_only_the_whole_is_a_hundred_per_cent(part: int, whole: int) -> None:
    part = min(part, whole)
    assert (share(part, whole) == "100 %") == (part == whole)
    assert share(part, whole) != "0.0 %"


def test_durations_read_as_everywhere_else() -> None:
    assert duration(34_200) == format_duration(34_200)
    assert duration(None) == duration(math.nan) == duration(math.inf) == "–"


def test_counts_and_nouns() -> None:
    assert count(1_234_567) == "1,234,567"
    assert count(None) == "–"
    assert [plural(1, "case"), plural(2, "case"), plural(2_000, "activity", "activities")] == [
        "1 case",
        "2 cases",
        "2,000 activities",
    ]
