"""OTLP requests taken apart: what each record says, in both encodings, and what is wrong with others."""

from __future__ import annotations

import json
import tracemalloc
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.proto.trace.v1.trace_pb2 import Status as SpanStatus
from otlp_requests import logs, pairs, span, traces, value

from ingest.otlp import unfolding
from ingest.otlp.answers import Code, export_response, status
from ingest.otlp.unfolding import MAX_RECORD_BYTES, MAX_RECORDS, OverLimit, deliveries
from ingest.otlp.written import MOST_COMMAS
from ingest.sources.delivery import Delivery
from ingest.sources.refused import REFUSED
from kernel.errors import InputError

VALUES = {
    "text": "Köln",
    "yes": True,
    "no": False,
    "whole": -(2**63),
    "part": 1.5,
    "nan": nan,
    "inf": inf,
    "minus": -inf,
    "bytes": b"\x00\xff",
    "list": [1, "a", [None]],
    "map": {"a": {"b": [2.5]}},
    "nothing": None,
}
PLAIN = VALUES | {"nan": "NaN", "inf": "Infinity", "minus": "-Infinity", "bytes": "AP8="}


def read(request: Any, signal: Any = "traces") -> list[Delivery]:
    return deliveries(signal, "protobuf", request.SerializeToString())


def in_json(request: Any) -> bytes:
    """The request in OTLP's JSON: protobuf's, with ids in hex."""

    def hexed(found: Any) -> Any:
        if isinstance(found, list):
            return [hexed(one) for one in found]
        if not isinstance(found, dict):
            return found
        made = {name: hexed(one) for name, one in found.items()}
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in made:
                made[name] = json_format.base64.b64decode(made[name]).hex().upper()
        return made

    return json.dumps(hexed(json_format.MessageToDict(request))).encode()


FULL = span(
    attributes=VALUES,
    parent_span_id=b"\x01" * 8,
    trace_state="a=b",
    flags=1,
    status=SpanStatus(code=SpanStatus.STATUS_CODE_ERROR, message="no funds"),
    events=[Span.Event(time_unix_nano=5, name="exception", attributes=pairs({"a": 1}), dropped_attributes_count=2)],
    links=[Span.Link(trace_id=b"\x02" * 16, span_id=b"\x03" * 8, attributes=pairs({"b": [1]}), trace_state="x=y")],
    dropped_events_count=4,
)


def test_a_span_says_all_that_it_was_sent_with() -> None:
    (found,) = read(traces(FULL))
    said = json.loads(found.body)
    assert found.key == f"{'0' * 28}abc1/{'0' * 15}1"
    assert (found.unique_id, dict(found.headers)) == ("", {})
    assert said == {
        "resource": {"service.name": "shop"},
        "scope": {"name": "library", "version": "1.0", "attributes": {}},
        "span": {
            "traceId": f"{'0' * 28}abc1",
            "spanId": f"{'0' * 15}1",
            "parentSpanId": "01" * 8,
            "traceState": "a=b",
            "flags": 1,
            "name": "charge",
            "kind": 2,
            "startTimeUnixNano": "1700000000000000001",
            "endTimeUnixNano": "1700000001000000000",
            "attributes": PLAIN,
            "status": {"code": 2, "message": "no funds"},
            "events": [{"timeUnixNano": "5", "name": "exception", "attributes": {"a": 1}, "droppedAttributesCount": 2}],
            "links": [{"traceId": "02" * 16, "spanId": "03" * 8, "attributes": {"b": [1]}, "traceState": "x=y"}],
            "droppedEventsCount": 4,
        },
    }
    assert b"NaN," not in found.body.replace(b'"NaN"', b"")


def test_both_encodings_are_the_same_deliveries() -> None:
    request = traces(FULL, span(2), span(3, name=""))
    assert deliveries("traces", "json", in_json(request)) == read(request)
    record = LogRecord(time_unix_nano=7, body=value(VALUES), attributes=pairs(VALUES), severity_text="warn")
    record.trace_id, record.span_id, record.event_name = b"\x01" * 16, b"\x02" * 8, "paid"
    assert deliveries("logs", "json", in_json(logs(record))) == read(logs(record), "logs")


def test_a_log_record_is_known_by_a_digest_of_it() -> None:
    first, again, other = read(
        logs(*(LogRecord(time_unix_nano=7, body=value(text), severity_number=9) for text in ("a", "a", "b"))), "logs"
    )
    assert first == again
    assert first.key != other.key
    assert json.loads(first.body) == {
        "resource": {"service.name": "shop"},
        "scope": {"name": "", "version": "", "attributes": {}},
        "log": {
            "timeUnixNano": "7",
            "observedTimeUnixNano": "0",
            "severityNumber": 9,
            "severityText": "",
            "body": "a",
            "attributes": {},
        },
    }


