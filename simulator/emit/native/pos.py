"""The journal of the tills: records of fields between bars, in the local time of their store, upload by upload.

UPLOAD|2026-03-02T10:16:00.000Z|37
amber|2026-03-02T12:03:11.482+02:00|PICK_STARTED|pos-000012345|amber-staff-01|staff|pickup|K-100007||ok||||||

The last four fields are JSON: details, what objects are from their beginning, what they become, and which belong
together. A bar in them is written as \\u007c.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from simulator.emit.native.told import DayFiles, Told, listed, notes, slug
from simulator.emit.writer import Stamps, money
from simulator.world.retailer import STORES, ZONE

_MARKS = str.maketrans({"|": "/", "\n": " ", "\r": " "})


class Pos(DayFiles):
    suffix = "journal"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamps = {"": Stamps(ZONE)} | {store.id: Stamps(store.zone) for store in STORES.values()}
        self._uploaded = Stamps()

    def content(self, told: Sequence[Told]) -> bytes:
        records = []
        for seen_us, upload in groupby(told, key=lambda one: one.seen_us):
            together = [self._record(one) for one in upload]
            records.append(f"UPLOAD|{self._uploaded(seen_us)}|{len(together)}\n")
            records += together
        return "".join(records).encode()

    def _record(self, told: Told) -> str:
        fact, main = told.fact, told.main
        store = next((thing.attributes["store"] for thing in fact.things if thing.attributes.get("store")), "")
        if not store and main.id in self._stamps:
            store = main.id
        fields = (
            store,
            self._stamps.get(store, self._stamps[""])(fact.at_us),
            slug(fact.activity).upper(),
            fact.id,
            fact.actor,
            "staff" if fact.actor_kind == "human" else "till",
            main.type,
            main.id,
            "" if fact.cents is None else f"{money(fact.cents)} {fact.currency}",
            fact.outcome,
            fact.error,
            listed(told.others),
            *(note.replace("|", "\\u007c") for note in notes(told)),
        )
        line = "|".join(fields)
        if line.count("|") >= len(fields) or not line.isprintable():
            line = "|".join(field.translate(_MARKS) for field in fields)
        return line + "\n"
