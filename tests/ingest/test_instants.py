"""Written stamps: forms, precision, zones, and the column path against the single one."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.instants import END_US, FIRST_US, in_range, read_instant, read_instants, written

BERLIN = ZoneInfo("Europe/Berlin")
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def us(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0) -> int:
    moment = datetime(year, month, day, hour, minute, second, micro, tzinfo=timezone.utc)
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "expected", "precision"),
    [
        ("2024-05-01T12:00:00.000+02:00", us(2024, 5, 1, 10), "ms"),
        ("2024-05-01T12:00:00Z", us(2024, 5, 1, 12), "s"),
        ("2024-05-01t12:00:00z", us(2024, 5, 1, 12), "s"),
        ("2024-05-01 12:00:00+0200", us(2024, 5, 1, 10), "s"),
        ("2024-05-01T12:00:00-05", us(2024, 5, 1, 17), "s"),
        ("2024-05-01T12:00Z", us(2024, 5, 1, 12), "min"),
        ("2024-05-01T12:00:00.5Z", us(2024, 5, 1, 12, 0, 0, 500_000), "ms"),
        ("2024-05-01T12:00:00,1234Z", us(2024, 5, 1, 12, 0, 0, 123_400), "us"),
        ("2024-05-01T12:00:00.123456789Z", us(2024, 5, 1, 12, 0, 0, 123_456), "us"),
        ("2024-05-01T24:00:00Z", us(2024, 5, 2), "s"),
        ("2024-05-01Z", us(2024, 5, 1), "day"),
        (" 2024-05-01T12:00:00Z\n", us(2024, 5, 1, 12), "s"),
        ("0033-04-03T15:00:00Z", us(33, 4, 3, 15), "s"),
    ],
)
def test_forms(text: str, expected: int, precision: str) -> None:
    assert read_instant(text) == (expected, precision)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("?", "'?' is not a time stamp"),
        ("", "'' is not a time stamp"),
        ("2024-05-01T12:00:00", "names no time zone"),
        ("2024-05-01", "names no time zone"),
        ("2024-02-30T12:00:00Z", "is not a time stamp: day is out of range"),
        ("2024-05-01T12:00:60Z", "is not a time stamp"),
        ("2024-05-01T24:00:01Z", "is not a time stamp"),
        ("2024-05-01T12:00:00+25:00", "has no possible zone"),
        ("0001-01-01T00:00:00+14:00", "outside the years 1 to 9999"),
        ("0000-01-01T00:00:00Z", "is not a time stamp"),
        ("٢٠٢٤-05-01T12:00:00Z", "is not a time stamp"),
        ("1714557600", "is not a time stamp"),
    ],
)
def test_refusals_give_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason.replace("?", r"\?")):
        read_instant(text)


def test_naive_stamps_take_the_zone_and_no_clock_change_is_guessed() -> None:
    assert read_instant("2024-07-01T12:00:00", BERLIN) == (us(2024, 7, 1, 10), "s")
    assert read_instant("2024-01-01", BERLIN) == (us(2023, 12, 31, 23), "day")
    with pytest.raises(ValueError, match="was skipped in Europe/Berlin"):
        read_instant("2024-03-31T02:30:00", BERLIN)
    with pytest.raises(ValueError, match="came twice in Europe/Berlin"):
        read_instant("2024-10-27T02:30:00", BERLIN)
    assert read_instant("2024-10-27T02:30:00+01:00", BERLIN) == (us(2024, 10, 27, 1, 30), "s")


def test_a_day_without_a_midnight_starts_at_the_clock_change() -> None:
    # Sao Paulo went from 23:59:59 on 3 November 2018 to 01:00 on the 4th, at 03:00 UTC.
    assert read_instant("2018-11-04", ZoneInfo("America/Sao_Paulo")) == (us(2018, 11, 4, 3), "day")


def test_range_of_event_times() -> None:
    assert us(1970, 1, 1) == FIRST_US
    assert us(2201, 1, 1) == END_US
    assert in_range(FIRST_US)
    assert in_range(END_US - 1)
    assert not in_range(FIRST_US - 1)
    assert not in_range(END_US)


AWKWARD = [
    "2024-05-01T12:00:60Z",
    "2024-05-01T12:60:00Z",
    "2024-05-01T24:00:00Z",
    "2024-05-01T23:59:59.999999+14:00",
    "2024-05-01 12:00:00,5-0330",
    "2024-02-30T12:00:00Z",
    "0000-05-01T12:00:00Z",
    "0987-05-01T12:00:00Z",
    "2024-03-31T02:30:00",
    "2024-10-27T02:30:00",
    "2077-07-01T12:00:00",
    "2024-05-01",
    "2024-05-01T12:00:00 +02",
    "",
]

_dates = st.dates().map(str)
_times = st.from_regex(r"[T ]([01][0-9]|2[0-4]):[0-6][0-9](:[0-6][0-9]([.,][0-9]{1,9})?)?", fullmatch=True)
_offsets = st.from_regex(r"(Z|z| Z|[+-][01][0-9](:?[0-6][0-9])?)?", fullmatch=True)
_near_forms = st.tuples(_dates, st.just("") | _times, _offsets).map("".join)
_zones = st.sampled_from([None, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu")])
_moments = st.datetimes(min_value=datetime(1960, 1, 1), max_value=datetime(2210, 1, 1))  # noqa: DTZ001 - wall clocks


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(_near_forms | _moments.map(datetime.isoformat) | st.text(max_size=25), max_size=12), zone=_zones)
def test_the_column_path_equals_the_single_path(texts: list[str], zone: ZoneInfo | None) -> None:
    compare(texts, zone)


@pytest.mark.parametrize("zone", [None, BERLIN])
def test_the_column_path_equals_the_single_path_on_awkward_stamps(zone: ZoneInfo | None) -> None:
    compare(AWKWARD, zone)


def compare(texts: list[str], zone: ZoneInfo | None) -> None:
    read = read_instants(pl.Series(texts, dtype=pl.String), zone)
    assert read.columns == ["us", "precision", "reason"]
    for text, row in zip(texts, read.iter_rows(), strict=True):
        try:
            expected: tuple[int | None, str | None, str | None] = (*read_instant(text, zone), None)
        except ValueError as error:
            expected = (None, None, str(error))
        assert row == expected


@settings(max_examples=200, deadline=None)
@given(
    moment=st.datetimes(timezones=st.timezones() | st.just(timezone.utc)),
    precision=st.sampled_from(["us", "ms", "s"]),
)
def test_written_stamps_read_back(moment: datetime, precision: str) -> None:
    try:
        text = written(moment, precision)
    except OverflowError:
        return
    exact, form = read_instant(text)
    assert exact == (moment - EPOCH) // timedelta(microseconds=1)
    needed = "us" if moment.microsecond % 1000 else "ms" if moment.microsecond else "s"
    assert form == min(precision, needed, key=["us", "ms", "s"].index)


def test_naive_datetimes_are_not_written() -> None:
    with pytest.raises(ValueError, match="naive"):
        written(datetime(2024, 1, 1), "s")  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
@pytest.mark.parametrize(
    "odd", ["", "2024-02-30T12:00:00.000001", "2024-05-01T24:00:00.000000", "2024-05-01T12:00:00.12"]
)
def test_a_column_in_one_form_is_read_as_each_of_its_stamps(zone: str, odd: str) -> None:
    alike = [f"2024-0{month}-28{mark}23:59:59.{month:06}{zone}" for month in range(1, 10) for mark in "T "]
    texts = [*alike, odd + zone] if odd else alike
    for text, (found, precision, reason) in zip(texts, read_instants(pl.Series(texts)).rows(), strict=True):
        if reason is None:
            assert (found, precision) == read_instant(text)
        else:
            with pytest.raises(ValueError, match="is not a time stamp"):
                read_instant(text)
