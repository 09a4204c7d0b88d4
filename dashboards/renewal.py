"""Pages that renew themselves: the browser is sent what it shows already only when somebody asked for it.

Whoever reads, types or has opened a detail is left alone while nothing changes, and the browser has nothing to draw.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, cast

from dash import no_update
from plotly.io.json import to_json_plotly

from dashboards.layout import Children


def fingerprint(shown: Children) -> str:
    """The same for what looks the same."""
    text = cast(str, to_json_plotly(shown))
    return sha256(text.encode()).hexdigest()[:24]


def unless_same(shown: Children, before: str | None, *, by_itself: bool) -> tuple[Any, Any]:
    """What to show, and its fingerprint; nothing of both where a page that renews itself (`by_itself`) shows this
    already."""
    now = fingerprint(shown)
    return (no_update, no_update) if by_itself and now == before else (shown, now)
