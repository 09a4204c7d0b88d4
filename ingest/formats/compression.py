"""A file as a bounded stream of plain bytes, whether it is gzipped or not.

What the file is follows from its first two bytes, never from its name.
"""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingest.formats.base import Limits
from kernel.errors import UnreadableFile

if TYPE_CHECKING:
    from typing_extensions import Buffer

GZIP_MAGIC = b"\x1f\x8b"
_READ_BYTES = 32 << 10
_EITHER_HEADER = 31  # zlib's window bits for "gzip wrapper expected"


def open_bounded(path: Path, limits: Limits | None = None) -> BoundedStream:
    """Open `path` for reading; close it or use it in a `with` block.

    Raises `UnreadableFile` when there is no readable file.
    """
    try:
        source = path.open("rb", buffering=0)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error
    return BoundedStream(source, path, limits or Limits())


class BoundedStream(io.RawIOBase):
    """The decompressed bytes of a plain or gzip file, all members of it, within `limits`.

    `bytes_read` counts bytes taken from the file itself, compressed bytes where it is compressed; `produced`
    counts bytes handed out. Reading raises `UnreadableFile` when the gzip is damaged or truncated, when more
    than `max_bytes` come out, or when it inflates beyond `max_ratio` after `ratio_free_bytes`. Memory is
    bounded by the size of one read. A call may give fewer bytes than asked; none means the end.
    """

    def __init__(self, source: BinaryIO | io.RawIOBase, path: Path, limits: Limits) -> None:
        super().__init__()
        self._source, self._path, self._limits = source, path, limits
        self._head = b""
        self._inflater: zlib._Decompress | None = None
        self.bytes_read = 0
        self.produced = 0
        try:
            while len(self._head) < len(GZIP_MAGIC) and (piece := self._take(len(GZIP_MAGIC))):
                self._head += piece
        except UnreadableFile:
            source.close()
            raise
        if self._head == GZIP_MAGIC:
            self._inflater = zlib.decompressobj(_EITHER_HEADER)

    @property
    def compressed(self) -> bool:
        return self._inflater is not None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        if size == 0:
            return b""
        data = self._plain(size) if self._inflater is None else self._inflated(size)
        self.produced += len(data)
        self._check()
        return data

    def _plain(self, size: int) -> bytes:
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._take(size)

    def _inflated(self, size: int) -> bytes:
        while self._inflater is not None:
            pending = self._head or self._inflater.unconsumed_tail
            self._head = b""
            piece = pending or self._take(_READ_BYTES)
            if self._inflater.eof:
                if not self._next_member(piece):
                    return b""
                continue
            try:
                data = self._inflater.decompress(piece, size)
            except zlib.error as error:
                raise self._fault(f"the gzip is damaged: {error}") from None
            if self._inflater.eof:
                self._head = self._inflater.unused_data
            if data:
                return data
            if not piece and not self._inflater.eof:
                raise self._fault("the gzip is truncated")
        return b""

    def _next_member(self, piece: bytes) -> bool:
        """Go on to the next gzip member; False at the end of the file."""
        while piece and not piece.strip(b"\0"):  # tape blocks are filled up with zeros
            piece = self._take(_READ_BYTES)
        if not piece:
            return False
        piece = piece.lstrip(b"\0")
        while len(piece) < len(GZIP_MAGIC) and (more := self._take(len(GZIP_MAGIC))):
            piece += more
        if not piece.startswith(GZIP_MAGIC):
            raise self._fault("bytes that are no gzip follow the gzip")
        self._inflater, self._head = zlib.decompressobj(_EITHER_HEADER), piece
        return True

    def _take(self, size: int) -> bytes:
        try:
            data = self._source.read(size) or b""
        except OSError as error:
            raise UnreadableFile(f"{self._path}: {error.strerror or error}") from error
        self.bytes_read += len(data)
        return data

    def _fault(self, what: str) -> UnreadableFile:
        return UnreadableFile(f"{self._path}: {what} (within the first {self.bytes_read:,} bytes)")

    def _check(self) -> None:
        limits = self._limits
        if self.produced > limits.max_bytes:
            raise UnreadableFile(f"{self._path}: more than {limits.max_bytes:,} bytes")
        if (
            self._inflater is not None
            and self.produced > limits.ratio_free_bytes
            and self.produced > limits.max_ratio * self.bytes_read
        ):
            raise UnreadableFile(
                f"{self._path}: {self.bytes_read:,} bytes inflate to more than {self.produced:,}, "
                f"beyond {limits.max_ratio} to 1"
            )
