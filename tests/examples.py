"""How much the costly laws try: every example of theirs is several loads.

GEMBASCOPE_TEST_DEPTH multiplies it: 1 is what everyone can wait for, more is for a change of what a law is about, and
less for asking the same again of another engine.
"""

from __future__ import annotations

import os

DEPTH = float(os.environ.get("GEMBASCOPE_TEST_DEPTH", "1"))


def examples(count: int) -> int:
    """As `max_examples` of a law of which every example loads."""
    return max(1, round(count * DEPTH))


def stride(every: int) -> int:
    """Of places at which something is killed, the how-manyth are tried: at less than half of the depth a quarter
    of them."""
    return every if DEPTH >= 0.5 else 4 * every
