"""The proof of an erasure: where something of a subject is left, looked for in all that there is.

As an object it is looked for in every table that has objects. Where its ids can mean nothing else they are looked for
as words, too: in every column of the warehouse that can hold text, rows that were replaced and not merged yet included,
and in every text of the state database. A server's own logs are its operator's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import datetime, timezone

from ingest.erasing.databases import texts_left
from ingest.erasing.room import ROOM
from ingest.erasing.subject import Subject, written_forms
from kernel.state.database import State
from kernel.warehouse import Query, Warehouse, load_query

PATIENCE_S = 20.0
"""How long old parts are waited for."""
PAUSE_S = 0.05


def _sql(name: str) -> Query:
    return load_query(ROOM, name)


def left(warehouse: Warehouse, tenant: str, subject: Subject, databases: Sequence[State]) -> list[str]:
    """Where something of a subject is, one line each; nothing when it is nowhere."""
    ids = list(subject.ids)
    asked = {"tenant": tenant, "object_type": subject.object_type, "ids": ids}
    found = warehouse.read_for_write(_sql("erase_left"), asked).rows()
    if subject.everywhere:
        found += _texts_left(warehouse, tenant, ids)
        found += [place for state in databases for place in texts_left(state, tenant, ids)]
    return [f"{place}: {rows:,} row{'s' if rows != 1 else ''}" for place, rows in sorted(set(found))]


def _texts_left(warehouse: Warehouse, tenant: str, ids: list[str]) -> list[tuple[str, int]]:
    texts = sorted({form for one in ids for form in written_forms(one)})
    words = [rf"(^|[^\p{{L}}\p{{N}}]){re.escape(one)}($|[^\p{{L}}\p{{N}}])" for one in texts]
    found = []
    for table, column in warehouse.read_for_write(_sql("erase_text_columns")).rows():
        asked = {"tenant": tenant, "table": table, "column": column, "texts": texts, "words": words}
        rows = int(warehouse.read_for_write(_sql("erase_text_left"), asked).item())
        if rows:
            found.append((f"{table}.{column}", rows))
    return found


def remove_old_parts(warehouse: Warehouse) -> list[str]:
    """Have the files go that hold what was in use until now; where some are left, one line each."""
    begun, before = time.monotonic(), datetime.now(timezone.utc)  # the engine tells by the clock of the machine
    hastened: set[str] = set()
    try:
        while True:
            found = warehouse.read_for_write(_sql("erase_old_parts"), {"before": before}).rows()
            if not found or time.monotonic() - begun > PATIENCE_S:
                return [f"old parts of {table}: {parts}" for table, parts in found]
            for table, _ in found:
                if not warehouse.is_alone and table not in hastened:
                    hastened.add(table)
                    warehouse.command(_sql("erase_hasten"), {"table": table})
                warehouse.command(_sql("erase_clean"), {"table": table})
            time.sleep(PAUSE_S)
    finally:
        for table in hastened:
            warehouse.command(_sql("erase_unhasten"), {"table": table})
