"""Tables of the ERP, as an hourly job reads them: a folder per day, one CSV per table.

Document headers are not kept as events; the ERP knows that they changed (`change_documents`) and which postings there
are (`postings`), each with the documents that it touched and with the document flow that came about with it. Of a
posting it knows the business date to the day and when it was entered, to the second. All clocks are the head office's.
`extracted_at`: the run of the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from simulator.emit.native.told import NOTES, Told, listed, notes, table
from simulator.emit.writer import Stamps, money
from simulator.world.retailer import ZONE

ENDS = ("result", "error", "documents", *NOTES, "extracted_at")
CHANGES = (
    "change_number", "object_class", "object_id", "change", "user", "user_type", "change_date", "change_time",
    "utc_offset", *ENDS,
)  # fmt: skip
POSTINGS = (
    "document_number", "object_class", "object_id", "posting_text", "posting_date", "entry_date", "entry_time",
    "utc_offset", "amount", "currency", "user", "user_type", *ENDS,
)  # fmt: skip


class Erp:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local, self._stamp = Stamps(ZONE), Stamps()

    def take(self, day: date, told: Sequence[Told]) -> None:
        changes, postings = [], []
        for one in told:
            fact, main = one.fact, one.main
            local = self._local(fact.at_us)
            entered = (local[:10], local[11:19], local[23:])
            user_type = "dialog" if fact.actor_kind == "human" else "batch"
            ends = (fact.outcome, fact.error, listed(one.others), *notes(one), self._stamp(fact.seen_us))
            head = (fact.id, main.type, main.id, fact.activity)
            if fact.cents is None:
                changes.append((*head, fact.actor, user_type, *entered, *ends))
            else:
                amount = (money(fact.cents), fact.currency)
                postings.append((*head, local[:10], *entered, *amount, fact.actor, user_type, *ends))
        folder = self._folder / str(day)
        folder.mkdir(parents=True)
        for name, columns, rows in (("change_documents", CHANGES, changes), ("postings", POSTINGS, postings)):
            (folder / f"{name}.csv").write_bytes(table(columns, rows))

    def close(self) -> None:
        return None
