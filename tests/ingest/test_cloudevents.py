"""CloudEvents as the real SDK sends them, and as nobody should."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cloudevents import LONGEST_ATTRIBUTE, deliveries, mode
from ingest.event_form import MAX_EVENTS
from ingest.sources.delivery import Delivery
from ingest.sources.refused import LONGEST_REASON, REFUSED, refused
from kernel.errors import InputError

PLAIN = {"id": "A-1", "source": "/shop", "type": "order.placed", "specversion": "1.0"}
STRUCTURED = [(b"content-type", b"application/cloudevents+json; charset=UTF-8")]
NO_OBJECT = "an event is a JSON object without NaN and halves of surrogate pairs"
BATCH = [(b"content-type", b"application/cloudevents-batch+json")]


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def of(message: HTTPMessage) -> Delivery:
    headers = raw(message.headers)
    how = mode(headers)
    assert how is not None
    (found,) = deliveries(headers, message.body, how)
    return found


def event(**more: Any) -> Delivery:
    (found,) = deliveries(STRUCTURED, json.dumps(PLAIN | more).encode(), "structured")
    return found


def binary(body: bytes = b"", *more: tuple[bytes, bytes], without: str = "") -> Delivery:
    headers = [(f"ce-{name}".encode(), value.encode()) for name, value in PLAIN.items() if name != without]
    (found,) = deliveries([*headers, *more], body, "binary")
    return found


AT = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ({"order": "A-1", "lines": [1, 2.5], "shop": "Köln"}, "application/json"),
        ({"order": "A-1"}, None),
        ("a text — of two", "text/plain"),
        (b"\x00\xff\x01", "application/octet-stream"),
        (None, None),
    ],
)
def test_what_the_sdk_sends_says_the_same_in_each_mode(data: Any, kind: str | None) -> None:
    attributes = {
        **{name: value for name, value in PLAIN.items() if name != "specversion"},
        "subject": 'Köln "50 %" – 退货',
        "time": AT,
        "traceparent": "00-ab-cd-01",
        "sequence": "7",
    }
    if kind is not None:
        attributes["datacontenttype"] = kind
    sent = CloudEvent(attributes, data)
    found = [of(message) for message in (to_structured_event(sent), to_binary_event(sent))]
    (batched,) = deliveries(BATCH, b"[" + to_structured_event(sent).body + b"]", "batch")
    for one in (*found, batched):
        assert (one.key, one.unique_id, dict(one.headers)) == ("/shop A-1", "", {})
        said = json.loads(one.body)
        assert list(said) == sorted(said)
        assert said["subject"] == attributes["subject"]
        assert said["time"].startswith("2026-01-31T12:00:00.25")
        body = said.get("data", base64.b64decode(said["data_base64"]) if "data_base64" in said else None)
        assert body == data
    assert found[0] == batched
    assert json.loads(found[0].body) == json.loads(found[1].body)


def test_what_was_sent_is_kept_digit_by_digit() -> None:
    sent = json.dumps(PLAIN).encode()[:-1] + b', "data": {"b": 12.50, "a": 12345678901234567890.123}, "gone": null}'
    (found,) = deliveries(STRUCTURED, sent, "structured")
    assert found.body == (
        b'{"data":{"b": 12.50, "a": 12345678901234567890.123},"id":"A-1","source":"/shop","specversion":"1.0",'
        b'"type":"order.placed"}'
    )
    assert binary(b'{"b": 12.50}', (b"content-type", b"application/json")).body.startswith(b'{"data":{"b": 12.50},')


@pytest.mark.parametrize(
    ("headers", "how"),
    [
        ({"content-type": "application/cloudevents+json"}, "structured"),
        ({"content-type": "Application/CloudEvents-Batch+JSON;charset=utf-8", "ce-id": "x"}, "batch"),
        ({"content-type": "application/cloudevents+json; charset=latin-1"}, None),
        ({"content-type": "application/cloudevents+avro", "ce-id": "x"}, None),
        ({"content-type": "application/json"}, None),
        ({"content-type": "application/json", "ce-type": "x"}, "binary"),
        ({"ce-id": "x"}, "binary"),
        ({}, None),
    ],
)
def test_the_mode_is_told_by_the_headers(headers: dict[str, str], how: str | None) -> None:
    assert mode(raw(headers)) == how
    assert mode(STRUCTURED * 2) is None


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"id": ""}, "id: is missing"),
        ({"id": None}, "id: is missing"),
        ({"id": 7}, "id: is no text"),
        ({"source": None}, "source: is missing"),
        ({"type": None}, "type: is missing"),
        ({"specversion": "0.3"}, "specversion: is not 1.0"),
        ({"specversion": None}, "specversion: is missing"),
        ({"Extension": "x"}, "Extension: the name of an attribute has small letters and digits only"),
        ({"ext": {"a": 1}}, "ext: an attribute is a text, a whole number, true or false"),
        ({"ext": 1.5}, "ext: an attribute is a text, a whole number, true or false"),
        ({"ext": "\ud800"}, NO_OBJECT),
        ({"ext": "x" * (LONGEST_ATTRIBUTE + 1)}, "ext: an attribute has at most 8,000 characters"),
        ({f"e{number}": 1 for number in range(200)}, "an event has at most 200 attributes"),
        ({"data": 1, "data_base64": ""}, "data and data_base64: an event has one of them"),
        ({"data_base64": "?"}, "data_base64: is no base64"),
        ({"data_base64": 7}, "data_base64: is no base64"),
        ({"data": ["\ud800"]}, NO_OBJECT),
    ],
    ids=str,
)
def test_an_event_that_is_none_is_handed_over_as_it_came_and_stops_no_other(wrong: Any, reason: str) -> None:
    text = json.dumps(PLAIN | wrong).encode()
    right = json.dumps(PLAIN).encode()
    found = deliveries(BATCH, b" [" + right + b" ,\n" + text + b"," + right + b"]", "batch")
    assert [one.headers.get(REFUSED) for one in found] == [None, reason, None]
    assert found[1].body == text
    assert found[1].key.startswith("sha256:")
    assert found[1] == deliveries(STRUCTURED, text, "structured")[0]


def test_an_element_that_is_no_json_does_not_stop_the_others() -> None:
    right = json.dumps(PLAIN).encode()
    found = deliveries(BATCH, b"[" + right + b', {"id": NaN}, 7, ' + right + b"]", "batch")
    assert [one.headers.get(REFUSED) for one in found] == [None, *[NO_OBJECT] * 2, None]
    assert [one.body for one in found[1:3]] == [b'{"id": NaN}', b"7"]
    assert deliveries(BATCH, b"[]", "batch") == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[1,", b"nothing", b"\xff", b"[" * 100_000, b"[]x", b"\x1e{}"])
def test_a_batch_that_is_no_array_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InputError):
        deliveries(BATCH, body, "batch")


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"nothing", b"\xff", b'{"a":' * 100_000, b"{},{}", b'{"a": 1'])
def test_a_structured_body_that_is_no_object_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InputError):
        deliveries(STRUCTURED, body, "structured")


def test_a_batch_has_so_many_events_at_most() -> None:
    text = json.dumps(PLAIN).encode()
    assert len(deliveries(BATCH, b"[" + b",".join([text] * MAX_EVENTS) + b"]", "batch")) == MAX_EVENTS
    for last in (text, b"NaN"):
        with pytest.raises(InputError, match="at most 10,000"):
            deliveries(BATCH, b"[" + b",".join([*[text] * MAX_EVENTS, last]) + b"]", "batch")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (binary(without="id"), "id: is missing"),
        (binary(b"x", (b"ce-id", b"again")), "ce-id: is there twice"),
        (binary(b"x", (b"ce-subject", b"%ff")), "ce-subject: is no UTF-8 text"),
        (binary(b"x", (b"ce-data", b"x")), "ce-data: is no header, it is told by Content-Type and by the body"),
        (binary(b"x", (b"ce-a_b", b"x")), "a_b: the name of an attribute has small letters and digits only"),
        (binary(b"x", *[(b"content-type", b"text/plain")] * 2), "content-type: is there twice"),
        (binary(b"x", (b"content-type", b"application/json")), "the body is not JSON, which Content-Type says it is"),
        (
            binary(b"\xff", (b"content-type", b"application/b+json")),
            "the body is not JSON, which Content-Type says it is",
        ),
    ],
)
def test_what_is_wrong_in_binary_mode_is_handed_over_with_its_headers(found: Delivery, reason: str) -> None:
    assert found.headers[REFUSED] == reason
    assert found.headers["ce-source"] == "/shop"
    assert found.body in (b"", b"x", b"\xff")


def test_values_of_headers_are_decoded_and_bodies_told_by_their_type() -> None:
    said = json.loads(binary(b"", (b"ce-subject", b'"a \\"b\\" %E2%82%AC"'), (b"ce-x", "é".encode())).body)
    assert (said["subject"], said["x"]) == ('a "b" €', "é")
    for kind, body, member in (
        (b"application/xml", b"<a/>", {"data_base64": "PGEvPg=="}),
        (b"text/xml", b"<a/>", {"data": "<a/>"}),
        (b"text/plain; charset=latin-1", b"\xe9", {"data_base64": "6Q=="}),
        (b"application/vnd.shop+json; charset=utf-8", b"[1]", {"data": [1]}),
    ):
        said = json.loads(binary(body, (b"content-type", kind)).body)
        assert {name: said[name] for name in said if name.startswith("data") and name != "datacontenttype"} == member
        assert said["datacontenttype"] == kind.decode()
    assert json.loads(binary(b"not json").body)["data_base64"] == "bm90IGpzb24="


def test_a_reason_is_one_short_line() -> None:
    found = refused(b"", "k", "a\nb\0" + "x" * 1_000, {"ce-id": "1"})
    assert found.headers[REFUSED] == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}" + "x" * 295 + "…"
    assert len(found.headers[REFUSED]) == LONGEST_REASON
    assert found.headers["ce-id"] == "1"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"ce-id", b"ce-type", b"ce-source", b"ce-specversion", b"ce-x", b"content-type"]),
            st.binary(max_size=20),
        ),
        max_size=7,
    ),
    st.one_of(
        st.binary(max_size=60), st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode())
    ),
)
def test_whatever_comes_is_deliveries_or_an_input_error(headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    (one,) = deliveries(headers, body, "binary")
    assert REFUSED in one.headers or json.loads(one.body)["specversion"] == "1.0"
    for how in ("structured", "batch"):
        try:
            found = deliveries(headers, body, how)
        except InputError:
            continue
        assert all(REFUSED in each.headers for each in found)
