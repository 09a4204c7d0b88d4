"""The scans of the warehouse: CSV, in the order of the uploads, which come every ten minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.emit.native.told import NOTES, DayFiles, Told, listed, notes, slug, table
from simulator.emit.writer import Stamps, money
from simulator.world.retailer import ZONE

COLUMNS = (
    "scan_id", "scanned_at", "user", "user_type", "process_step", "document_type", "document", "references", "result",
    "error", "amount", "currency", *NOTES, "uploaded_at",
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
            "person" if fact.actor_kind == "human" else "machine",
            slug(fact.activity),
            main.type,
            main.id,
            listed(told.others),
            fact.outcome,
            fact.error,
            *(("", "") if fact.cents is None else (money(fact.cents), fact.currency)),
            *notes(told),
            self._stamp(fact.seen_us),
        )
