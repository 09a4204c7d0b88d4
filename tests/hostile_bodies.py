"""Bodies that no sender means to send: what was recorded of a system, with something in it that breaks what reads it
without care."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from ingest.mappings.pack import SHIPPED

MARK = "\u2603here\u2603"
ALMOST_JSON = (
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"1e-400", b"9" * 5_000, b"9" * 400, b"9223372036854775808", b"-1", b"0.1",
    b"1e300", b"null", b"true", b"[]", b"{}", b'""', b"[[[]]]", b'{"a": 1, "a": 2}', b"[null, {}, 0]", b"",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\x00"', b'"\xff"', b'"\\ud83d\\ude00"', b'"\xef\xbb\xbf"',
    b"[" * 400 + b"]" * 400, b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b'"' + b"x" * 70_000 + b'"',
    b'"0000-00-00"', b'"9999-12-31T23:59:59.999Z"', b'"0001-01-01T00:00:00+23:59"', b'"2026-02-30T10:00:00Z"',
    b'"2026-03-23T10:00:60Z"', b'"1e400"', b'"9999999999999999999999"', b'"NaN"', b"1e15", b"253402300800",
    b"-62135596801", b'"\\r\\n\\t\\u2028\\u202e"', b'"{\\"a\\": NaN}"', b'"[[1,2,3,4]]"', b'"order:,:,customer"',
)  # fmt: skip
"""In place of a value of JSON."""
BYTES = (
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r", b"\n\n", b'"', b"'", b"|", b"+", b":", b"?", b",",
    b"[" * 50_000, b"\xf0\x9f\x98\x80", b"9" * 5_000, b"UNA:+.? '", b"\x1a", b"{}", b"\\ud800",
)  # fmt: skip
"""Anywhere in a body."""
HEADERS = (b"", b"\xff\xfe", b"\xe2\x80\xa8", b"[" * 500, b"x" * 5_000, b"null", b"2026-02-30T10:00:00Z", b"1e400")
"""In place of what a header says: what HTTP lets pass."""
WHOLE = (b"", b" ", b" 1\n", b"\x00", b"\xff", *ALMOST_JSON)
"""In place of a whole body."""

_nested = st.builds(
    lambda depth, inner: b"[" * depth + inner + b"]" * depth,
    st.integers(900, 1_000),
    st.sampled_from((b"1", b'"\\u0000"', b'"\\ud800"')),
)
"""About as deep as can just be read."""
_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc"]))
)
_anything = st.recursive(
    _leaves, lambda some: st.lists(some, max_size=4) | st.dictionaries(st.text(), some, max_size=4)
)


class Recorded(NamedTuple):
    """A delivery that a pack is proven by."""

    body: bytes
    headers: Mapping[str, bytes]


@cache
def recorded(pack: str) -> list[Recorded]:
    found = []
    for path in sorted((SHIPPED / pack).glob("*.json")):
        for one in json.loads(path.read_text())["deliveries"]:
            body = one["body"].encode() if "body" in one else b64decode(one["body_base64"])
            found.append(Recorded(body, {name: value.encode() for name, value in one.get("headers", {}).items()}))
    return found


@st.composite
def hostile(draw: st.DrawFn, pack: str) -> Recorded:
    """A body for a pack, with the headers that such a body has or should not have."""
    one = draw(st.sampled_from(recorded(pack)))
    how = draw(st.sampled_from(["spoilt", "spoilt", "spoilt", "spliced", "anything", "as it was"]))
    body = one.body
    if how == "spoilt":
        body = draw(_spoilt(body))
    if how == "spliced" or (how == "spoilt" and body == one.body):
        for _ in range(draw(st.integers(1, 2))):
            at = draw(st.integers(0, len(body)))
            body = body[:at] + draw(st.sampled_from(BYTES)) + body[at + draw(st.sampled_from((0, 0, 1, 20))) :]
    elif how == "anything":
        body = draw(st.builds(json.dumps, _anything).map(str.encode) | st.binary(max_size=40) | _nested)
    headers = dict(one.headers)
    if draw(st.integers(0, 4)) == 0:
        headers[draw(st.sampled_from((*headers, "content-type", "content-encoding")))] = draw(st.sampled_from(HEADERS))
    return Recorded(body, headers)


@st.composite
def _spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """The JSON of a body with one or two of its values, or of its names, as no value should be; as it was if none."""
    try:
        found = json.loads(body)
    except ValueError:
        return body
    for _ in range(draw(st.integers(1, 2))):
        holders = list(_holders(found))
        if not holders:
            break
        holder, name = draw(st.sampled_from(holders))
        if isinstance(holder, dict) and draw(st.integers(0, 5)) == 0:
            holder[draw(st.sampled_from((MARK, "", "\0", "\ud800", "x" * 5_000, "a.b[0]")))] = holder.pop(name)
        else:
            holder[name] = MARK
    text = json.dumps(found).encode()
    return text.replace(json.dumps(MARK).encode(), draw(st.sampled_from(ALMOST_JSON) | _nested))


def _holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where values are: the object or array, and the name or number there."""
    if isinstance(value, dict | list):
        for name, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, name
            yield from _holders(inner)
