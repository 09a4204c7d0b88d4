"""Sources for tests of the routes that take what they send: a door that knows some, and inlets that remember."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ingest.sources.delivery import Delivery, Inlet, Outcome
from ingest.sources.refused import REFUSED
from kernel.errors import GembascopeError, NotFound
from kernel.secrets import Secrets


class RememberingInlet:
    """Takes deliveries as one event each: quarantined where they are marked, repeated where their id was there."""

    def __init__(self, source: str) -> None:
        self._source, self._lock = source, threading.Lock()
        self.taken: list[Delivery] = []
        self.ids: set[str] = set()
        self.failing: GembascopeError | None = None

    @property
    def source(self) -> str:
        return self._source

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        with self._lock:
            if self.failing is not None:
                raise self.failing
            repeated = [one for one in deliveries if one.unique_id in self.ids]
            wrong = [one.headers[REFUSED] for one in deliveries if REFUSED in one.headers]
            self.taken += [one for one in deliveries if one.unique_id not in self.ids]
            self.ids |= {one.unique_id for one in deliveries if one.unique_id}
            accepted = len(deliveries) - len(repeated) - len(wrong)
            return Outcome(len(deliveries), accepted, len(wrong), len(repeated), reasons=tuple(wrong[:20]))

    def take_each(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        return [self.take([one]) for one in deliveries]

    def place(self) -> str:
        return ""


@dataclass
class Door:
    """Sources by name and kind, with their settings; `limits` by name."""

    home: Path
    known: dict[tuple[str, str], object]
    environ: Mapping[str, str] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    inlets: dict[str, RememberingInlet] = field(default_factory=dict)

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.home, self.environ)

    def inlet(self, source: str, kind: str) -> Inlet:
        self.settings(source, kind)
        return self.at(source)

    def at(self, source: str) -> RememberingInlet:
        """The inlet of a source, for a look at it."""
        return self.inlets.setdefault(source, RememberingInlet(source))

    def settings(self, source: str, kind: str) -> object:
        if (source, kind) not in self.known:
            raise NotFound("there is no such source")
        return self.known[source, kind]

    def requests_per_minute(self, source: str, kind: str) -> int | None:
        self.settings(source, kind)
        return self.limits.get(source)
