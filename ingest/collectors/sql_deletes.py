"""Comparing the keys of a table with those that were handed over: what vanished, and what no watermark told of.

All keys are read in their order, in pages, and held as eight bytes each. A key that is missing is looked for in a
second reading before it is called deleted: while pages are read, a row that is replaced (deleted and put in again) may
be missed once. A key that is there and was never handed over (its watermark was set too low, or long before it was
committed) is handed over now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from ingest.collectors.known_keys import KnownKeys
from ingest.collectors.polled_settings import SqlSettings
from ingest.collectors.sql_place import Place
from ingest.collectors.sql_rows import digest, key_json, row_json
from ingest.collectors.sql_source import Shape, SqlSource
from ingest.sources.delivery import CollectorError, Delivery, Inlet

_PAGE = 5_000
_ROWS = 100
"""Rows asked for by their keys at once."""


def key_hash(of_key: bytes) -> int:
    """Eight bytes of a key's digest, as a signed integer."""
    return int.from_bytes(of_key[:8], "big", signed=True)


class Comparison:
    """One comparison of a table with its known keys."""

    def __init__(self, settings: SqlSettings, source: SqlSource, known: KnownKeys, of: str) -> None:
        self._settings, self._source, self._known, self._of = settings, source, known, of

    def run(self, connection: Connection, inlet: Inlet, stopping: Event, place: Place) -> None:
        """Hand over what vanished and what was never seen, each before it is noted as such: interrupted, the
        next comparison finds the rest, and what was handed over in between comes again."""
        known = self._known.hashes()
        found = self._read(connection, stopping, known, inlet, place)
        missing = np.setdiff1d(known, found, assume_unique=True)
        if len(missing) and not stopping.is_set():
            missing = np.setdiff1d(missing, self._read(connection, stopping, None, inlet, place))
        if stopping.is_set():  # not all was read: nothing can be said to be missing
            return
        for n in range(0, len(missing), self._settings.batch):
            chunk = [int(one) for one in missing[n : n + self._settings.batch]]
            names = self._known.named(chunk)
            # Forgotten in the same transaction: a row that comes back as it was is a new one.
            for key in names.values():
                place.seen.pop(digest(key.encode()), None)
            inlet.take([self._deleted(key) for key in names.values()], place.dumped(self._of))
            self._known.remove(chunk)

    def _read(
        self,
        connection: Connection,
        stopping: Event,
        known: NDArray[np.int64] | None,
        inlet: Inlet,
        place: Place,
    ) -> NDArray[np.int64]:
        """The hashes of all keys that are there, ascending. With `known`, rows of other keys are handed over."""
        pages: list[NDArray[np.int64]] = []
        count = 0
        for rows, shape in self._pages(connection, stopping):
            hashes = {key_hash(digest(self._name(row, shape).encode())): row for row in rows}
            page = np.fromiter(hashes, dtype=np.int64, count=len(hashes))
            pages.append(page)
            count += len(page)
            if count > self._settings.most_keys:
                raise CollectorError(f"{self._settings.name} has more than most_keys keys to compare")
            if known is not None:
                new = page[~np.isin(page, known)]
                self._hand_over(connection, inlet, place, [hashes[int(one)] for one in new])
        return np.unique(np.concatenate(pages)) if pages else np.empty(0, dtype=np.int64)

    def _pages(self, connection: Connection, stopping: Event) -> Iterator[tuple[list[dict[str, Any]], Shape]]:
        after: Sequence[Any] | None = None
        while not stopping.is_set():
            rows, shape = self._source.key_page(connection, after, _PAGE)
            yield rows, shape
            if len(rows) < _PAGE:
                return
            after = [rows[-1][name] for name in self._settings.key]

    def _hand_over(self, connection: Connection, inlet: Inlet, place: Place, keys: list[dict[str, Any]]) -> None:
        for n in range(0, len(keys), _ROWS):
            chunk = [[row[name] for name in self._settings.key] for row in keys[n : n + _ROWS]]
            rows, shape = self._source.rows_of(connection, chunk)
            found = {self._name(row, shape): row_json(row, shape.zones, shape.digits) for row in rows}
            headers = {"change": "upsert", "sampled": "true", "table": self._settings.name}
            if found:
                inlet.take([Delivery(body, f"{self._settings.name}/{key}", headers) for key, body in found.items()])
            # Known only now that they are on disk: no poll looks so far back, so a known one is handed over by nobody.
            self._known.add({key_hash(digest(key.encode())): key for key in found})
            for key, body in found.items():
                place.remember(digest(key.encode()), digest(body))

    def _name(self, row: dict[str, Any], shape: Shape) -> str:
        return key_json(row, self._settings.key, shape.zones)

    def _deleted(self, key: str) -> Delivery:
        table = self._settings.name
        body = json.dumps(dict(zip(self._settings.key, json.loads(key), strict=True)), ensure_ascii=False).encode()
        return Delivery(body, f"{table}/{key}", {"change": "deleted", "sampled": "true", "table": table})
