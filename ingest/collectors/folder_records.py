"""The records of one file: lines, rows of a CSV, or the file as a whole, each with an id that follows from all that
the file holds up to its end."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.collectors.polled_settings import FolderSettings
from ingest.formats.compression import BoundedStream
from kernel.errors import UnreadableFile

_READ = 1 << 16


@dataclass(frozen=True, slots=True)
class Record:
    """`line`: where it begins, from 1. `chain`: the id. `malformed`: why a row is handed over as it stands, or ""."""

    line: int
    body: bytes
    chain: str
    malformed: str = ""


def records(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[Record]:
    """All records, in their order; empty lines are none.

    Raises
    ------
    UnreadableFile
        The file is damaged, breaks a limit, or is no CSV.
    """
    chain = ""
    parts = {"line": _lines, "row": _rows, "file": _whole}[settings.per](stream, settings, name)
    for line, body, raw, malformed in parts:
        chain = hashlib.blake2b(chain.encode() + raw, digest_size=16).hexdigest()
        yield Record(line, body, chain, malformed)


_Part = tuple[int, bytes, bytes, str]
"""Line, body, the bytes of the file that it is of, and why it is malformed."""


def _whole(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[_Part]:
    body = b"".join(iter(lambda: _checked(stream.read(_READ), stream, settings, name), b""))
    if body:
        yield 1, body, body, ""


def _checked(piece: bytes, stream: BoundedStream, settings: FolderSettings, name: str) -> bytes:
    if stream.produced > settings.most_message_bytes:
        raise UnreadableFile(f"{name}: more than {settings.most_message_bytes:,} bytes")
    return piece


def _lines(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[_Part]:
    for line, raw in _split(stream, settings, name):
        body = raw.rstrip(b"\r\n")
        if body.strip():
            yield line, body, raw, ""


def _split(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[tuple[int, bytes]]:
    """Lines with their ends, numbered from 1."""
    pending, line = b"", 0
    while True:
        piece = stream.read(_READ)
        *whole, pending = (pending + piece).split(b"\n")
        for one in whole:
            line += 1
            yield line, _short(one, line, settings, name) + b"\n"
        _short(pending, line + 1, settings, name)
        if not piece:
            if pending:
                yield line + 1, pending
            return


def _short(line: bytes, number: int, settings: FolderSettings, name: str) -> bytes:
    if len(line) > settings.most_message_bytes:
        raise UnreadableFile(f"{name}: line {number} has more than {settings.most_message_bytes:,} bytes")
    return line


class _Source:
    """Lines as texts for the csv module, which takes as many as a row has; keeps those of the row that is read."""

    def __init__(self, stream: BoundedStream, settings: FolderSettings, name: str) -> None:
        self._lines = _texts(stream, settings, name)
        self._most, self._name = settings.most_message_bytes, name
        self.taken: list[str] = []
        self.line = 0

    def __iter__(self) -> _Source:
        return self

    def __next__(self) -> str:
        self.line, text = next(self._lines)
        self.taken.append(text)
        if sum(map(len, self.taken)) > self._most:
            raise UnreadableFile(f"{self._name}: the row that ends in line {self.line} is longer than may be")
        return text


def _texts(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[tuple[int, str]]:
    if settings.encoding == "utf-16":  # its line breaks are two bytes
        file = io.TextIOWrapper(io.BufferedReader(stream, _READ), "utf-16", newline="")
        try:
            for line in range(1, 1 << 62):
                text = file.readline(settings.most_message_bytes + 1)
                if len(text) > settings.most_message_bytes:
                    raise UnreadableFile(
                        f"{name}: line {line} has more than {settings.most_message_bytes:,} characters"
                    )
                if not text:
                    return
                yield line, text
        except UnicodeError as error:
            raise UnreadableFile(f"{name}: no UTF-16: {error}") from None
        finally:
            file.detach().detach()  # or it would close the stream
        return
    for line, raw in _split(stream, settings, name):
        text = raw.decode(settings.encoding, "surrogateescape")
        yield line, text.removeprefix("\ufeff") if line == 1 else text


def _rows(stream: BoundedStream, settings: FolderSettings, name: str) -> Iterator[_Part]:
    source = _Source(stream, settings, name)
    names: list[str] | None = None
    while True:
        source.taken = []
        first = source.line + 1
        try:
            # A reader for each row: one that met a row that is none has lost its way.
            row = next(csv.reader(source, delimiter=settings.delimiter, strict=True), None)
            malformed = ""
        except csv.Error as error:
            row, malformed = [], str(error)
        if row is None:
            return
        text = "".join(source.taken)
        if not text.strip():
            continue
        if names is None:
            names = _header(row, malformed, name)
            continue
        raw = text.encode("utf-8" if settings.encoding == "utf-16" else settings.encoding, "surrogateescape")
        if not malformed and len(row) != len(names):
            malformed = f"{len(row)} fields where the header has {len(names)}"
        if not malformed and any("\udc80" <= character <= "\udcff" for character in text):
            malformed = f"it is no {settings.encoding}"
        body = raw if malformed else json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False).encode()
        yield first, body, raw, malformed


def _header(row: list[str], malformed: str, name: str) -> list[str]:
    if malformed or len(set(row)) < len(row) or not all(field.strip() for field in row):
        raise UnreadableFile(f"{name}: the first line is no header: expected names, each of them once")
    return row
