"""What a home holds, with no service on it: `python look.py HOME FOLDER` writes it into the folder.

A process of its own, since the embedded engine serves one home per process. `events.parquet` and `quarantine.parquet`
hold one row each of their tables, and `counts.json` what is counted.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from ingest.spool import Spool
from ingest.spool_account import COUNTS
from ingest.spool_tables import ENTRIES
from kernel.clock import SystemClock
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse

TENANT = "local"
EVENTS = Query(
    "events",
    "SELECT toString(source) AS source, source_event_id AS id, toString(activity) AS activity, occurred_at, actor, "
    "attributes, toString(value) AS value, toString(currency) AS currency, "
    "arrayMap(o -> [toString(o.type), o.id, toString(o.qualifier)], objects) AS objects "
    "FROM events WHERE tenant = 'local'",
)
QUARANTINE = Query(
    "quarantine",
    "SELECT toString(source) AS source, position, reason, raw FROM quarantine FINAL WHERE tenant = 'local'",
)
COUNTED = {
    "relations": "SELECT count() FROM event_objects WHERE tenant = 'local'",
    "expected_relations": "SELECT sum(length(objects)) FROM events WHERE tenant = 'local'",
    "doubled_relations": "SELECT count() FROM (SELECT 1 FROM event_objects WHERE tenant = 'local' "
    "GROUP BY event_id, object_type, object_id HAVING count() > 1)",
    "in_paths": "SELECT sum(length(activities)) FROM case_paths FINAL WHERE tenant = 'local'",
    "expected_in_paths": "SELECT count() FROM events WHERE tenant = 'local'",
    "priorities": "SELECT uniqExact(object_id) FROM object_attributes "
    "WHERE tenant = 'local' AND attribute = 'priority'",
    "linked": "SELECT uniqExact(from_id) FROM object_links WHERE tenant = 'local'",
}


def look(home: Path, folder: Path) -> None:
    settings = load_settings(home=home)
    with Warehouse(settings) as warehouse, Spool(settings, SystemClock()) as spool:
        for query in (EVENTS, QUARANTINE):
            warehouse.read_for_write(query).write_parquet(folder / f"{query.name}.parquet")
        found: dict[str, Any] = {
            name: int(warehouse.read_for_write(Query(name, sql)).item() or 0) for name, sql in COUNTED.items()
        }
        accounts = [asdict(account) for account in spool.accounts(TENANT)]
        found["accounts"] = {one["source"]: {name: one[name] for name in COUNTS} for one in accounts}
        with spool._state.reading() as connection:
            rows = connection.execute(select(ENTRIES.c.receipt, ENTRIES.c.source, ENTRIES.c.events)).all()
        found["entries"] = [list(row) for row in rows]
    (folder / "counts.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    look(Path(sys.argv[1]), Path(sys.argv[2]))
