"""What was sent, in a file of the sender's own: each line is on disk before what it tells of is done.

A batch is known by its number, from which its events can be made again. Lines: `send` before a request leaves, then
what came of it: `acked` with its receipt, `refused` (the service was full), or `unknown` (no answer came, or one that
does not say whether anything was kept).
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OUTCOMES = ("acked", "refused", "unknown")


@dataclass(slots=True)
class Sent:
    """One batch, and what came of each try. A try that was begun and not ended is unknown."""

    batch: int
    source: str
    events: int
    broken: int  # events of it that are none
    begun: int = 0
    acked: int = 0
    refused: int = 0
    receipts: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> int:
        return self.begun - self.acked - self.refused


class Ledger:
    """Open for the sender; `read` gives what it holds."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._file = path.open("ab", buffering=0)

    def sending(self, batch: int, source: str, events: int, broken: int) -> None:
        self._write({"send": batch, "source": source, "events": events, "broken": broken})

    def came(self, batch: int, outcome: str, receipt: str = "") -> None:
        if outcome not in OUTCOMES:
            raise ValueError(outcome)
        self._write({"batch": batch, "outcome": outcome, "receipt": receipt})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line).encode() + b"\n")
            os.fdatasync(self._file.fileno())

    def read(self) -> dict[int, Sent]:
        found: dict[int, Sent] = {}
        for line in self._lines():
            if "send" in line:
                number = line["send"]
                one = found.setdefault(number, Sent(number, line["source"], line["events"], line["broken"]))
                one.begun += 1
                continue
            one = found[line["batch"]]
            if line["outcome"] == "acked":
                one.acked += 1
                one.receipts.append(line["receipt"])
            elif line["outcome"] == "refused":
                one.refused += 1
        return found

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self._path.read_bytes().splitlines():
            yield json.loads(line)

    def close(self) -> None:
        self._file.close()
