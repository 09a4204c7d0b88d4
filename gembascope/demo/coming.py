"""What the demo's retailer tells after its clock begins: made with its history, kept in the home, told when it is due.

An event that was told before is told again when a demo begins anew: ids stay, so that adds nothing.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import msgspec

from kernel.errors import SettingsError

COMING = "demo-coming.ndjson.gz"
MOST = 5_000
"""Events that are told at once."""


class _Told(msgspec.Struct):
    seen_at: datetime


_told = msgspec.json.Decoder(_Told)


@contextmanager
def keep_coming(folder: Path) -> Iterator[gzip.GzipFile]:
    """A file that takes events, one per line, in the order in which they are told; it is kept when the block ends
    well."""
    partial = folder / f"{COMING}.tmp"
    with gzip.GzipFile(partial, "wb", compresslevel=1, mtime=0) as sink:
        yield sink
    partial.replace(folder / COMING)


class Coming:
    """What is still to be told of what is kept; nothing where nothing is."""

    def __init__(self, folder: Path, *, since: datetime) -> None:
        """`since`: what was told until then is told already."""
        self._path = folder / COMING
        self._lines = self._read(since)
        self._next = next(self._lines, None)

    def until(self, now: datetime) -> list[bytes]:
        """The events, as JSON, that are due by now and were not given yet: at most `MOST`, ask again for more."""
        due: list[bytes] = []
        while self._next is not None and self._next[0] <= now and len(due) < MOST:
            due.append(self._next[1])
            self._next = next(self._lines, None)
        return due

    def _read(self, since: datetime) -> Iterator[tuple[datetime, bytes]]:
        try:
            with gzip.open(self._path) as lines:
                for line in lines:
                    seen_at = _told.decode(line).seen_at.astimezone(timezone.utc)
                    if seen_at > since:
                        yield seen_at, line.rstrip()
        except FileNotFoundError:
            return
        except (OSError, EOFError, msgspec.MsgspecError):
            raise SettingsError(f"{self._path} is damaged: remove the home and run gembascope demo again") from None
