"""DuckDB as a loader: CSV to a table on disk, sorted by case and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from benchmarks.answers import Facts


def load_csv(csv: Path, folder: Path, cores: int) -> Any:
    """The connection to a new database file in `folder` that holds the sorted table, written through."""
    connection = duckdb.connect(str(folder / "log.duckdb"))
    connection.execute(f"SET threads = {cores:d}")
    connection.execute(
        "CREATE TABLE events AS SELECT * FROM read_csv(?, header = true, columns = {'case_id': 'VARCHAR', "
        "'activity': 'VARCHAR', 'timestamp': 'TIMESTAMP', 'resource': 'VARCHAR'}) ORDER BY case_id, timestamp",
        [str(csv)],
    )
    connection.execute("CHECKPOINT")
    return connection


def facts(connection: Any) -> Facts:
    events, cases = connection.execute("SELECT count(*), count(DISTINCT case_id) FROM events").fetchone()
    return {"events": events, "cases": cases}
