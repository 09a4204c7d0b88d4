"""What a sender of OTLP is told, in the encoding that it speaks."""

from __future__ import annotations

import json
from enum import IntEnum

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.otlp.unfolding import OtlpEncoding, Signal

MEDIA_TYPES: dict[str, OtlpEncoding] = {"application/x-protobuf": "protobuf", "application/json": "json"}
"""In which both ask and are answered."""


class Code(IntEnum):
    """google.rpc.Code, those that are used."""

    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNAVAILABLE = 14


def export_response(signal: Signal, encoding: OtlpEncoding, rejected: int = 0, message: str = "") -> bytes:
    """An Export…ServiceResponse: with `partialSuccess` where records were rejected, which are not to be sent again."""
    if encoding == "json":
        name = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
        partial = {"partialSuccess": {name: str(rejected), "errorMessage": message}} if rejected else {}
        return json.dumps(partial).encode()
    if signal == "traces":
        traces = ExportTraceServiceResponse()
        if rejected:
            traces.partial_success.rejected_spans, traces.partial_success.error_message = rejected, message
        return bytes(traces.SerializeToString())
    logs = ExportLogsServiceResponse()
    if rejected:
        logs.partial_success.rejected_log_records, logs.partial_success.error_message = rejected, message
    return bytes(logs.SerializeToString())


def status(encoding: OtlpEncoding, code: Code, message: str) -> bytes:
    """A google.rpc.Status. Its class is in a package of its own; its two fields are written here."""
    if encoding == "json":
        return json.dumps({"code": int(code), "message": message}).encode()
    text = message.encode("utf-8", "replace")[:4_000].decode("utf-8", "ignore").encode()
    return b"\x08" + bytes([code]) + b"\x12" + _varint(len(text)) + text


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(0x80 | (value & 0x7F))
        value >>= 7
    return bytes([*written, value])
