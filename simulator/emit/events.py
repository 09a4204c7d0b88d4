"""A simulation as the events that the service takes at run time, one per line: what `gembascope ingest` loads as
history, and `gembascope send` sends as news."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.emit.canonical import Canonical

if TYPE_CHECKING:
    from simulator.simulation import Day


class EventsWriter:
    """Writes `events.ndjson`, in the order in which the systems told; what is told twice is there twice."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._events = Canonical()
        self._sink = (folder / "events.ndjson").open("wb")

    def day(self, day: Day) -> None:
        self._sink.writelines(event + b"\n" for _, _, event in self._events.events(day))

    def close(self) -> None:
        self._sink.close()
