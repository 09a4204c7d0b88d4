"""What a scorer or filter has learned, as JSON of a declared shape.

No pickle: reading one runs what its writer wants. JSON is decoded into a declared type, every number is checked by
who uses it, and a file larger than MAX_BYTES is refused unread.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from kernel.errors import UnreadableFile

MAX_BYTES = 64 << 20

State = TypeVar("State", bound=msgspec.Struct)


def write_state(state: msgspec.Struct) -> bytes:
    """The state as JSON; its type is in it by its tag."""
    return msgspec.json.encode(state)


def read_state(data: bytes, kind: type[State]) -> State:
    """The state that `write_state` wrote.

    Raises
    ------
    UnreadableFile
        Larger than MAX_BYTES, no JSON, or JSON of another shape.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableFile(f"learned state: larger than {MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(f"learned state: not one of {kind.__name__}: {error}") from None


def refuse(problem: str) -> None:
    """Raise `UnreadableFile` when there is a problem."""
    if problem:
        raise UnreadableFile(f"learned state: {problem}")
