"""Events as they are sent: what is kept, what is refused and with which words."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from sent_events import SENDER, body, event

from ingest.event_array import LINES
from ingest.event_form import MAX_EVENTS, Refused, schema
from ingest.event_rows import LINK_ROWS, OBJECT_ROWS, Sent
from ingest.events_json import read_events
from kernel.errors import InputError
from kernel.events import EVENT_FRAME

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)


def read(content: bytes, source: str = SENDER) -> list[Sent]:
    return read_events(content, source, NOW)


def one(content: bytes) -> Sent:
    (found,) = read(content)
    return found


WHOLE = {
    "id": "x-1",
    "source": "wms",
    "activity": "Return received",
    "occurred_at": "2026-01-31T12:00:00.250+01:00",
    "seen_at": "2026-01-31T11:00:01Z",
    "started_at": "2026-01-31T10:59Z",
    "lifecycle": "complete",
    "sequence": 7,
    "actor": "ann",
    "actor_kind": "human",
    "outcome": "ok",
    "error_code": "E7",
    "value": "12.50",
    "currency": "EUR",
    "objects": [
        {"type": "return", "id": "R1", "qualifier": "of", "attributes": {"store": "Köln"}},
        {"type": "a", "id": "b"},
    ],
    "attributes": {"n": 1, "due": {"$date": "2026-02-01T00:00:00+01:00"}, "list": [1, "x"]},
    "links": [{"from": {"type": "return", "id": "R1"}, "to": {"type": "parcel", "id": "P1"}, "qualifier": "in"}],
    "changes": [
        {"type": "return", "id": "R1", "attribute": "channel", "value": "web"},
        {"type": "return", "id": "R1", "attribute": "due", "value": 5, "at": "2026-01-31T13:00:00Z"},
    ],
    "trace_id": "t",
    "span_id": "s",
    "revision": 2,
}


def test_every_field_arrives() -> None:
    found = one(body(WHOLE))
    at = datetime(2026, 1, 31, 11, 0, 0, 250_000, tzinfo=timezone.utc)
    assert found.source == "wms"
    assert found.events.schema == EVENT_FRAME
    assert found.events.row(0, named=True) == {
        "source_event_id": "x-1",
        "activity": "Return received",
        "lifecycle": "complete",
        "occurred_at": at,
        "precision": "ms",
        "time_kind": "happened",
        "started_at": at.replace(hour=10, minute=59, microsecond=0),
        "seen_at": at.replace(second=1, microsecond=0),
        "sequence": 7,
        "actor": "ann",
        "actor_kind": "human",
        "outcome": "ok",
        "error_code": "E7",
        "value": Decimal("12.50"),
        "currency": "EUR",
        "objects": [{"type": "return", "id": "R1", "qualifier": "of"}, {"type": "a", "id": "b", "qualifier": ""}],
        "attributes": '{"due":{"$date":"2026-01-31T23:00:00Z"},"list":{"$list":[["",1],["","x"]]},"n":1}',
        "trace_id": "t",
        "span_id": "s",
        "revision": 2,
    }
    assert found.objects.schema == OBJECT_ROWS
    assert found.objects.rows() == [
        ("return", "R1", "store", '"Köln"', at, 0),
        ("return", "R1", "channel", '"web"', None, 0),
        ("return", "R1", "due", "5", at.replace(hour=13, second=0, microsecond=0), 0),
    ]
    assert found.links.schema == LINK_ROWS
    assert found.links.rows() == [("return", "R1", "parcel", "P1", "in", 0)]


def test_what_is_not_said_is_empty_and_seen_now() -> None:
    found = one(body({"id": "1", "activity": "A", "occurred_at": "2026-01-31T12:00:00Z"})).events
    assert found.schema == EVENT_FRAME
    row = found.row(0, named=True)
    assert (row["seen_at"], row["started_at"], row["value"], row["objects"]) == (NOW, None, None, [])
    assert (row["actor"], row["attributes"], row["sequence"], row["revision"]) == ("", "{}", 0, 0)


@pytest.mark.parametrize(
    ("text", "precision", "microsecond"),
    [
        ("2026-01-31T12:00Z", "min", 0),
        ("2026-01-31 12:00:00+00:00", "s", 0),
        ("2026-01-31t12:00:00.5z", "ms", 500_000),
        ("2026-01-31T12:00:00.123456Z", "us", 123_456),
        ("2026-01-31T12:00:00.123456789Z", "us", 123_456),
    ],
)
def test_a_time_is_as_exact_as_it_is_written(text: str, precision: str, microsecond: int) -> None:
    row = one(body(event(1, occurred_at=text))).events.row(0, named=True)
    assert row["precision"] == precision
    assert row["occurred_at"] == datetime(2026, 1, 31, 12, 0, 0, microsecond, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("written", "value"), [("1.5", "1.5"), ('"1.50"', "1.5"), ("3", "3"), ('"-0.000001"', "-0.000001")]
)
def test_money_is_exact_as_text_and_as_number(written: str, value: str) -> None:
    content = json.dumps([event(1)])[:-2] + f', "value": {written}}}]'
    assert one(content.encode()).events.item(0, "value") == Decimal(value)


GOOD = json.dumps(event(1))
NESTED: Any = 1
for _ in range(17):
    NESTED = [NESTED]


def but(**more: Any) -> str:
    return json.dumps(event(2, **more))


BAD = [
    ("5", "", "Expected `object`, got `int`"),
    ("{}", "", "Object missing required field `id`"),
    (but(id=""), "", "Expected `str` of length >= 1 - at `$.id`"),
    (but(id=None), "", "Expected `str`, got `null` - at `$.id`"),
    (but(activity="x" * 501), "e2", "Expected `str` of length <= 500 - at `$.activity`"),
    (but(activty="A"), "e2", "Object contains unknown field `activty`"),
    (but(actor_kind="robot"), "e2", "Invalid enum value 'robot' - at `$.actor_kind`"),
    (but(sequence=-1), "e2", "Expected `int` >= 0 - at `$.sequence`"),
    (but(sequence=1.5), "e2", "Expected `int`, got `float` - at `$.sequence`"),
    (but(objects=[{"type": "return"}]), "e2", "Object missing required field `id` - at `$.objects[0]`"),
    (but(objects=[{"type": "", "id": "1"}]), "e2", "Expected `str` of length >= 1 - at `$.objects[0].type`"),
    (but(objects=[{"type": "r", "id": "1"}] * 1_001), "e2", "Expected `array` of length <= 1000 - at `$.objects`"),
    (
        but(occurred_at="2026-01-31T12:00:00"),
        "e2",
        "occurred_at: '2026-01-31T12:00:00' has no offset; end it with Z or +01:00",
    ),
    (but(occurred_at="2026-01-31"), "e2", "occurred_at: '2026-01-31' is not a time such as 2026-01-31T12:00:00.250Z"),
    (but(occurred_at="2026-02-30T12:00:00Z"), "e2", "occurred_at: there is no time '2026-02-30T12:00:00Z'"),
    (
        but(occurred_at="1969-12-31T23:59:59Z"),
        "e2",
        "occurred_at: '1969-12-31T23:59:59Z' is not between the years 1970 and 2200",
    ),
    (
        but(occurred_at="2200-01-01T00:00:00Z"),
        "e2",
        "occurred_at: '2200-01-01T00:00:00Z' is not between the years 1970 and 2200",
    ),
    (but(occurred_at="0001-01-01T00:00:00+14:00"), "e2", "occurred_at: there is no time '0001-01-01T00:00:00+14:00'"),
    (but(seen_at="now"), "e2", "seen_at: 'now' is not a time such as 2026-01-31T12:00:00.250Z"),
    (but(value="NaN"), "e2", "value: NaN and infinities are no amounts"),
    (but(value="1e32"), "e2", "value: an amount has at most 32 digits before its point"),
    (but(value="0.0000001"), "e2", "value: an amount has at most 6 digits after its point"),
    (but(value=float("nan")), "e2", "NaN and infinities are no numbers"),
    (but(attributes={"x": float("inf")}), "e2", "NaN and infinities are no numbers"),
    (but()[:-1] + ', "attributes": {"x": 1e999}}', "e2", "Number out of range - at `$.attributes[...]`"),
    (but(attributes={"x": 2**64}), "e2", "attributes.x: a whole number has at most 64 bits; send it as text"),
    (but(attributes={"x": NESTED}), "e2", "attributes.x: values are nested more than 16 deep"),
    (but(attributes={"x": "y" * 70_000}), "e2", "attributes: 70,008 characters as JSON; at most 65,536"),
    (
        but(attributes={"x": {"$date": "2026-01-01"}}),
        "e2",
        "attributes.x: '2026-01-01' is not a time such as 2026-01-31T12:00:00.250Z",
    ),
    (but(actor="a\0"), "e2", "actor: text holds a NUL character"),
    (but(id="e2\0"), "", "id: text holds a NUL character"),
    (but(attributes={"x": ["\0"]}), "e2", "attributes.x: text holds a NUL character"),
    (but(attributes={"x\0": 1}), "e2", "attributes.x: text holds a NUL character"),
    (but(objects=[{"type": "r", "id": "\0"}]), "e2", "objects: text holds a NUL character"),
    (but(actor="\ud800"), "e2", "text holds half of a surrogate pair"),
    (but(source="a\nb"), "e2", "source: holds a control character"),
    (but(source="s" * 201), "e2", "Expected `str` of length <= 200 - at `$.source`"),
]


@pytest.mark.parametrize(("bad", "name", "reason"), BAD, ids=[reason[:60] for _, _, reason in BAD])
def test_a_bad_event_is_refused_alone_as_it_was_sent(bad: str, name: str, reason: str) -> None:
    found = one(f" [{GOOD} ,\n {bad} , {GOOD}]\n".encode())
    assert found.events.height == 2
    assert found.received == 3
    (refused,) = found.refused
    assert (refused.index, refused.reason, refused.raw) == (1, reason, bad.encode())
    assert refused.id.replace("\0", "") in (name, "e2")


def test_an_event_that_nobody_says_the_source_of_is_refused() -> None:
    sources = {sent.source: sent for sent in read(body(event(1), event(2, source="erp")), "")}
    assert sources["erp"].events.height == 1
    assert sources[""].refused == (
        Refused(
            0,
            "e1",
            "",
            "source: neither the event nor the request names one",
            json.dumps(event(1), separators=(",", ":")).encode(),
        ),
    )


def test_events_come_apart_by_source_in_their_order() -> None:
    found = read(body(event(1, source="erp"), event(2), event(3, source="erp")))
    assert {sent.source: sent.events["source_event_id"].to_list() for sent in found} == {
        "erp": ["e1", "e3"],
        SENDER: ["e2"],
    }


def test_one_object_counts_as_an_array_of_one() -> None:
    assert one(GOOD.encode()).events.equals(one(f"[{GOOD}]".encode()).events)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a JSON array of events"),
        (b'"events"', "expected a JSON array of events"),
        (b"[", "the body is not a JSON array: Expecting value (character 1)"),
        (b"[1,]", "the body is not a JSON array: Expecting value (character 3)"),
        (b"[1 2]", "the body is not a JSON array: expected , or ] (character 3)"),
        (b"[1] 2", "the body is not a JSON array: something follows the array (character 3)"),
        (b"[1", "the body is not a JSON array: expected , or ] (character 2)"),
        (b'["\xff"]', "the body is not UTF-8 text (byte 2)"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (
            b"[" + b",".join([b"1"] * (MAX_EVENTS + 1)) + b"]",
            "a request has at most 10,000 events; send them in several",
        ),
        (
            body(*(event(n, source=f"s{n}") for n in range(101))),
            "a request names at most 100 sources; this one names 101",
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_what_is_no_array_is_refused_whole(content: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(content)
    assert str(caught.value) == message


@pytest.mark.parametrize("lines", [False, True])
def test_what_is_deep_and_holds_half_of_a_surrogate_pair_is_refused_however_deep(lines: bool) -> None:
    """Also where it can just be read, and not be written any more."""
    reasons = set()
    for depth in range(850, sys.getrecursionlimit()):
        value = b'{"id":"a","attributes":{"x":' + b"[" * depth + b'"\\ud800"' + b"]" * depth + b"}}"
        try:
            reasons.add(one(LINES + value if lines else value).refused[0].reason)
        except InputError as error:
            reasons.add(str(error))
    deep = "values are nested more than 16 deep"
    assert reasons == {
        "text holds half of a surrogate pair",
        deep,
        *(() if lines else ["the body is nested too deeply"]),
    }


def test_a_request_of_as_many_events_as_may_be_is_read() -> None:
    plain = GOOD.encode()
    assert one(b"[" + b",".join([plain] * MAX_EVENTS) + b"]").events.height == MAX_EVENTS
    assert read(b"[]") == []


@pytest.mark.parametrize("source", ["x" * 201, "a\0", "a\n", "\ud800"])
def test_the_source_of_a_request_is_a_plain_name(source: str) -> None:
    with pytest.raises(InputError, match="source: at most 200 characters, none of them a control character"):
        read(body(event(1)), source)


def test_the_described_form_names_every_field() -> None:
    form = schema()["parts"]["Event"]
    assert set(WHOLE) == set(form["properties"])
    assert form["required"] == ["id", "activity", "occurred_at"]
    columns = set(EVENT_FRAME) - {"source_event_id", "precision", "time_kind"}
    assert columns == set(form["properties"]) - {"id", "source", "links", "changes"}
    assert isinstance(one(body(WHOLE)).events, pl.DataFrame)
