"""Messages of EDIFACT (ISO 9735) taken apart: segments of elements of components, with the usual marks.

A message becomes `{"message": reference, "segments": [{"tag": …, "elements": [[component, …], …]}, …]}`; from UNH to
UNT, in which both name the same reference and UNT counts the segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

RELEASE, COMPONENT, ELEMENT, END = "?", ":", "+", "'"
Segment = dict[str, Any]


def messages(text: str) -> Iterator[tuple[str, Segment | None, str]]:
    """Each message: its text, what it says, and why it cannot be read where it cannot."""
    raw: list[str] = []
    segments: list[Segment] = []
    for one in _segments(text):
        segment = _segment(one)
        if segment["tag"] in ("UNA", "UNB", "UNZ") and not segments:
            continue
        raw.append(one + END)
        segments.append(segment)
        if segment["tag"] == "UNT":
            yield _message("".join(raw), segments)
            raw, segments = [], []
    if raw:
        yield "".join(raw), None, "the message has no end (UNT)"


def _message(raw: str, segments: list[Segment]) -> tuple[str, Segment | None, str]:
    first, last = segments[0], segments[-1]
    reference = _component(first, 0)
    if first["tag"] != "UNH":
        return raw, None, "the message has no beginning (UNH)"
    if _component(last, 0) != str(len(segments)):
        return raw, None, f"the message has {len(segments)} segments, and says {_component(last, 0)[:20]!r}"
    if _component(last, 1) != reference:
        return raw, None, "the message ends as another than it began"
    return raw, {"message": reference, "segments": segments}, ""


def _component(segment: Segment, element: int) -> str:
    elements: list[list[str]] = segment["elements"]
    return elements[element][0] if len(elements) > element else ""


def _segments(text: str) -> Iterator[str]:
    """Texts between the marks of the end of a segment, released marks left as they are."""
    start, position = 0, 0
    while position < len(text):
        mark = text[position]
        if mark == RELEASE:
            position += 2
            continue
        if mark == END:
            if one := text[start:position].strip("\r\n"):
                yield one
            start = position + 1
        position += 1
    if rest := text[start:].strip("\r\n "):
        yield rest


def _segment(text: str) -> Segment:
    parts = [_split(element, COMPONENT) for element in _split(text, ELEMENT)]
    plain = [[_unreleased(one) for one in element] for element in parts]
    return {"tag": plain[0][0], "elements": plain[1:]}


def _split(text: str, mark: str) -> list[str]:
    """The parts between a mark that is not released."""
    found, start, position = [], 0, 0
    while position < len(text):
        if text[position] == RELEASE:
            position += 2
            continue
        if text[position] == mark:
            found.append(text[start:position])
            start = position + 1
        position += 1
    return [*found, text[start:]]


def _unreleased(text: str) -> str:
    found, position = [], 0
    while position < len(text):
        if text[position] == RELEASE:
            position += 1
        found.append(text[position : position + 1])
        position += 1
    return "".join(found)
