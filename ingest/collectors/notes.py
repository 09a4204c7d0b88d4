"""What people should know of a collector that runs: its sender does not keep as well as it says, a file is bad."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("gembascope.collectors")
MOST = 50
MOST_CHARACTERS = 500


class Notes:
    """Notes by what they are about, 50 at most. Each is logged when it is new or says something else. Safe to use from
    several threads. Never give it a secret."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self._lock = threading.Lock()
        self._by_subject: dict[str, str] = {}

    def set(self, subject: str, note: str) -> None:
        note = note[:MOST_CHARACTERS]
        with self._lock:
            known = self._by_subject.pop(subject, None)
            self._by_subject[subject] = note
            while len(self._by_subject) > MOST:
                self._by_subject.pop(next(iter(self._by_subject)))
        if note != known:
            log.warning("source %s: %s", self.source, note)

    def drop(self, subject: str) -> None:
        """It is so no longer."""
        with self._lock:
            self._by_subject.pop(subject, None)

    def all(self) -> tuple[str, ...]:
        """The oldest first."""
        with self._lock:
            return tuple(self._by_subject.values())
