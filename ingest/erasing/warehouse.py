"""One subject out of the warehouse: what is to go is written down, then deleted and rewritten, then what followed.

Nothing that deletes holds an id: deletions keep their text on disk. They ask a table of the erasure's own, which is
dropped at the end. Every step can be done again, and is when a process was killed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from ingest.erasing.room import ROOM
from ingest.erasing.scrub import AS_IT_WAS, REWRITTEN, Scrub
from ingest.erasing.subject import Subject, written_forms
from kernel.attributes import decode
from kernel.clock import Clock
from kernel.events import EVENT_FRAME
from kernel.warehouse import Query, Warehouse, load_query, parquet

PAGE = 20_000
"""Events that are looked through at once."""


def _sql(name: str) -> Query:
    return load_query(ROOM, name)


class ErasedLog:
    """The log of one tenant, on its way to be without one subject."""

    def __init__(self, warehouse: Warehouse, clock: Clock, tenant: str, erasure: str, subject: Subject) -> None:
        self._warehouse, self._clock, self._tenant = warehouse, clock, tenant
        self._erasure, self._subject = erasure, subject
        self._texts = sorted({form for one in subject.ids for form in written_forms(one)})
        self._names = {
            "tenant": tenant,
            "table": f"erasing_{erasure}",
            "rewritten": f"rewritten_{erasure}",
            "erasure": erasure,
        }
        self._scrubbed = f"scrubbed_{erasure}"

    # What there is -------------------------------------------------------------------------------------------

    def own_values(self) -> list[str]:
        """The texts that attributes of the subject had."""
        scope = {"tenant": self._tenant, "object_type": self._subject.object_type, "ids": list(self._subject.ids)}
        found = self._warehouse.read_for_write(_sql("erase_own_values"), scope)["value"]
        return [text for value in found for text in _texts(decode(value)) if text]

    def collect(self, scrub: Scrub) -> dict[str, int]:
        """Write down all that is to go, and what comes in its place; what there is of it. Nothing is deleted yet."""
        self.forget()
        for table in (self._names["rewritten"], self._scrubbed):
            self._warehouse.command(_sql("erase_begin_rewritten"), {"table": table})
            self._warehouse.command(_sql("erase_widen_rewritten"), {"table": table})
        self._warehouse.command(_sql("erase_begin"), {"table": self._names["table"]})
        ids = list(self._subject.ids)
        self._note("subject", object_type=[self._subject.object_type] * len(ids), object_id=ids)
        for page in self._candidates():
            self._collect_events(page, scrub)
        if self._subject.everywhere:
            asked = {"tenant": self._tenant, "texts": self._texts}
            values = self._warehouse.read_for_write(_sql("erase_values_of_others"), asked)["value"]
            self._note("value", text=[value for value in values if scrub.goes(decode(value))])
            actors = self._warehouse.read_for_write(_sql("erase_actors"), asked)["name"]
            self._note("name", text=[name for name in actors if scrub.goes(name)])
        self._warehouse.command(_sql("erase_beside"), self._names)
        numbers = self._names | {"scrubbed": self._scrubbed}
        self._warehouse.command(_sql("erase_number_rewritten"), numbers)
        self._drop(self._scrubbed)
        counted = self._warehouse.read_for_write(_sql("erase_counted"), self._names).row(0, named=True)
        return {name: int(count) for name, count in counted.items()}

    def note_entries(self, entries: list[str]) -> None:
        """Entries of the quarantine are to go, too."""
        self._note("entry", event_id=[bytes.fromhex(one) for one in entries])

    def _candidates(self) -> Iterator[pl.DataFrame]:
        asked: dict[str, Any] = {
            "tenant": self._tenant,
            "object_type": self._subject.object_type,
            "ids": list(self._subject.ids),
            "everywhere": int(self._subject.everywhere),
            "texts": self._texts,
            "rows": PAGE,
            "after_source": "",
            "after_id": "",
        }
        while True:
            found = self._warehouse.read_for_write(_sql("erase_candidates"), asked)
            if found.is_empty():
                return
            yield found
            asked |= {"after_source": found["source"][-1], "after_id": found["event_id"][-1]}

    def _collect_events(self, page: pl.DataFrame, scrub: Scrub) -> None:
        events = page.select(*(pl.col(name).cast(kind) for name, kind in EVENT_FRAME.items()), "source")
        kept, fate = scrub.events(events)
        page = page.with_columns(fate, *(pl.col(name).str.decode("hex") for name in ("event_id", "content_hash")))
        going = page.filter(pl.col("fate") != AS_IT_WAS)
        self._note("event", **{name: going[name] for name in ("source", "event_id", "content_hash", "fate")})
        beside = page.filter(pl.col("fate") != 2).select(
            "tenant", "order_at", "mode", pl.col("event_id").alias("was_id"), "fate"
        )
        rewritten = pl.concat([kept, beside], how="horizontal").filter(pl.col("fate") == REWRITTEN).drop("fate")
        if not rewritten.is_empty():
            self._warehouse.insert_parquet(self._scrubbed, parquet(rewritten), rewritten.columns)

    def _note(self, kind: str, **columns: Any) -> None:
        frame = pl.DataFrame(columns, schema_overrides={"event_id": pl.Binary, "content_hash": pl.Binary})
        if not frame.is_empty():
            frame = frame.select(pl.lit(kind).alias("kind"), pl.all())
            self._warehouse.insert_parquet(self._names["table"], parquet(frame), frame.columns)

    # What becomes of it --------------------------------------------------------------------------------------

    def rewrite(self, batch: int) -> frozenset[str]:
        """Delete and rewrite all that was collected, as the step `batch`; the types of the objects that it touched."""
        self._delete(
            events=_sql("erase_stored_events"),
            object_attributes=_sql("erase_values"),
            object_links=_sql("erase_links"),
            names=_sql("erase_names"),
            quarantine=_sql("erase_entries"),
        )
        stored = self._names | {"batch": batch, "ingested_at": self._clock.now()}
        self._warehouse.command(_sql("erase_store"), stored)
        self._warehouse.delete(_sql("erase_relations"), self._names)
        self._warehouse.command(_sql("erase_relate"), stored)
        self._warehouse.command(_sql("erase_deleted_events"), self._names)
        self._warehouse.command(_sql("erase_touched"), stored)
        self._warehouse.command(_sql("erase_projections"), self._names)
        touched = self._warehouse.read_for_write(_sql("erase_touched_types"), {"tenant": self._tenant, "batch": batch})
        return frozenset(touched["object_type"])

    def follow(self) -> None:
        """When processes are up to date: delete what followed from it and is not in use any more. Nothing where that
        was done before and the tables of the erasure are dropped."""
        if self._warehouse.read_for_write(_sql("erase_begun"), self._names).is_empty():
            return
        self._warehouse.command(_sql("erase_old_paths"), self._names)
        for process in self._warehouse.read_for_write(_sql("erase_path_processes"), self._names).to_dicts():
            self._warehouse.delete(_sql("erase_paths"), self._names | process)
        self._delete(
            touched_objects=_sql("erase_touches"),
            crossed_links=_sql("erase_crossed"),
            reached_objects=_sql("erase_reached"),
            finding_ends=_sql("erase_finding_ends"),
            findings=_sql("erase_findings"),
        )
        for table in self._warehouse.read_for_write(_sql("erase_marked_tables"))["table"]:
            self._warehouse.delete(_sql("erase_marked"), {"table": table})

    def forget(self) -> None:
        """Drop the tables of the erasure; last the one that tells that it is not done."""
        for table in (self._scrubbed, self._names["rewritten"], self._names["table"]):
            self._drop(table)

    def _drop(self, table: str) -> None:
        """Empty first: an engine that is killed while it drops a table leaves the files of it for minutes."""
        self._warehouse.command(_sql("erase_empty"), {"table": table})
        self._warehouse.command(_sql("erase_end"), {"table": table})

    def _delete(self, **queries: Query) -> None:
        """Of these tables delete what is to go, where there is any: a deletion looks at every part of a table."""
        there = set(self._warehouse.read_for_write(_sql("erase_there"), self._names)["place"])
        for table, query in queries.items():
            if table in there:
                self._warehouse.delete(query, self._names)


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value of an attribute."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict) and "$date" not in value:
        for item in value if isinstance(value, list) else value.values():
            yield from _texts(item)
