"""What a collector hands over, and what takes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Protocol

from kernel.errors import StateError


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message of a source, as it came. It may hold several events, or none."""

    body: bytes
    key: str
    """Where it is from, the same whenever it is handed over again: `orders/3/1742` of a topic, a partition and an
    offset; the path and line of a file; the key of a row. Shown in the quarantine."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What came with it, by names in small letters: of HTTP those that a pack may ask for, never a credential; of a
    broker those of the message."""
    unique_id: str = ""
    """By which its sender knows it again, where it has such an id. Within seven days the same one is taken once, and
    is a duplicate after that."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of deliveries: received = accepted + quarantined + repeated. All of it is on disk."""

    received: int = 0
    """Events; a delivery of which none can be made counts as one."""
    accepted: int = 0
    quarantined: int = 0
    repeated: int = 0
    """Of deliveries whose `unique_id` was there before."""
    ignored: int = 0
    """Deliveries, or parts of them, that the pack passes over by a rule of its own; they are no events."""
    reasons: tuple[str, ...] = ()
    """Why events were quarantined, in their order, 20 at most."""


class SourceStopped(StateError):
    """The source was stopped, by a person or because too much of what it sends is bad. Nothing was kept."""

    reason = "source_stopped"
    retryable = True


class Inlet(Protocol):
    """Takes the deliveries of one source of one tenant. Safe to call from several threads."""

    @property
    def source(self) -> str: ...

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        """Map, check and keep; when this returns all is on disk, and may be acknowledged. What no event can be made of
        is quarantined, byte for byte, and never raises. `place`: up to where the collector has come, kept in the same
        transaction.

        Raises
        ------
        SpoolFull, StateUnavailable, SourceStopped
            Nothing was kept, or it is not known whether it was: acknowledge nothing, and hand it over again later.
        """
        ...

    def take_each(self, deliveries: Sequence[Delivery]) -> list[Outcome]:
        """As `take`, all in one transaction, and what became of each."""
        ...

    def closed(self) -> str:
        """Why nothing can be taken for now, "" where it can: what would be fetched would only go back, and brokers
        count how often a message does. Raises StateUnavailable where that is not known."""
        ...

    def place(self) -> str:
        """What the last `take` that named a place named, also before a restart; "" where none did."""
        ...


class Collector(Protocol):
    """Fetches what a source has, in a thread of its own."""

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Collect until `stopping` is set, and end soon after it. What goes wrong is raised, as `CollectorError` or as
        what the inlet raised: whoever calls does so again after a pause, and what was not acknowledged comes again."""
        ...


class CollectorError(StateError):
    """A source cannot be collected now: its system does not answer, or does not let us in. Never holds a secret."""

    reason = "collector"
    retryable = True
