"""A file that is read only a little ahead of the thread that parses it."""

from __future__ import annotations

import io
import threading
import time
import weakref
from typing import Any

from ingest.formats.compression import BoundedStream

BLOCKS_AHEAD = 3
"""Blocks of a CSV file that are read and not yet parsed."""


class Paced(io.RawIOBase):
    """A stream followed by a few more bytes, read block by block, only so far ahead of its parser.

    The parser reads in a thread of its own, 32 blocks ahead if nobody stops it. It gives one batch per block and
    needs the block after that; before its first batch it passes over blocks that hold no row with as many fields as
    there should be. `passed` says that such a row or a batch was seen.
    """

    def __init__(self, stream: BoundedStream, tail: bytes) -> None:
        self._stream, self._tail = io.BufferedReader(stream, 1 << 20), tail
        self._allowed, self._idle = threading.Semaphore(BLOCKS_AHEAD), threading.Event()
        self._idle.set()
        self._ended: list[bool] = []
        self._read_all = threading.Lock()
        self._read_all.acquire()
        self._last: list[weakref.ref[memoryview]] = []
        self.end = weakref.finalize(self, _end, self._allowed, self._idle, self._ended, self._read_all, self._last)
        """End the file here: the parser's thread must not be reading when nobody parses, or when the program ends, as
        Python ends a thread that asks for its turn then, and C++ the whole program with it."""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> Any:
        """The next block, of bytes; at the end an empty one that is a memoryview, as these can be followed."""
        self._idle.clear()
        self._allowed.acquire()
        data = b""
        try:
            if not self._ended:
                data = self._next(size)
        finally:
            self._idle.set()
            last = memoryview(b"")
            if not data:
                self._last.append(weakref.ref(last))
                self.read_no_more()
        return data or last

    def _next(self, size: int) -> bytes:
        data = self._stream.read(size)
        if not data:
            data, self._tail = self._tail, b""
        if data.isspace():
            self.passed()
        return data

    def passed(self) -> None:
        self._allowed.release()

    def read_no_more(self) -> None:
        """The parser has read the end, or has given up: it does not read again."""
        if self._read_all.locked():
            self._read_all.release()


def _end(
    allowed: threading.Semaphore,
    idle: threading.Event,
    ended: list[bool],
    read_all: threading.Lock,
    last: list[weakref.ref[memoryview]],
) -> None:
    ended.append(True)
    allowed.release(BLOCKS_AHEAD)
    read_all.acquire(timeout=5)  # between two reads it is idle as well, and reads again
    idle.wait(1)
    until = time.monotonic() + 5
    # It asks for its turn once more, to give back the last that it read: nothing, but in memory of Python's.
    while any(one() is not None for one in last) and time.monotonic() < until:
        time.sleep(0.001)
