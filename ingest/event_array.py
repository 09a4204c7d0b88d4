"""The array of a request taken apart: events, and what is none, each as it was sent.

Lines (NDJSON) are taken apart here too: a body that begins with LINES holds one value in each line, and what is wrong
with one line never concerns another. Lines that are blank are none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ingest.event_form import MAX_DEPTH, MAX_EVENTS, MAX_SOURCE, Event, Refused, Unfit
from kernel.errors import InputError

LINES = b"\x1e"
"""Before a body that is lines and no array; no JSON begins like this, and stripping blanks leaves it where it is."""

_whole = msgspec.json.Decoder(list[Event])
_single = msgspec.json.Decoder(Event)


def decoded(body: bytes) -> Iterator[tuple[int, Event | None, Refused | None]]:
    """Each event, or why it is none; at once where all are, else one by one."""
    if body.startswith(LINES):
        yield from _decoded_lines(body)
        return
    try:
        events = _whole.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        events = None
    if events is not None:
        _check_count(len(events))
        yield from ((index, event, None) for index, event in enumerate(events))
        return
    for index, (text, value, finite) in enumerate(pieces(body)):
        yield _event_or_refused(index, text, value, finite=finite)


def _decoded_lines(body: bytes) -> Iterator[tuple[int, Event | None, Refused | None]]:
    for index, line in enumerate(_lines(body)):
        try:
            yield index, _single.decode(line), None
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            try:
                text, value, finite = _piece_of_line(line)
            except Unfit as error:
                yield index, None, Refused(index, "", "", str(error), line)
            else:
                yield _event_or_refused(index, text, value, finite=finite)


def _event_or_refused(index: int, text: str, value: Any, *, finite: bool) -> tuple[int, Event | None, Refused | None]:
    try:
        return index, _one(text, value, finite=finite), None
    except Unfit as error:
        return index, None, Refused(index, _text_of(value, "id"), _text_of(value, "source"), str(error), text.encode())


def _one(text: str, value: Any, *, finite: bool) -> Event:
    if not finite:
        raise Unfit("NaN and infinities are no numbers")
    try:
        return _single.decode(text)
    except msgspec.ValidationError as error:
        raise Unfit(str(error)) from None
    except RecursionError:
        raise Unfit(f"values are nested more than {MAX_DEPTH} deep") from None
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Unfit(_unreadable(value)) from None


def _unreadable(value: Any) -> str:
    """Why msgspec cannot read what Python can."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "text holds half of a surrogate pair"
    except RecursionError:  # what writes goes less deep than what reads
        return f"values are nested more than {MAX_DEPTH} deep"
    return "this is not JSON"


def pieces(body: bytes) -> list[tuple[str, Any, bool]]:
    """The elements of the array, or the lines: text, value (numbers aside; None of a line that is no JSON), and whether
    it is free of NaN and infinities."""
    if body.startswith(LINES):
        return [_text_of_line(line) for line in _lines(body)]
    strange: list[str] = []
    decoder = json.JSONDecoder(parse_int=lambda _: 0, parse_float=lambda _: 0.0, parse_constant=strange.append)
    blank = re.compile(r"[ \t\n\r]*").match
    found: list[tuple[str, Any, bool]] = []

    def skip(position: int) -> int:
        matched = blank(text, position)
        return matched.end() if matched is not None else position

    try:
        text = body.decode()
        if not text.startswith("["):
            raise InputError("expected a JSON array of events")
        position = skip(1)
        while text[position : position + 1] != "]" or found:
            value, end = decoder.raw_decode(text, position)
            found.append((text[position:end], value, not strange))
            strange.clear()
            _check_count(len(found))
            position = skip(end)
            if text[position : position + 1] == "]":
                break
            if text[position : position + 1] != ",":
                raise json.JSONDecodeError("expected , or ]", text, position)
            position = skip(position + 1)
        if skip(position + 1) != len(text):
            raise json.JSONDecodeError("something follows the array", text, position + 1)
    except UnicodeDecodeError as error:
        raise InputError(f"the body is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise InputError("the body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InputError(f"the body is not a JSON array: {error.msg} (character {error.pos})") from None
    return found


def _lines(body: bytes) -> list[bytes]:
    """The lines that are not blank, without the blanks around them."""
    found = [line for line in map(bytes.strip, body[len(LINES) :].split(b"\n")) if line]
    _check_count(len(found))
    return found


def _piece_of_line(line: bytes) -> tuple[str, Any, bool]:
    """As one of `pieces`; `Unfit` when the line is no JSON."""
    strange: list[str] = []
    try:
        value = json.loads(
            line.decode(), parse_int=lambda _: 0, parse_float=lambda _: 0.0, parse_constant=strange.append
        )
    except UnicodeDecodeError as error:
        raise Unfit(f"the line is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise Unfit(f"values are nested more than {MAX_DEPTH} deep") from None
    except json.JSONDecodeError as error:
        raise Unfit(f"the line is not JSON: {error.msg} (character {error.pos})") from None
    return line.decode(), value, not strange


def _text_of_line(line: bytes) -> tuple[str, Any, bool]:
    try:
        return _piece_of_line(line)
    except Unfit:
        return _shown(line), None, True


def _shown(line: bytes) -> str:
    """A line as text; of bytes that are none their numbers."""
    return line.decode(errors="backslashreplace")


def _check_count(count: int) -> None:
    if count > MAX_EVENTS:
        raise InputError(f"a request has at most {MAX_EVENTS:,} events; send them in several")


def _text_of(value: Any, name: str) -> str:
    """A text of an event that is none, as far as it can be told; "" else."""
    found = value.get(name, "") if isinstance(value, dict) else ""
    if not isinstance(found, str) or len(found) > MAX_SOURCE or not found.isprintable():
        return ""
    return found
