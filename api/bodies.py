"""How much a request may send, and how it may be packed."""

from __future__ import annotations

import zlib
from typing import Literal

import pyarrow as pa
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

GZIP = 31
"""zlib's window bits for "gzip wrapper expected"."""

PIECE_BYTES = 1 << 20
"""What is unpacked at once of a zstd."""

Encoding = Literal["identity", "gzip", "zstd"]


class TooLarge(Exception):
    """A body turned out longer than it may be."""


def announces_more(headers: Headers, limit: int) -> bool:
    """Whether the request says that its body is longer, or says it in a way that is none."""
    length = headers.get("content-length", "0")
    return not (length.isascii() and length.isdigit()) or int(length[:20]) > limit


def limited(receive: Receive, limit: int) -> Receive:
    """Stop reading a body that is longer than it may be (`TooLarge`), whatever its header says."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise TooLarge
        return message

    return counted


async def whole(receive: Receive, limit: int) -> bytes:
    """All of a short body; `TooLarge` when it is longer."""
    body, more = b"", True
    read = limited(receive, limit)
    while more:
        message = await read()
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
    return body


def encoding_of(headers: Headers) -> Encoding:
    """How the body is packed; HTTPException (415) when it is in a way that is not known here."""
    given = headers.get("content-encoding", "identity").strip().lower()
    if given == "identity":
        return "identity"
    if given == "gzip":
        return "gzip"
    if given == "zstd":
        return "zstd"
    raise HTTPException(415, f"content-encoding: {given[:40]!r} is neither gzip nor zstd")


def plain(body: bytes, encoding: Encoding, limit: int) -> bytes:
    """The body without its packing; `TooLarge` as soon as it is longer than `limit`, ValueError when it is not what its
    header says."""
    if encoding == "gzip":
        return unpacked(body, limit)
    return unpacked_zstd(body, limit) if encoding == "zstd" else body


def unpacked(body: bytes, limit: int) -> bytes:
    """What a gzipped body holds, all members of it; `TooLarge` as soon as it is longer than `limit`, ValueError when it
    is no whole gzip."""
    pieces, length = [], 0
    while body:
        inflater = zlib.decompressobj(GZIP)
        try:
            piece = inflater.decompress(body, limit - length + 1)
        except zlib.error as error:
            raise ValueError(f"the body is no gzip ({error})") from None
        length += len(piece)
        if length > limit:
            raise TooLarge
        if not inflater.eof:
            raise ValueError("the gzip of the body is truncated")
        pieces.append(piece)
        body = inflater.unused_data
    return b"".join(pieces)


def unpacked_zstd(body: bytes, limit: int) -> bytes:
    """What the frames of a zstd hold; errors as of `unpacked`."""
    pieces, length = [], 0
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            while piece := stream.read(min(PIECE_BYTES, limit - length + 1)):
                length += len(piece)
                if length > limit:
                    raise TooLarge
                pieces.append(piece)
    except OSError as error:
        raise ValueError(f"the body is no zstd ({error})") from None
    return b"".join(pieces)
