"""The outer messages of a request in protobuf, taken apart without decoding the records: those are bytes still.

Decoding all at once would make two bytes a message of a hundred, and one wrong record would be the end of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
RESOURCE, OF_SCOPES = 1, 2
"""Fields of ResourceSpans and ResourceLogs; ScopeSpans and ScopeLogs have theirs under the same numbers."""


@dataclass(frozen=True, slots=True)
class Group:
    """Records of one scope of one resource, each part as it was sent."""

    resource: bytes
    scope: bytes
    records: tuple[bytes, ...]


class TooMany(ValueError):
    """More messages than a request may have."""


def groups(body: bytes, most: int) -> list[Group]:
    """The records of an export request, in their order.

    Raises
    ------
    TooMany
        It has more than `most` messages (resources, scopes and records together).
    ValueError
        It is no such message.
    """
    left = _Counted(most)
    found = []
    for number, start, end in _messages(body, 0, len(body), left):
        if number != 1:
            continue
        of_resource = list(_messages(body, start, end, left))
        resource = _joined(body, of_resource, RESOURCE)
        for inner, scope_start, scope_end in of_resource:
            if inner != OF_SCOPES:
                continue
            of_scope = list(_messages(body, scope_start, scope_end, left))
            records = tuple(body[first:last] for name, first, last in of_scope if name == OF_SCOPES)
            found.append(Group(resource, _joined(body, of_scope, RESOURCE), records))
    return found


def _joined(body: bytes, fields: list[tuple[int, int, int]], number: int) -> bytes:
    """A message that is there several times is all of them one after another."""
    return b"".join(body[start:end] for name, start, end in fields if name == number)


class _Counted:
    def __init__(self, most: int) -> None:
        self._left = most

    def one(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise TooMany


def _messages(body: bytes, start: int, end: int, left: _Counted) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of each field that has a length; the others are passed over."""
    position = start
    while position < end:
        left.one()
        tag, position = _varint(body, position, end)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("a field has the number 0")
        if kind == LENGTH:
            length, position = _varint(body, position, end)
            if length > end - position:
                raise ValueError("a message is longer than what it is in")
            yield number, position, position + length
            position += length
        elif kind == VARINT:
            _, position = _varint(body, position, end)
        elif kind in (FIXED64, FIXED32):
            position += 8 if kind == FIXED64 else 4
            if position > end:
                raise ValueError("a number is cut off")
        else:
            raise ValueError("a field is of no kind that is used")


def _varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 70:
        byte = body[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a number is cut off")
