"""The warehouse's schema: numbered DDL files, applied once each and recorded in a ledger.

One statement per file, each re-runnable, because ClickHouse's DDL is not transactional: a process killed
between a statement and its record repeats the statement at the next start. Changing an applied file is
refused; a change is a new file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from kernel.clock import Clock
from kernel.errors import WarehouseError
from kernel.warehouse import Query, Warehouse

FOLDER = Path(__file__).parent

DURABLE = (
    "non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1, "
    "min_rows_to_fsync_after_merge = 1, min_compressed_bytes_to_fsync_after_merge = 1, "
    "default_compression_codec = 'LZ4'"
)
"""Settings of every table: it must survive a power cut, and by default nothing is synced to disk; and large parts would
be compressed with ZSTD, which saves an eighth of the disk and makes reading them up to twice as dear."""

LEDGER = Query(
    "schema_ledger",
    "CREATE TABLE IF NOT EXISTS schema_ledger (number UInt32, name String, checksum String, "
    "applied_at DateTime64(6, 'UTC')) ENGINE = ReplacingMergeTree ORDER BY number",
)
APPLIED = Query("schema_applied", "SELECT number, name, checksum FROM schema_ledger FINAL ORDER BY number")
RECORD = Query(
    "schema_record",
    "INSERT INTO schema_ledger SELECT {number:UInt32}, {name:String}, {checksum:String}, "
    "{applied_at:DateTime64(6, 'UTC')}",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One numbered schema file."""

    number: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def statement(self) -> str:
        return self.text.replace("@durable@", DURABLE)


def steps(folder: Path = FOLDER) -> list[Step]:
    """The schema files in order; ValueError when the numbers have gaps or repeat."""
    found = [
        Step(int(path.name.split("_", 1)[0]), path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9]*.sql"))
    ]
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"schema files must be numbered 1, 2, 3 …: {[step.name for step in found]}")
    return found


def migrate(warehouse: Warehouse, clock: Clock, folder: Path = FOLDER) -> list[str]:
    """Apply every schema file that is not in the ledger; names of those applied now.

    Raises
    ------
    WarehouseError
        An applied file was edited or is gone: the message names it.
    """
    with warehouse.writing():
        warehouse.command(LEDGER)
        applied = {row["number"]: row for row in warehouse.read_for_write(APPLIED).to_dicts()}
        wanted = steps(folder)
        for number, row in applied.items():
            if number > len(wanted):
                raise WarehouseError(
                    f"this warehouse has schema step {row['name']}, which this gembascope does not know; "
                    "start the version that wrote it"
                )
            if wanted[number - 1].checksum != row["checksum"]:
                raise WarehouseError(f"schema file {row['name']}.sql was edited after it was applied; add a new file")
        done = []
        for step in wanted[len(applied) :]:
            warehouse.command(Query(step.name, step.statement))
            record = {
                "number": step.number,
                "name": step.name,
                "checksum": step.checksum,
                "applied_at": clock.now(),
            }
            warehouse.command(RECORD, record)
            done.append(step.name)
        return done
