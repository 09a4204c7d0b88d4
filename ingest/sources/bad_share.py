"""How much of what a source sent lately was bad."""

from __future__ import annotations

import threading
from collections import deque

LATEST = 1_000
"""Records that are looked at."""
LEAST = 100
"""With fewer of them nothing is said: a few bad ones say nothing of the rest."""


class BadShare:
    """The share of bad records among the latest ones."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._takes: deque[tuple[int, int]] = deque()
        self._good = self._bad = 0
        self._lock = threading.Lock()

    def passed(self, good: int, bad: int) -> bool:
        """Count some more records; whether too many of the latest ones are bad."""
        with self._lock:
            self._takes.append((good, bad))
            self._good, self._bad = self._good + good, self._bad + bad
            while len(self._takes) > 1 and self._good + self._bad - sum(self._takes[0]) >= LATEST:
                old_good, old_bad = self._takes.popleft()
                self._good, self._bad = self._good - old_good, self._bad - old_bad
            seen = self._good + self._bad
            return bad > 0 and seen >= LEAST and self._bad > self._most * seen

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._takes.clear()
            self._good = self._bad = 0

    def __str__(self) -> str:
        return f"{self._bad:,} of the latest {self._good + self._bad:,} records"
