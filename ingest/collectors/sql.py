"""Rows of a database, polled by a watermark.

A poll reads from the highest watermark of the last one, less an overlap, in pages by watermark and key, never by
offset. What its mark will be is asked for before it reads: the highest watermark then, and no time after what the
database calls now. So a row that was not yet committed while the poll read is above that mark less the overlap, however
long the poll lasted and whatever happened in between, and is found by the next one; and one row dated in the future
moves no mark. The source's own clock is the only one that counts.

What happens to a row between two polls is unknown; deliveries say so by their header `sampled`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Event
from typing import Any

from sqlalchemy import Connection

from ingest.collectors.known_keys import KnownKeys
from ingest.collectors.notes import Notes
from ingest.collectors.polled_settings import SqlSettings
from ingest.collectors.sql_deletes import Comparison, key_hash
from ingest.collectors.sql_place import Place, below, loaded
from ingest.collectors.sql_rows import digest, key_json, row_json
from ingest.collectors.sql_source import Shape, SqlSource
from ingest.sources.delivery import Delivery, Inlet
from kernel.secrets import Secrets


class SqlCollector:
    """Collects from one table, view or SELECT. One process at a time: see `alone`."""

    alone = True

    def __init__(
        self,
        settings: SqlSettings,
        secrets: Secrets,
        keys: KnownKeys | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`keys`: where known keys are kept; needed where `deletes` is set."""
        if settings.deletes and keys is None:
            raise ValueError("finding deletes needs a place to keep known keys")
        self.settings, self.notes = settings, Notes()
        self._source, self._keys, self._monotonic = SqlSource(settings, secrets), keys, monotonic
        self._place = Place()
        watermark = settings.watermark
        depends = [
            settings.table_schema,
            settings.table,
            settings.select,
            settings.key,
            watermark.column,
            watermark.type,
        ]
        self._of = digest(json.dumps(depends).encode()).hex()
        self._compared_at: float | None = None

    def run(self, inlet: Inlet, stopping: Event) -> None:
        """Poll until `stopping` is set; see `Collector.run`. Connected only while it polls."""
        self.notes.source = inlet.source
        place = loaded(inlet.place(), self._of)
        if place is None:
            self.notes.set("settings", f"{self.settings.name}: what is read is another than before: from its beginning")
            place = Place()
        elif not place.seen:  # what was seen is remembered also where it is too much for the place
            place.seen = self._place.seen
        self._place = place
        first = True
        while not stopping.is_set():
            with self._source.connected() as connection:
                shape = self._source.shape(connection)
                if first:
                    self._look(connection)
                    first = False
                self._poll(connection, shape, inlet, stopping)
                if self._keys is not None and self.settings.deletes and self._is_time_to_compare():
                    Comparison(self.settings, self._source, self._keys, self._of).run(
                        connection, inlet, stopping, self._place
                    )
                    self._compared_at = self._monotonic()
            stopping.wait(self.settings.poll_s)

    def check(self) -> None:
        """Connect, and see whether the columns are what the settings say.

        Raises
        ------
        CollectorError
            They are not, or the database does not let us in.
        """
        with self._source.connected() as connection:
            shape = self._source.shape(connection)
            self._source.bound(connection, shape)

    def _look(self, connection: Connection) -> None:
        if self._source.has_unmarked(connection):
            name = self.settings.watermark.column
            self.notes.set("unmarked", f"{self.settings.name} has rows without a {name}: they are not collected")
        else:
            self.notes.drop("unmarked")

    def _is_time_to_compare(self) -> bool:
        return self._compared_at is None or self._monotonic() - self._compared_at >= self.settings.deletes_every_s

    def _poll(self, connection: Connection, shape: Shape, inlet: Inlet, stopping: Event) -> None:
        """Hand over what is new or changed, all pages of it, or up to where it is stopped."""
        place, settings = self._place, self.settings
        if place.after is None:
            place.bound = self._source.bound(connection, shape)
        zone = shape.zones.get(settings.watermark.column)
        least = below(place.mark, settings.watermark.overlap, zone)
        self._look_back(place)
        scanned = 0
        while not stopping.is_set():
            rows, shape = self._source.page(connection, least, place.after)
            last = len(rows) < settings.batch
            after = place.after
            if rows:
                self._source.check_mark(rows[-1].get(settings.watermark.column))
                after = [rows[-1][name] for name in (settings.watermark.column, *settings.key)]
            self._hand_over(inlet, rows, shape, None if last else after)
            scanned += len(rows)
            if last:
                place.forget_before(scanned)
                return

    def _look_back(self, place: Place) -> None:
        if place.after is None and isinstance(place.mark, int) and isinstance(place.bound, int):
            overlap, column = self.settings.watermark.overlap, self.settings.watermark.column
            if place.bound < place.mark - overlap:
                least = place.mark - int(overlap)
                self.notes.set("back", f"the highest {column} went back: rows below {least} were not looked at")

    def _hand_over(self, inlet: Inlet, rows: list[dict[str, Any]], shape: Shape, after: list[Any] | None) -> None:
        """One page, without what is known of it already, with the place that follows it: None after the last."""
        place, deliveries, digests = self._place, [], []
        names: dict[int, str] = {}
        for row in rows:
            body, key = row_json(row, shape.zones, shape.digits), key_json(row, self.settings.key, shape.zones)
            of_key, of_row = digest(key.encode()), digest(body)
            digests.append((of_key, of_row))
            if not place.knows(of_key, of_row):
                deliveries.append(_delivery(self.settings.name, key, body))
                names[key_hash(of_key)] = key
        if self._keys is not None and self.settings.deletes:
            # Before they are on disk: a key too many says "deleted" of a row that nobody knows, and is harmless.
            self._keys.add(names)
        following = Place(place.bound if after is None else place.mark, place.bound, after, place.seen.copy())
        for of_key, of_row in digests:
            following.remember(of_key, of_row)
        if deliveries:
            inlet.take(deliveries, following.dumped(self._of))
        place.mark, place.after, place.seen = following.mark, following.after, following.seen


def _delivery(table: str, key: str, body: bytes) -> Delivery:
    return Delivery(body, f"{table}/{key}", {"change": "upsert", "sampled": "true", "table": table})
