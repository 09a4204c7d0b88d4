"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import random
from collections.abc import Callable

LEAST_S, MOST_S = 1.0, 60.0


class Backoff:
    """Pauses that grow twofold, each drawn by chance between the least and its bound, so that many who failed together
    do not come back together."""

    def __init__(
        self, *, least_s: float = LEAST_S, most_s: float = MOST_S, chance: Callable[[], float] = random.random
    ) -> None:
        """`chance`: from 0 to 1."""
        self._least_s, self._most_s, self._chance = least_s, most_s, chance
        self._failures = 0

    def next_s(self) -> float:
        """The next pause, seconds."""
        self._failures += 1
        # The exponent is bounded too: after a weekend of failures the power would be no float any more.
        bound_s = min(self._most_s, self._least_s * 2.0 ** min(self._failures, 32))
        return self._least_s + (bound_s - self._least_s) * self._chance()

    def reset(self) -> None:
        self._failures = 0
