from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.timeparse import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4h", timedelta(hours=4)),
        ("30m", timedelta(minutes=30)),
        ("2d", timedelta(days=2)),
        ("1h30m", timedelta(minutes=90)),
        (" 1h 30m ", timedelta(minutes=90)),
        ("90s", timedelta(seconds=90)),
        ("1w", timedelta(days=7)),
        ("250ms", timedelta(milliseconds=250)),
        ("1m250ms", timedelta(minutes=1, milliseconds=250)),
        ("0s", timedelta()),
        ("1w2d3h4m5s6ms", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5, milliseconds=6)),
    ],
)
def test_parse(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (30, "without a unit"),
        (None, "without a unit"),
        ("", "empty"),
        ("  ", "empty"),
        ("30", "is not a duration: expected whole numbers"),
        ("h", "is not a duration: expected whole numbers"),
        ("1.5h", "is not a duration: expected whole numbers"),
        ("-4h", "is not a duration: expected whole numbers"),
        ("4H", "is not a duration: expected whole numbers"),
        ("4 h", "is not a duration: expected whole numbers"),
        ("2mo", "is not a duration: expected whole numbers"),
        ("4h;", "is not a duration: expected whole numbers"),
        ("\u0664h", "is not a duration: expected whole numbers"),
        ("30m1h", "from large to small, each once"),
        ("1h2h", "from large to small, each once"),
        ("999999999999999w", "longer than a duration can be"),
        ("9999999999999999s", "is not a duration"),
    ],
)
def test_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_duration(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.4, "0.4s"),
        (0.0125, "0.013s"),
        (0.0004, "0s"),
        (-0.0004, "0s"),
        (0.99996, "1s"),
        (2.54, "2.5s"),
        (9.97, "10s"),
        (45.4, "45s"),
        (59.6, "1m"),
        (60, "1m"),
        (750, "12m 30s"),
        (-750, "-12m 30s"),
        (3599.7, "1h"),
        (7500, "2h 5m"),
        (85_200, "23h 40m"),
        (86_399, "1d"),
        (273_600, "3d 4h"),
        (40 * 86_400, "40d"),
    ],
)
def test_format(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_format_refuses_what_is_no_number(seconds: float) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        format_duration(seconds)


@given(seconds=st.floats(min_value=60, max_value=1e9))
def test_text_reads_back_within_half_of_its_smaller_unit(seconds: float) -> None:
    text = format_duration(seconds)
    step = {"m": 1, "h": 60, "d": 3600}[text.split()[0][-1]]
    # What rounds up to a whole larger unit was rounded by the step below it, so this bound holds there too.
    assert abs(parse_duration(text).total_seconds() - seconds) <= step / 2 + 1e-6


@given(seconds=st.floats(min_value=0, max_value=1e9))
def test_minus_is_only_a_sign(seconds: float) -> None:
    assert format_duration(-seconds) in {"-" + format_duration(seconds), "0s"}