def test_real_requests(data_dir: Path) -> None:
    folder = data_dir / "payloads" / "otlp"
    (found,) = deliveries("traces", "json", (folder / "trace.json").read_bytes())
    said = json.loads(found.body)
    assert (said["resource"], said["scope"]["version"]) == ({"service.name": "my.service"}, "1.0.0")
    assert (said["span"]["traceId"], said["span"]["kind"]) == ("5b8efff798038103d269b633813fc60c", 2)
    assert said["span"]["attributes"] == {"my.span.attr": "some value"}
    (found,) = deliveries("logs", "json", (folder / "logs.json").read_bytes())
    said = json.loads(found.body)["log"]
    assert (said["body"], said["severityText"]) == ("Example log record", "Information")
    assert said["attributes"]["array.attribute"] == ["many", "values"]
    assert said["attributes"]["map.attribute"] == {"some.map.key": "some value"}
    assert deliveries("logs", "json", (folder / "events.json").read_bytes())
    assert deliveries("traces", "json", (folder / "metrics.json").read_bytes()) == []


def test_enumerations_by_name_numbers_as_text_or_number_and_fields_of_tomorrow() -> None:
    ids = {"traceId": "AB" * 16, "spanId": "cd" * 8}
    for said in (
        {
            "kind": "SPAN_KIND_CLIENT",
            "startTimeUnixNano": "5",
            "attributes": [{"key": "a", "value": {"intValue": "7"}}],
        },
        {
            "kind": 3,
            "startTimeUnixNano": 5,
            "attributes": [{"key": "a", "value": {"intValue": 7}, "new": [1]}],
            "x": {},
        },
        {"kind": 3, "startTimeUnixNano": 5, "attributes": [{"key": "a", "value": {"intValue": 7}}], "trace_id": "?"},
    ):
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [ids | said]}]}], "new": 1}).encode()
        (found,) = deliveries("traces", "json", body)
        span_ = json.loads(found.body)["span"]
        assert (span_["kind"], span_["startTimeUnixNano"], span_["attributes"]) == (3, "5", {"a": 7})


@pytest.mark.parametrize("body", [b"{}", b'{"resourceSpans":null}', b'{"resourceSpans":[{"scopeSpans":[{}]}]}'])
def test_nothing_is_no_mistake(body: bytes) -> None:
    assert deliveries("traces", "json", body) == []
    assert deliveries("logs", "json", body) == []
    assert deliveries("traces", "protobuf", b"") == []
    assert read(traces()) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (span(trace_id=b""), "traceId: is not 16 bytes that are not all zero"),
        (span(trace_id=bytes(16)), "traceId: is not 16 bytes that are not all zero"),
        (span(span_id=b"\x01" * 9), "spanId: is not 8 bytes that are not all zero"),
        (span(attributes={"a": json.loads("[" * 18 + "]" * 18)}), "values are nested more than 16 deep"),
        (span(name="x" * MAX_RECORD_BYTES), "a record, a resource or a scope has at most 1,048,576 bytes"),
    ],
    ids=range(5),
)
def test_a_wrong_span_is_handed_over_as_it_came_and_stops_no_other(wrong: Span, reason: str) -> None:
    found = read(traces(span(1), wrong, span(2)))
    assert [one.headers.get(REFUSED) for one in found] == [None, reason, None]
    assert found[1].body == wrong.SerializeToString()
    found = deliveries("traces", "json", in_json(traces(span(1), wrong, span(2))))
    assert [one.headers.get(REFUSED) for one in found] == [None, reason, None]


def test_a_record_that_cannot_be_decoded_stops_no_other() -> None:
    mark = "to be replaced"
    body = traces(span(1), span(2, name=mark), span(3)).SerializeToString()
    found = deliveries("traces", "protobuf", body.replace(mark.encode(), b"\xff" * len(mark)))
    assert [REFUSED in one.headers for one in found] == [False, True, False]
    right = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    wrong: list[Any] = [7, [], "x", right | {"traceId": "zz"}, right | {"traceId": 7}, right | {"attributes": {"a": 1}}]
    wrong += [right | {"attributes": [{"value": {"intValue": "x"}}]}, right | {"startTimeUnixNano": -1}]
    wrong += [right | {"links": [7]}, right | {"links": 7}, right | {"events": [{"timeUnixNano": [1]}]}]
    nested: dict[str, Any] = {}
    for _ in range(200):
        nested = {"arrayValue": {"values": [nested]}}
    wrong += [right | {"attributes": [{"key": "a", "value": nested}]}]
    spans = [right, *wrong, right]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    found = deliveries("traces", "json", body)
    assert [REFUSED in one.headers for one in found] == [False, *[True] * len(wrong), False]
    assert json.loads(found[1].body) == 7


@pytest.mark.parametrize(
    "body",
    [
        b"\xff",
        b"\x0a\x05ab",
        b"\x0b",
        b"\x00\x00",
        b"\x0a",
        b"\x08" + b"\xff" * 11,
        b"\x09\x01",
        b"\x0a\x03\x12\x7f\x00",
        b"{}",
    ],
)
def test_what_is_no_message_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InputError, match="no export request"):
        deliveries("traces", "protobuf", body)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"7", b'{"resourceSpans":7}', b'{"resourceSpans":[7]}', b"\xff", b'{"a":' * 100_000, b'{"a":NaN}'],
)
def test_what_is_no_json_of_a_request_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InputError, match="no export request"):
        deliveries("traces", "json", body)


