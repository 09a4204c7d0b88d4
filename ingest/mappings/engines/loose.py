"""Values of documents that may be anything: of another type they count as absent."""

from __future__ import annotations

from typing import Any

MOST_CHARACTERS = 500
"""Of a code or a message of an error that is kept."""


def an_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def a_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def a_text(value: Any) -> str:
    """A text, or a whole number as one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def a_number(value: Any) -> int | None:
    """A whole number, also of text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if isinstance(value, int) else None


def an_error(code: Any, message: Any) -> dict[str, str] | None:
    """The error of a moment; None where nothing is said of one."""
    found = {"code": a_text(code)[:MOST_CHARACTERS], "message": a_text(message)[:MOST_CHARACTERS]}
    return {name: text for name, text in found.items() if text} or None


def without_nothing(moment: dict[str, Any]) -> dict[str, Any]:
    """What a moment says."""
    return {name: value for name, value in moment.items() if value not in (None, "", {}, [])}
