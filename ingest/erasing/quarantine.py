"""One subject out of the quarantine: what holds it was received and never became an event, and so it still counts."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ingest.erasing.room import ROOM
from ingest.erasing.scrub import Scrub
from ingest.erasing.subject import Subject, written_forms
from ingest.spool import Spool
from ingest.spool_beside import DISCARDED, Besides
from kernel.errors import OutOfDate
from kernel.warehouse import Warehouse, load_query

PAGE = 1_000


def held_entries(warehouse: Warehouse, tenant: str, subject: Subject, scrub: Scrub) -> Iterator[dict[str, Any]]:
    """The entries whose bytes, key, headers or reason hold an id of the subject: entry, source and is_open."""
    texts = sorted({form for one in subject.ids for form in written_forms(one)})
    asked: dict[str, Any] = {"tenant": tenant, "texts": texts, "after": "", "rows": PAGE}
    while True:
        found = warehouse.read_for_write(load_query(ROOM, "erase_quarantined"), asked).to_dicts()
        for row in found:
            raw = b64decode(row["raw"]).decode("utf-8", "replace")
            if scrub.holds_raw(raw, *(row[name] for name in ("position", "key", "headers", "reason", "file_name"))):
                yield row
        if len(found) < PAGE:
            return
        asked["after"] = found[-1]["entry"]


def give_up(spool: Spool, tenant: str, entries: list[dict[str, Any]]) -> None:
    """Have nobody take these out of the quarantine any more, as `ingest.releasing.Releaser.discard`."""
    for row in entries:
        if row["is_open"]:
            with suppress(OutOfDate):  # it was taken out before, or a killed erasure has done so
                spool.accept(tenant, [], Besides(row["source"], released=[row["entry"]], how=DISCARDED))