def test_a_resource_that_cannot_be_read_is_the_end_of_its_request() -> None:
    body = traces(span(1), resource={"a": "to be replaced"}).SerializeToString().replace(b"to be", b"\xff" * 5)
    with pytest.raises(InputError, match="resource"):
        deliveries("traces", "protobuf", body)


def test_fields_of_a_message_that_come_apart_are_one() -> None:
    one, two = traces(span(1), resource={"a": 1}), traces(span(2), resource={"b": 2})
    inner = [request.resource_spans[0].SerializeToString() for request in (one, two)]
    length = sum(map(len, inner))
    body = b"\x0a" + bytes([length & 0x7F | 0x80, length >> 7]) + inner[0] + inner[1]
    found = deliveries("traces", "protobuf", body)
    assert [json.loads(each.body)["resource"] for each in found] == [{"a": 1, "b": 2}] * 2
    assert len(found) == 2


def test_bombs_are_found_before_they_are_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    empty_spans = b"\x12\x00" * (MAX_RECORDS * 20)
    bombs = [
        ("protobuf", _nested(_nested(empty_spans, 0x12), 0x0A)),
        ("protobuf", b"\x0a\x00" * (MAX_RECORDS + 1)),
        ("json", b'{"resourceSpans":[' + b",".join([b"{}"] * (MAX_RECORDS + 1)) + b"]}"),
        ("json", b'{"resourceSpans":[{"scopeSpans":[{"spans":[' + b",".join([b"1"] * MAX_RECORDS * 2) + b"]}]}]}"),
        ("json", b'{"x":[' + b"1," * MOST_COMMAS + b"1,1]}"),
    ]
    for encoding, body in bombs:
        tracemalloc.start()
        try:
            with pytest.raises(OverLimit):
                deliveries("traces", encoding, body)  # type: ignore[arg-type]
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()
    monkeypatch.setattr(unfolding, "MAX_UNFOLDED_BYTES", 50_000)
    assert len(read(traces(*map(span, range(1, 11)), resource={"a": "x" * 3_000}))) == 10
    with pytest.raises(OverLimit):
        read(traces(*map(span, range(1, 21)), resource={"a": "x" * 3_000}))


def _nested(content: bytes, tag: int) -> bytes:
    length, written = len(content), bytearray()
    while length > 0x7F:
        written.append(0x80 | length & 0x7F)
        length >>= 7
    return bytes([tag, *written, length]) + content


def test_answers_in_both_encodings() -> None:
    assert export_response("traces", "protobuf") == export_response("logs", "protobuf") == b""
    assert export_response("traces", "json") == b"{}"
    partial = ExportTraceServiceResponse.FromString(export_response("traces", "protobuf", 3, "why"))
    assert (partial.partial_success.rejected_spans, partial.partial_success.error_message) == (3, "why")
    of_logs = ExportLogsServiceResponse.FromString(export_response("logs", "protobuf", 4, "why"))
    assert of_logs.partial_success.rejected_log_records == 4
    for signal, response in (("traces", ExportTraceServiceResponse()), ("logs", ExportLogsServiceResponse())):
        parsed = json_format.Parse(export_response(signal, "json", 5, "é"), response)  # type: ignore[arg-type]
        assert parsed.partial_success.error_message == "é"
    for message in ("", "why", "é" * 3_000):
        found = Status.FromString(status("protobuf", Code.INVALID_ARGUMENT, message))
        assert (found.code, found.message) == (3, message[:2_000])
    assert json.loads(status("json", Code.UNAVAILABLE, "later")) == {"code": 14, "message": "later"}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 200), st.sampled_from(["traces", "logs"]))
def test_whatever_bytes_come_are_deliveries_or_an_input_error(noise: bytes, place: int, signal: Any) -> None:
    whole = traces(FULL).SerializeToString()
    for body in (noise, whole[:place] + noise + whole[place + len(noise) :], whole[: place + 1]):
        for encoding in ("protobuf", "json"):
            try:
                found = deliveries(signal, encoding, body)  # type: ignore[arg-type]
            except InputError:
                continue
            assert all(REFUSED in one.headers or json.loads(one.body)["resource"] is not None for one in found)


NAMES = st.sampled_from(
    [
        "traceId",
        "spanId",
        "kind",
        "attributes",
        "key",
        "value",
        "intValue",
        "doubleValue",
        "arrayValue",
        "values",
        "events",
        "links",
        "status",
        "code",
        "bytesValue",
        "startTimeUnixNano",
        "kvlistValue",
        "flags",
        "boolValue",
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["ab" * 16, "cd" * 8, "NaN", "-1", "SPAN_KIND_CLIENT", "AA=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=6), JSON)
def test_whatever_json_is_a_record_is_a_delivery(record: dict[str, Any], resource: Any) -> None:
    ids = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    spans = [record, ids | record, record | ids]
    try:
        body = json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}).encode()
        found = deliveries("traces", "json", body)
    except InputError:
        return
    assert len(found) == 3
    assert all(REFUSED in one.headers or json.loads(one.body)["span"]["traceId"] for one in found)
