"""Events as senders send them, for tests of what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

SENDER = "shop"


def event(number: int | str, **more: Any) -> dict[str, Any]:
    """An event of the return R and its number's last digit."""
    digit = str(number)[-1]
    plain = {
        "id": f"e{number}",
        "activity": "Return requested",
        "occurred_at": f"2026-02-0{1 + int(digit) % 9 if digit.isdigit() else 1}T10:00:00Z",
        "objects": [{"type": "return", "id": f"R{digit}"}],
    }
    return plain | more


def body(*events: Any) -> bytes:
    return msgspec.json.encode(list(events))


def numbered(numbers: Iterable[int], **more: Any) -> bytes:
    return body(*(event(number, **more) for number in numbers))
