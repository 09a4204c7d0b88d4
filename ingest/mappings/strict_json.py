"""JSON as it is meant to be: what Python's own reader lets pass silently is refused."""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from typing import Any


class NotJson(ValueError):
    """Why a text is not JSON that can be kept."""


def loads(body: bytes) -> Any:
    """The value of a JSON text. `NotJson` for text that is no UTF-8, NaN and infinities, numbers too large to be kept,
    names that come twice in an object, halves of surrogate pairs, and values nested too deeply."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise NotJson(f"this is not UTF-8 text (byte {error.start})") from None
    try:
        found = _decoder.decode(text)
        if "\\ud" in text or "\\uD" in text:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:  # of either: what writes goes less deep than what reads
        raise NotJson("values are nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"this is not JSON: {error.msg} (character {error.pos})") from None
    except UnicodeEncodeError:
        raise NotJson("text holds half of a surrogate pair") from None
    except NotJson:
        raise
    except ValueError:  # of int(): it has more digits than Python reads
        raise NotJson("a whole number has too many digits") from None
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = next(name for name, _ in pairs if counts[name] > 1)
        raise NotJson(f"an object names {twice[:60]!r} twice")
    return found


def _float(text: str) -> float:
    found = float(text)
    if isinf(found):
        raise NotJson(f"the number {text[:60]} is too large")
    return found


def _constant(name: str) -> Any:
    raise NotJson(f"{name} is no number")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)
