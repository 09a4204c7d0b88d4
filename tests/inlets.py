"""Inlets for tests of collectors: one in memory, and one over a file that a killed process leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.sources.delivery import Delivery, Outcome
from kernel.errors import SpoolFull


class MemoryInlet:
    """Keeps what it is given. `failing` is called before each batch, and raises when it should fail."""

    def __init__(self, failing: Callable[[int], None] = lambda _: None, *, place: str = "") -> None:
        self.source = "orders"
        self.batches: list[list[Delivery]] = []
        self.takes = 0
        self.until: tuple[int, threading.Event] | None = None
        self._failing, self._place = failing, place
        self._lock = threading.Lock()

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        self.takes += 1
        self._failing(self.takes)
        with self._lock:
            self.batches.append(list(deliveries))
            if place is not None:
                self._place = place
        if self.until is not None and len({one.key for one in self.taken}) >= self.until[0]:
            self.until[1].set()
        return Outcome(received=len(deliveries), accepted=len(deliveries))

    def closed(self) -> str:
        return ""

    def place(self) -> str:
        return self._place

    @property
    def taken(self) -> list[Delivery]:
        return [one for batch in self.batches for one in batch]

    @property
    def bodies(self) -> list[str]:
        return [one.body.decode() for one in self.taken]


class FileInlet:
    """Appends each batch as one line to a file, with its place: what a line holds whole is kept. `kill`: "before" or
    "after" keeping, at the take of that number, this process is killed as by kill -9."""

    def __init__(self, path: Path, kill: str = "never", at: int = 0) -> None:
        self.source = "orders"
        self.stopping = threading.Event()
        self.expected = -1
        self._path, self._kill, self._at = path, kill, at
        self._takes = 0
        self._ids = {one["key"] for batch in kept(path) for one in batch["deliveries"]}
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def take(self, deliveries: Sequence[Delivery], place: str | None = None) -> Outcome:
        self._takes += 1
        if self._kill == "before" and self._takes == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        lines = [{"key": one.key, "body": one.body.decode(), "unique_id": one.unique_id} for one in deliveries]
        os.write(self._file, json.dumps({"place": place, "deliveries": lines}).encode() + b"\n")
        if self._kill == "after" and self._takes == self._at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._ids |= {one.key for one in deliveries}
        if len(self._ids) == self.expected:
            self.stopping.set()
        return Outcome(received=len(deliveries), accepted=len(deliveries))

    def closed(self) -> str:
        return ""

    def place(self) -> str:
        places = [batch["place"] for batch in kept(self._path) if batch["place"] is not None]
        return places[-1] if places else ""


def kept(path: Path) -> list[dict]:  # type: ignore[type-arg]
    """The batches that a `FileInlet` kept."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def failing_at_random(seed: int, share: float = 0.4, most: int = 6) -> Callable[[int], None]:
    """Raises `SpoolFull` at a share of the takes, by chance, and `most` times in all."""
    chance, left = random.Random(seed), [most]

    def fail(_: int) -> None:
        if left[0] and chance.random() < share:
            left[0] -= 1
            raise SpoolFull("the spool is full")

    return fail
