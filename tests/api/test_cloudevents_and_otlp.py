"""CloudEvents and OTLP over HTTP, sent by their real SDKs to a service that listens, and by hand to what refuses."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from doors import LOCAL, bearer, directory, key, rules
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_requests import logs, span, traces
from running_api import running
from source_doors import Door

from api.app import create_app
from api.routes.live import EVENTS_BYTES
from api.routes.otlp import OTLP_BYTES
from ingest.otlp.unfolding import MAX_RECORDS
from ingest.sources.delivery import SourceStopped
from ingest.sources.refused import REFUSED
from kernel.access import Grant, Role
from kernel.clock import FixedClock
from kernel.errors import SpoolFull
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.warehouse import Warehouse
from mining.view import Views

BEARER = bearer(LOCAL)
EVENTS = "/api/v1/sources/pipe/cloudevents"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
STRUCTURED = {"Content-Type": "application/cloudevents+json"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}
PLAIN = {"id": "A-1", "source": "/shop", "type": "order.placed", "specversion": "1.0"}


@pytest.fixture(scope="module")
def people(clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("people"), clock) as opened:
        yield opened


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    return Door(tmp_path_factory.mktemp("home"), {("pipe", "cloudevents"): object(), ("apps", "otlp"): object()})


@pytest.fixture(scope="module")
def url(
    warehouse: Warehouse, clock: FixedClock, people: Directory, door: Door, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    home = tmp_path_factory.mktemp("views")
    views = Views(warehouse, "sent", Processes(home, "sent"))
    found = rules(people, open_house=False)
    app = create_app(views, clock, found, upload_folder=home / "uploads", sources=door, machine_clock=clock)
    with running(app) as address:
        yield address


@pytest.fixture
def client(url: str, door: Door) -> Iterator[httpx.Client]:
    door.inlets.clear()
    door.limits.clear()
    with httpx.Client(base_url=url, trust_env=False, headers=BEARER) as opened:
        yield opened


def is_problem(answer: httpx.Response, status: int, reason: str) -> None:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["type"] == f"urn:gembascope:problem:{reason}"


# CloudEvents -------------------------------------------------------------------------------------------------


def test_what_the_sdk_sends_arrives_in_each_mode(client: httpx.Client, door: Door) -> None:
    attributes = {"id": "A-1", "source": "/shop", "type": "order.placed", "subject": "Köln"}
    event = CloudEvent({**attributes, "datacontenttype": "application/json"}, {"total": 12.5})
    for message in (to_structured_event(event), to_binary_event(event)):
        answer = client.post(EVENTS, headers=message.headers, content=message.body)
        assert answer.status_code == 202
        assert answer.json() == {"received": 1, "accepted": 1, "quarantined": 0, "repeated": 0, "reasons": []}
    texts = [to_structured_event(event).body, b'{"id": "lost"}', to_structured_event(event).body]
    answer = client.post(EVENTS, headers=BATCH, content=b"[" + b",".join(texts) + b"]")
    assert (answer.status_code, answer.json()["accepted"], answer.json()["quarantined"]) == (202, 2, 1)
    assert answer.json()["reasons"] == ["specversion: is missing"]
    taken = door.at("pipe").taken
    assert taken[3].body == b'{"id": "lost"}'
    said = [json.loads(one.body) for one in taken if REFUSED not in one.headers]
    assert len(said) == 4
    assert all((one["subject"], one["data"]) == ("Köln", {"total": 12.5}) for one in said)
    assert {(one.key, one.unique_id) for one in taken if REFUSED not in one.headers} == {("/shop A-1", "")}


def test_packed_and_bounded(client: httpx.Client, door: Door) -> None:
    body = json.dumps(PLAIN).encode()
    zstd = pa.Codec("zstd")
    for encoding, packed in (("gzip", gzip.compress(body)), ("zstd", zstd.compress(body, asbytes=True))):
        headers = STRUCTURED | {"Content-Encoding": encoding}
        assert client.post(EVENTS, headers=headers, content=packed).status_code == 202
        is_problem(client.post(EVENTS, headers=headers, content=packed[:-4]), 422, "input")
        is_problem(client.post(EVENTS, headers=headers, content=body), 422, "input")
    bomb = zstd.compress(bytes(EVENTS_BYTES + 1), asbytes=True)
    is_problem(client.post(EVENTS, headers=STRUCTURED | {"Content-Encoding": "zstd"}, content=bomb), 413, "too_large")
    is_problem(client.post(EVENTS, headers=STRUCTURED | {"Content-Encoding": "br"}, content=body), 415, "http")
    assert len(door.at("pipe").taken) == 2


def test_what_is_no_cloudevent_is_told_so(client: httpx.Client, door: Door) -> None:
    for content, headers in ((b"[]", STRUCTURED), (b"{}", BATCH), (b"\xff", BATCH), (b"nothing", STRUCTURED)):
        is_problem(client.post(EVENTS, headers=headers, content=content), 422, "input")
    is_problem(client.post(EVENTS, json=PLAIN), 415, "http")
    is_problem(client.post(EVENTS, headers={"Content-Type": "application/cloudevents+avro"}, content=b"x"), 415, "http")
    assert client.post(EVENTS, headers=BATCH, content=b"[]").json()["received"] == 0
    assert door.at("pipe").taken == []


@pytest.mark.parametrize("source", ["none", "apps"])
def test_a_source_that_is_not_there_is_told_so(client: httpx.Client, source: str) -> None:
    is_problem(client.post(f"/api/v1/sources/{source}/cloudevents", headers=STRUCTURED, json=PLAIN), 404, "not_found")


def test_limits_and_what_cannot_be_kept_now(client: httpx.Client, door: Door) -> None:
    body = json.dumps(PLAIN).encode()
    for error in (SpoolFull("full"), SourceStopped("stopped")):
        door.at("pipe").failing = error
        answer = client.post(EVENTS, headers=STRUCTURED, content=body)
        is_problem(answer, 503, error.reason)
        assert answer.headers["retry-after"] == "1"
    door.at("pipe").failing = None
    door.limits["pipe"] = 2
    statuses = [client.post(EVENTS, headers=STRUCTURED, content=body).status_code for _ in range(3)]
    assert statuses == [202, 202, 429]
    assert client.post(EVENTS, headers=STRUCTURED, content=body).headers["retry-after"] == "30"


@pytest.mark.parametrize("path", [EVENTS, "/otlp/apps/v1/traces", "/otlp/apps/v1/logs"])
def test_who_may_send(url: str, people: Directory, door: Door, path: str) -> None:
    door.limits.clear()
    with httpx.Client(base_url=url, trust_env=False) as nobody:
        headers = PROTOBUF if path != EVENTS else BATCH
        content = b"" if path != EVENTS else b"[]"
        assert nobody.post(path, headers=headers, content=content).status_code == 401
        for grant in (Grant(Role.VIEWER), Grant(Role.ANALYST), Grant(Role.OPERATOR, "returns")):
            shown = bearer(key(people, grant)) | headers
            assert nobody.post(path, headers=shown, content=content).status_code == 403
        shown = bearer(key(people, Role.OPERATOR)) | headers
        assert nobody.post(path, headers=shown, content=content).status_code in (200, 202)


# OTLP --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_of_the_sdk_arrive(url: str, client: httpx.Client, door: Door, compression: Compression) -> None:
    exporter = OTLPSpanExporter(f"{url}/otlp/apps/v1/traces", headers=BEARER, compression=compression, timeout=10)
    provider = TracerProvider(resource=Resource({"service.name": "checkout"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("shop", "2.0")
    with (
        tracer.start_as_current_span("order", attributes={"order": "A-1", "lines": [1, 2]}) as outer,
        tracer.start_as_current_span("charge") as inner,
    ):
        inner.add_event("declined", {"code": 51})
    provider.shutdown()
    said = [json.loads(one.body) for one in door.at("apps").taken]
    assert [one["span"]["name"] for one in said] == ["charge", "order"]
    assert said[0]["span"]["parentSpanId"] == f"{outer.get_span_context().span_id:016x}"
    assert said[0]["span"]["traceId"] == f"{outer.get_span_context().trace_id:032x}"
    assert said[0]["span"]["events"][0]["attributes"] == {"code": 51}
    assert said[1]["span"]["attributes"] == {"order": "A-1", "lines": [1, 2]}
    assert said[1]["resource"]["service.name"] == "checkout"
    assert (said[1]["scope"]["name"], said[1]["scope"]["version"]) == ("shop", "2.0")


def test_log_records_of_the_sdk_arrive(url: str, client: httpx.Client, door: Door) -> None:
    exporter = OTLPLogExporter(f"{url}/otlp/apps/v1/logs", headers=BEARER, timeout=10)
    provider = LoggerProvider(resource=Resource({"service.name": "checkout"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("shop").emit(body={"order": "A-1"}, severity_text="WARN", attributes={"n": 1.5})
    provider.shutdown()
    (taken,) = door.at("apps").taken
    said = json.loads(taken.body)["log"]
    assert (said["body"], said["severityText"], said["attributes"]) == ({"order": "A-1"}, "WARN", {"n": 1.5})


def test_real_requests_in_json(client: httpx.Client, door: Door, data_dir: Path) -> None:
    for signal, file in (("traces", "trace.json"), ("logs", "logs.json")):
        body = (data_dir / "payloads" / "otlp" / file).read_bytes()
        answer = client.post(
            f"/otlp/apps/v1/{signal}", headers={"Content-Type": "application/json; charset=utf-8"}, content=body
        )
        assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", {})
    assert len(door.at("apps").taken) == 2


def test_what_is_rejected_is_told_in_the_encoding_that_was_used(client: httpx.Client, door: Door) -> None:
    request = traces(span(1), span(2, trace_id=b""), span(3))
    answer = client.post("/otlp/apps/v1/traces", headers=PROTOBUF, content=request.SerializeToString())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (partial.rejected_spans, partial.error_message) == (1, "traceId: is not 16 bytes that are not all zero")
    answer = client.post(
        "/otlp/apps/v1/logs", json={"resourceLogs": [{"scopeLogs": [{"logRecords": [7, {"body": {}}]}]}]}
    )
    assert answer.json() == {"partialSuccess": {"rejectedLogRecords": "1", "errorMessage": "expected a JSON object"}}
    for content in (b"", logs().SerializeToString()):
        answer = client.post("/otlp/apps/v1/logs", headers=PROTOBUF, content=content)
        assert (answer.status_code, ExportLogsServiceResponse.FromString(answer.content)) == (
            200,
            ExportLogsServiceResponse(),
        )
    assert len(door.at("apps").taken) == 5


def failed(answer: httpx.Response, status: int, code: int) -> str:
    """The message of an answer that is a google.rpc.Status."""
    assert answer.status_code == status, answer.text
    if answer.headers["content-type"] == "application/json":
        assert answer.json()["code"] == code
        return str(answer.json()["message"])
    assert answer.headers["content-type"] == "application/x-protobuf"
    found = Status.FromString(answer.content)
    assert found.code == code
    return str(found.message)


def test_what_cannot_be_taken_is_a_status(client: httpx.Client, door: Door) -> None:
    path, json_type = "/otlp/apps/v1/traces", {"Content-Type": "application/json"}
    right = traces(span(1)).SerializeToString()
    for headers in (PROTOBUF, json_type):
        assert "no export request" in failed(client.post(path, headers=headers, content=b"\xff"), 400, 3)
        assert failed(client.post("/otlp/none/v1/traces", headers=headers, content=b"{}"), 404, 5)
        packed = headers | {"Content-Encoding": "gzip"}
        assert "gzip" in failed(client.post(path, headers=packed, content=b"{}"), 400, 3)
        failed(client.post(path, headers=packed, content=gzip.compress(bytes(OTLP_BYTES + 1))), 413, 8)
        failed(client.post(path, headers=headers | {"Content-Encoding": "deflate"}, content=right), 415, 3)
    many = b"\x0a\x00" * (MAX_RECORDS + 1)
    assert "send them in several" in failed(client.post(path, headers=PROTOBUF, content=many), 413, 8)
    failed(client.post(path, headers={"Content-Type": "text/plain"}, content=right), 415, 3)
    for error in (SpoolFull("full"), SourceStopped("stopped")):
        door.at("apps").failing = error
        answer = client.post(path, headers=PROTOBUF, content=right)
        assert failed(answer, 503, 14) == str(error)
        assert answer.headers["retry-after"] == "1"
    door.at("apps").failing = None
    door.limits["apps"] = 1
    assert client.post(path, headers=PROTOBUF, content=right).status_code == 200
    answer = client.post(path, headers=PROTOBUF, content=right)
    failed(answer, 429, 8)
    assert answer.headers["retry-after"] == "60"
    assert len(door.at("apps").taken) == 1


def test_zstd_from_a_collector(client: httpx.Client, door: Door) -> None:
    packed: Any = pa.Codec("zstd").compress(traces(span(1)).SerializeToString(), asbytes=True)
    answer = client.post("/otlp/apps/v1/traces", headers=PROTOBUF | {"Content-Encoding": "zstd"}, content=packed)
    assert (answer.status_code, len(door.at("apps").taken)) == (200, 1)
