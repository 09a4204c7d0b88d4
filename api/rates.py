"""How often anyone may ask: token buckets in memory, one per client address or credential.

A bucket holds what may be asked at once and is filled up evenly. Each process of the service counts for itself. So
that memory is bounded, at most `most` are kept and the one used longest ago is forgotten: whoever asks from more
addresses than that within a minute is not held back by them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from kernel.access import Principal
from kernel.clock import Clock
from kernel.errors import TooManyRequests

MOST = 10_000
"""Buckets of one kind: about two megabytes."""


class Buckets:
    """Buckets of `per_minute` tokens, filled up within a minute."""

    def __init__(self, clock: Clock, per_minute: int, most: int = MOST) -> None:
        self._clock, self._per_minute, self._most = clock, per_minute, most
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take one token: 0 when there was one, else the seconds until there is. A clock set back fills none."""
        now = self._clock.now()
        with self._lock:
            tokens, at = self._held.pop(name, (float(self._per_minute), now))
            filled = max(0.0, (now - at).total_seconds()) * self._per_minute / 60
            tokens = min(float(self._per_minute), tokens + filled)
            allowed = tokens >= 1
            self._held[name] = (tokens - 1 if allowed else tokens, now)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * 60 / self._per_minute

    def give_back(self, name: str) -> None:
        """Put a token back that was taken for nothing."""
        with self._lock:
            tokens, at = self._held.pop(name, (float(self._per_minute), self._clock.now()))
            self._held[name] = (min(float(self._per_minute), tokens + 1), at)

    def __len__(self) -> int:
        return len(self._held)


@dataclass(frozen=True, slots=True)
class Rates:
    """What is counted: forms of signing in per client address, requests per person or key (of visitors to an open house
    per client address), and per client address those of whoever shows no right credential. Commands of this machine
    are not counted: who gives them owns the service."""

    sign_ins: Buckets
    requests: Buckets
    strangers: Buckets

    def sign_in(self, address: str) -> None:
        """Count a form of signing in, setting a password or signing out; `TooManyRequests` when there were too many."""
        _take(self.sign_ins, address, "forms were sent from this address")

    def request(self, principal: Principal | None, address: str) -> None:
        """Count a request of a principal, None for a stranger; `TooManyRequests` when there were too many."""
        if principal is None:
            _take(self.strangers, address, "requests came from this address")
        elif principal.kind != "local":
            name = address if principal.kind == "anonymous" else principal.id
            _take(self.requests, f"{principal.kind} {name}", "requests came from you")

    def no_stranger(self, address: str) -> None:
        """What was counted as a stranger's turned out to be signed by somebody who is known."""
        self.strangers.give_back(address)


class SourceRates:
    """What each source sends, by the limit of its own definition."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._buckets = clock, dict[int, Buckets]()  # by limit: there are few

    def count(self, source: str, per_minute: int | None) -> None:
        """Count a request; `TooManyRequests` when there were too many. None: no limit."""
        if per_minute is not None:
            buckets = self._buckets.setdefault(per_minute, Buckets(self._clock, per_minute))
            _take(buckets, source, "requests came of this source")


def _take(buckets: Buckets, name: str, what: str) -> None:
    wait_s = ceil(buckets.take(name))
    if wait_s:
        raise TooManyRequests(f"too many {what}; the next is answered in {wait_s} s", after_s=wait_s)
