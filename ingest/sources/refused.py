"""How a collector hands over what it sees to be wrong: as it came, with the reason beside it."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.sources.delivery import Delivery

REFUSED = "gembascope-refused"
"""Header of a delivery that no event can be made of; its value says why, in one line. Whoever takes such a delivery
quarantines it with this reason and does not map it."""
LONGEST_REASON = 300


def refused(body: bytes, key: str, reason: str, headers: Mapping[str, str] | None = None) -> Delivery:
    """A delivery of bytes that hold no event. `headers`: what else came with it and should be kept."""
    return Delivery(body, key, {**(headers or {}), REFUSED: one_line(reason)})


def one_line(reason: str) -> str:
    """A reason that may hold what was sent, cut and without control characters."""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in reason)
    return shown if len(shown) <= LONGEST_REASON else f"{shown[: LONGEST_REASON - 1]}…"
