"""How much the costly laws try: many an example of theirs is several loads.

GEMBASCOPE_TEST_DEPTH multiplies it: 1 is what everyone can wait for, more is for a change of what a law is about, and
less for asking the same again of another engine.
"""

from __future__ import annotations

import os

DEPTH = float(os.environ.get("GEMBASCOPE_TEST_DEPTH", "1"))


def examples(count: int) -> int:
    """As `max_examples` of a law whose examples take long."""
    return max(1, round(count * DEPTH))
