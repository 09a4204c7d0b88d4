"""From where a database is read, and what of a row goes into JSON."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.collectors.sql_place import SEEN_IN_MEMORY, SEEN_KEPT, Place, below, loaded
from ingest.collectors.sql_rows import row_json
from ingest.sources.delivery import CollectorError

BERLIN = ZoneInfo("Europe/Berlin")
VALUES = st.one_of(
    st.none(), st.integers(), st.text(), st.datetimes(), st.datetimes(timezones=st.just(timezone.utc)), st.dates(),
    st.decimals(allow_nan=False), st.uuids(), st.binary(), st.booleans(),
)  # fmt: skip


@given(VALUES, st.lists(VALUES, min_size=1))
def test_a_place_is_the_same_after_it_was_kept(mark: object, after: list[object]) -> None:
    place = Place(mark, mark, after)
    place.remember(b"k" * 16, b"r" * 16)
    found = loaded(place.dumped("x"), "x")
    assert found == place
    assert loaded(place.dumped("x"), "y") is None


@pytest.mark.parametrize(
    "text", ["[1]", "{}", "null", "{", '{"of": "x", "mark": ["no", "1"]}', '{"of": "x", "mark": [1]}']
)
def test_what_is_no_place_is_an_error(text: str) -> None:
    with pytest.raises(CollectorError):
        loaded(text, "x")


def test_what_was_seen_is_bounded_and_kept_only_while_it_is_small() -> None:
    place = Place()
    for n in range(SEEN_IN_MEMORY + 10):
        place.remember(n.to_bytes(16, "big"), b"r" * 16)
    assert len(place.seen) == SEEN_IN_MEMORY
    assert "seen" not in json.loads(place.dumped("x"))
    place.forget_before(SEEN_KEPT)
    assert len(json.loads(place.dumped("x"))["seen"]) == SEEN_KEPT
    assert place.knows((SEEN_IN_MEMORY + 9).to_bytes(16, "big"), b"r" * 16)


def test_an_hour_that_comes_twice_is_read_twice() -> None:
    """Clocks go back at 3:00 on 2026-10-25: after 2:59 comes 2:00 again."""
    for mark, least, zone in (
        ("2026-10-25T02:59:00", "2026-10-25T01:58:00", BERLIN),
        ("2026-10-25T03:00:00", "2026-10-25T02:59:00", BERLIN),
        ("2026-10-25T02:59:00+00:00", "2026-10-25T02:58:00+00:00", None),
        ("0001-01-01T00:00:00", "0001-01-01T00:00:00", None),
    ):
        assert below(datetime.fromisoformat(mark), 60, zone) == datetime.fromisoformat(least)
    assert (below(10, 3.0, None), below(None, 3, None)) == (7, None)


def test_numbers_that_json_has_none_for_and_durations_are_texts() -> None:
    row = {"a": float("nan"), "b": Decimal("1E+3"), "c": timedelta(hours=-26, seconds=-1), "d": {"x": float("-inf")}}
    row |= {"e": timedelta(microseconds=5), "f": 2**70, "g": "\ud800"}
    assert json.loads(row_json(row, {}, {})) == {
        "a": "nan", "b": "1000", "c": "-26:00:01", "d": {"x": "-inf"}, "e": "00:00:00.000005", "f": 2**70, "g": "?",
    }  # fmt: skip
    with pytest.raises(CollectorError, match="timezone"):
        row_json({"at": datetime.fromisoformat("2026-01-01T00:00")}, {}, {})
