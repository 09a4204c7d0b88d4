"""Events one a line: the same events as of an array, and no line that is wrong stops another."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sent_events import SENDER, event

from ingest.event_array import LINES
from ingest.event_form import MAX_EVENTS
from ingest.events_json import Sent, read_events
from kernel.errors import InputError

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def read(*lines: bytes, end: bytes = b"\n") -> Sent:
    (found,) = read_events(LINES + end.join(lines), SENDER, NOW)
    return found


def line(number: int, **more: Any) -> bytes:
    return json.dumps(event(number, **more)).encode()


def test_lines_are_the_events_of_an_array() -> None:
    numbers = range(30)
    (array,) = read_events(b"[" + b",".join(map(line, numbers)) + b"]", SENDER, NOW)
    for end in (b"\n", b"\r\n", b"\n\n  \n"):
        found = read(*map(line, numbers), end=end)
        assert found.events.equals(array.events)
        assert found.refused == ()
    assert read_events(LINES, SENDER, NOW) == read_events(LINES + b" \n\n", SENDER, NOW) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"nothing", "the line is not JSON: Expecting value (character 0)"),
        (b'{"id": "e9"', "the line is not JSON: Expecting ',' delimiter (character 11)"),
        (b"\xff\xfe", "the line is not UTF-8 text (byte 0)"),
        (b'[{"id":"a"}]', "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `id`"),
        (line(9, value="NaN"), "value: NaN and infinities are no amounts"),
        (b'{"id": NaN}', "NaN and infinities are no numbers"),
        (b"[" * 50_000, "values are nested more than 16 deep"),
        (line(1) + line(2), "the line is not JSON: Extra data (character 128)"),
        (b"\x1e" + line(1), "the line is not JSON: Expecting value (character 0)"),
    ],
    ids=range(10),
)
def test_a_wrong_line_is_refused_as_it_came_and_the_others_are_kept(wrong: bytes, reason: str) -> None:
    found = read(line(1), b"", wrong, line(2))
    assert found.events["source_event_id"].to_list() == ["e1", "e2"]
    (refused,) = found.refused
    assert (refused.index, refused.reason, refused.raw) == (1, reason, wrong)
    assert (
        read(line(1), line(3, attributes={"a": "x\0y"}), wrong).refused[1].raw == wrong
    )  # its text is looked up later


def test_a_request_has_so_many_lines_at_most() -> None:
    short = b'{"id":"a","activity":"b","occurred_at":"2026-01-01T00:00:00Z"}'
    assert read(*[short] * MAX_EVENTS).received == MAX_EVENTS
    with pytest.raises(InputError, match="at most 10,000"):
        read(*[short] * (MAX_EVENTS + 1))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.just(line(1)), st.just(line(2)), st.binary(max_size=12)), max_size=8))
def test_each_line_that_is_not_blank_is_kept_or_refused(lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    expected = [found for found in body.split(b"\n") if found.strip()]
    read_ = read_events(LINES + body, SENDER, NOW)
    assert sum(one.received for one in read_) == len(expected)
    kept = sum(one.events.height for one in read_)
    assert kept == sum(found.strip() in (line(1), line(2)) for found in expected)
