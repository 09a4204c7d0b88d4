"""Requests that no well-meaning sender makes: each is told what is wrong with it, and the next one is served."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from faults.pipeline import Pipeline

SOURCE = "hostile"


@dataclass(frozen=True, slots=True)
class Bad:
    name: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def bad_inputs() -> Iterator[Bad]:
    gzipped = {"Content-Encoding": "gzip"}
    good = {"id": "x", "activity": "A", "occurred_at": "2026-01-01T00:00:00Z"}
    yield Bad("a gzip bomb", gzip.compress(b" " * (200 << 20), 9), gzipped)
    yield Bad("no gzip", b"[]", gzipped)
    yield Bad("half a gzip", gzip.compress(json.dumps([good]).encode())[:-4], gzipped)
    yield Bad("another encoding", zlib.compress(b"[]"), {"Content-Encoding": "deflate"})
    yield Bad("deep lists", b"[" * 100_000 + b"]" * 100_000)
    yield Bad("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000)
    yield Bad("deep attributes", _with(good, b'{"a":' * 5_000 + b"1" + b"}" * 5_000))
    yield Bad("not a number", _with(good, b'{"a":NaN}'))
    yield Bad("infinity", _with(good, b'{"a":-Infinity}'))
    yield Bad("a number beyond all", _with(good, b'{"a":1e400}'))
    yield Bad("a number without end", _with(good, b'{"a":' + b"9" * 100_000 + b"}"))
    yield Bad("half a surrogate pair", _with(good, rb'{"a":"\ud800"}'))
    yield Bad("a text of ten million", _with(good, b'{"a":"' + b"x" * 10_000_000 + b'"}'))
    yield Bad("more than a request may have", b"[" + b" " * (17 << 20) + b"]")
    yield Bad("a time without an offset", _of(good, occurred_at="2026-01-01T00:00:00"))
    yield Bad("a time that is none", _of(good, occurred_at="2026-02-30T00:00:00Z"))
    yield Bad("a time long ago", _of(good, occurred_at="0001-01-01T00:00:00+23:59"))
    yield Bad("a name twice", b'[{"id":"x","id":"y","activity":"A","occurred_at":7}]')
    yield Bad("what is not UTF-8", b'[{"id":"\xff\xfe","activity":"A"}]')
    yield Bad("a NUL", _of(good, actor="a\0b"))
    yield Bad("an unknown field", _of(good, colour="red"))
    yield Bad("no id", _of(good, id=""))
    yield Bad("an amount beyond all", _of(good, value="1e60"))
    yield Bad("a revision below zero", _of(good, revision=-1))
    yield Bad("too many events", b"[" + b",".join([b"1"] * 10_001) + b"]")
    yield Bad("half an array", b'[{"id":"x"')
    yield Bad("two arrays", b"[][]")
    yield Bad("nothing", b"")
    yield Bad("a text", b'"x"')
    yield Bad("a mark of byte order", b"\xef\xbb\xbf[]")


def _of(good: dict[str, Any], **more: Any) -> bytes:
    return json.dumps([good | more]).encode()


def _with(good: dict[str, Any], attributes: bytes) -> bytes:
    return json.dumps([good | {"attributes": "HERE"}]).encode().replace(b'"HERE"', attributes)


def send_bad_inputs(pipeline: Pipeline) -> int:
    """Send each; what is answered wrongly goes to what is strange. How many there were."""
    count = 0
    for bad in bad_inputs():
        count += 1
        try:
            status, said = pipeline.ask("POST", f"/api/v1/events?source={SOURCE}", bad.body, bad.headers)
        except (OSError, HTTPException, ValueError) as error:
            if len(bad.body) <= 16 << 20:  # the answer to what is too long may come before all of it was read
                pipeline.strange.append(f"{bad.name}: no answer ({type(error).__name__})")
            continue
        refused_all = status == 202 and said["accepted"] == 0
        if not (400 <= status < 500 or refused_all):
            pipeline.strange.append(f"{bad.name}: answered {status}: {str(said)[:200]}")
    if pipeline.ask("GET", "/healthz")[0] != 200:
        pipeline.strange.append("the service is not well after bad input")
    return count
