"""Headers of messages as texts: brokers allow much more than that."""

from __future__ import annotations

import base64
import json
from typing import Any

MOST_HEADERS = 100
MOST_CHARACTERS = 2_000


def header_name(name: object) -> str:
    return header_text(name).lower()[:200]


def header_text(value: Any) -> str:
    """The value as text: bytes as UTF-8, or as base64 where they are none; tables and lists as JSON. Longer ones are
    cut."""
    if isinstance(value, str):
        found = value
    elif isinstance(value, bytes | bytearray | memoryview):
        try:
            found = bytes(value).decode()
        except UnicodeDecodeError:
            found = base64.b64encode(bytes(value)).decode()
    elif value is None:
        found = ""
    elif isinstance(value, bool):
        found = "true" if value else "false"
    elif isinstance(value, dict | list):
        found = json.dumps(value, default=header_text, ensure_ascii=False, skipkeys=True)
    elif hasattr(value, "isoformat"):
        found = value.isoformat()
    else:
        found = str(value)
    return found[:MOST_CHARACTERS]
