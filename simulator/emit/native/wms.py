"""The scans of the warehouse: CSV, in the order of the uploads, which come every ten minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.emit.native.told import DayFiles, Told, listed, noted, slug, table
from simulator.emit.writer import Stamps
from simulator.world.retailer import ZONE

COLUMNS = (
    "scan_id", "scanned_at", "user", "process_step", "document_type", "document", "references", "result", "error",
    "info", "uploaded_at",
)  # fmt: skip


class Wms(DayFiles):
    suffix = "csv"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._local, self._stamp = Stamps(ZONE), Stamps()

    def content(self, told: Sequence[Told]) -> bytes:
        return table(COLUMNS, map(self._row, told))

    def _row(self, told: Told) -> tuple[str, ...]:
        fact, main = told.fact, told.main
        return (
            fact.id,
            self._local(fact.at_us),
            fact.actor,
            slug(fact.activity),
            main.type,
            main.id,
            listed(fact.things[1:]),
            fact.outcome,
            fact.error,
            noted(told),
            self._stamp(told.seen_us),
        )
