"""How much the costly laws try: every example of theirs is several loads.

GEMBASCOPE_TEST_DEPTH multiplies it: 1 is what everyone can wait for, more is for a change of what a law is about, and
less for asking the same again of another engine.
"""

from __future__ import annotations

import os


def examples(count: int) -> int:
    """As `max_examples` of a law of which every example loads."""
    return max(1, round(count * float(os.environ.get("GEMBASCOPE_TEST_DEPTH", "1"))))
