"""Tables of the ERP, as an hourly job reads them: a folder per day, one CSV per table.

Document headers are not kept as events; the ERP knows that they changed (`change_documents`), which postings there are
(`postings`) and which document followed from which (`document_flow`). Of a posting it knows the business date to the
day and when it was entered. All clocks are the head office's. `extracted_at`: the run of the job.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from simulator.emit.native.told import Told, noted, table
from simulator.emit.writer import Stamps, money
from simulator.world.retailer import ZONE

CHANGES = (
    "change_number", "object_class", "object_id", "change", "user", "user_type", "change_date", "change_time",
    "result", "error", "fields", "extracted_at",
)  # fmt: skip
POSTINGS = (
    "document_number", "object_class", "object_id", "posting_text", "posting_date", "entry_date", "entry_time",
    "amount", "currency", "user", "user_type", "result", "error", "fields", "extracted_at",
)  # fmt: skip
FLOW = ("number", "object_class", "object_id", "related_class", "related_id", "extracted_at")


class Erp:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local, self._stamp = Stamps(ZONE), Stamps()

    def take(self, day: date, told: Sequence[Told]) -> None:
        changes, postings, flow = [], [], []
        for one in told:
            fact, main = one.fact, one.main
            local, extracted = self._local(fact.at_us), self._stamp(one.seen_us)
            entered = (local[:10], local[11:19])
            user_type = "dialog" if fact.actor_kind == "human" else "batch"
            ends = (fact.outcome, fact.error, noted(one), extracted)
            head = (fact.id, main.type, main.id, fact.activity)
            if fact.cents is None:
                changes.append((*head, fact.actor, user_type, *entered, *ends))
            else:
                amount = (money(fact.cents), fact.currency)
                postings.append((*head, local[:10], *entered, *amount, fact.actor, user_type, *ends))
            flow += [(fact.id, main.type, main.id, thing.type, thing.id, extracted) for thing in fact.things[1:]]
        folder = self._folder / str(day)
        folder.mkdir(parents=True)
        for name, columns, rows in (
            ("change_documents", CHANGES, changes),
            ("postings", POSTINGS, postings),
            ("document_flow", FLOW, flow),
        ):
            (folder / f"{name}.csv").write_bytes(table(columns, rows))

    def close(self) -> None:
        return None
