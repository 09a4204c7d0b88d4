"""What a step may do outside: the boundary between the durable core and the world.

The core knows this protocol only. Everything that is done carries a key: the same key again is the same deed, and a
receiver that keeps keys does it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Result(StrEnum):
    DONE = "done"
    RETRY = "retry"  # it may work later: no answer in time, 429, 5xx
    FAILED = "failed"  # it will not work by itself: refused, not allowed, not understood


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt. `code`: short and from a closed list, for metrics (`timeout`, `http_503`,
    `host_refused`); `detail`: one line for a person, without secrets; `output`: what was answered, as JSON values."""

    result: Result
    code: str = ""
    detail: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a person is told: what, since when, how many, money, deadline, suspect, owner, and where to look."""

    title: str
    text: str
    severity: str
    link: str
    fields: Mapping[str, str] = field(default_factory=dict)


class Effects(Protocol):
    """The ways out. None of these raises for what the other side does; a programming mistake is a ValueError."""

    def call(
        self, connection: str, method: str, path: str, body: Mapping[str, Any] | None, *, key: str, timeout_s: float
    ) -> Outcome:
        """Ask an HTTP service; `path` below the address of the connection."""
        ...

    def trigger(self, connection: str, body: Mapping[str, Any], *, key: str, timeout_s: float) -> Outcome:
        """Start a workflow of an external engine by a signed request."""
        ...

    def notify(self, channel: str, message: Message, *, key: str) -> Outcome:
        """Tell people."""
        ...
