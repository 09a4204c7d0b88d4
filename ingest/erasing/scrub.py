"""Erased subjects taken out of frames: the one meaning of what an erasure leaves, of what is stored and what is loaded.

An event that named nothing but erased objects is deleted. Any other keeps its time and activity, and loses the
references to them, their ids wherever those mean nothing else, and attribute values that equal an id or a value of an
attribute of a subject that it named. The same event gives the same result whenever it comes, so a copy of an event
that was rewritten is a copy of what it was rewritten to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from ingest.erasing.subject import Digests, unescaped, words
from ingest.formats.base import Rejected
from ingest.spool_payload import Waiting
from kernel.attributes import decode, encode

AS_IT_WAS, REWRITTEN, DELETED = 0, 1, 2
EMPTIED = ("actor", "lifecycle", "error_code", "currency", "trace_id", "span_id")
"""Texts of an event that are emptied where they hold an id."""
REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is kept of an erased subject, as the table erased_subjects has it."""

    erasure: str
    key: bytes
    digests: frozenset[bytes]
    texts: frozenset[bytes]
    own: frozenset[bytes]
    lengths: frozenset[int]
    everywhere: bool


class Scrub:
    """Takes out what these tombstones stand for. `keys`: by their fingerprints, of all of them."""

    def __init__(self, tombstones: Sequence[Tombstone], keys: Mapping[bytes, Digests]) -> None:
        self._tombstones, self._keys = tombstones, {one.key: keys[one.key] for one in tombstones}
        self.count = len(tombstones)
        """How many subjects it knows."""
        self.erasures = frozenset(one.erasure for one in tombstones)
        self._lengths = sorted({length for one in tombstones for length in one.lengths})
        self._objects = {digest: n for n, one in reversed(list(enumerate(tombstones))) for digest in one.digests}
        self._ids = _by_digest([one.texts for one in tombstones])
        self._own = _by_digest([one.own for one in tombstones])
        self._wide = frozenset(n for n, one in enumerate(tombstones) if one.everywhere)
        self._shortest = min((length for n in self._wide for length in tombstones[n].lengths), default=None)
        self._object = lru_cache(REMEMBERED)(self._find_object)
        self._equal = lru_cache(REMEMBERED)(self._find_equal)
        self._within = lru_cache(REMEMBERED)(self._find_within)

    # What is meant -------------------------------------------------------------------------------------------

    def _find_object(self, object_type: str, id_: str) -> int | None:
        made = (digests.of_object(object_type, id_) for digests in self._keys.values())
        return next((self._objects[one] for one in made if one in self._objects), None)

    def _find_equal(self, text: str) -> tuple[frozenset[int], frozenset[int]]:
        """The subjects of which a text is an id, and those that had it as a value of an attribute."""
        made = [digests.of_text(text) for digests in self._keys.values()]
        as_id = frozenset().union(*(self._ids.get(one, ()) for one in made))
        return as_id, frozenset().union(*(self._own.get(one, ()) for one in made))

    def _find_within(self, text: str) -> frozenset[int]:
        """The subjects of which a text holds an id as a word."""
        return frozenset().union(*(self._equal(word)[0] for word in words(text, self._lengths)))

    def _holds(self, text: str, named: frozenset[int]) -> bool:
        """Whether a text of something that names these subjects goes."""
        if not text or (not named and (self._shortest is None or len(text) < self._shortest)):
            return False
        if named:
            as_id, own = self._equal(text)
            if named & (as_id | own):
                return True
        return bool(self._wide & self._within(text)) if self._wide else False

    def holds_raw(self, *texts: str) -> bool:
        """Whether any of these holds an id of any subject, as it is or as JSON writes it."""
        return any(self._within(text) or self._within(unescaped(text)) for text in texts if text)

    def goes(self, value: Any) -> bool:
        """Whether a value of an attribute of an object that is not erased goes."""
        return self._any_leaf(value, frozenset())

    def holds_piece(self, piece: Rejected) -> bool:
        """Whether a piece that could not become an event holds an id of any."""
        raw = piece.raw if isinstance(piece.raw, str) else piece.raw.decode("utf-8", "replace")
        return self.holds_raw(raw, piece.key, piece.reason, piece.position, *piece.headers.values())

    # Frames --------------------------------------------------------------------------------------------------

    def events(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """The events that stay, in their order, and of each row that came what became of it: AS_IT_WAS, REWRITTEN or
        DELETED."""
        named = self._named(events)
        touched = sorted({*named, *self._telling(events)})
        fates = [AS_IT_WAS] * events.height
        rows, places = [], []
        for place, row in zip(touched, events[touched].to_dicts(), strict=True):
            left = self._event(row, named.get(place, frozenset()))
            fates[place] = DELETED if left is None else AS_IT_WAS if left == row else REWRITTEN
            if fates[place] == REWRITTEN:
                rows.append(left)
                places.append(place)
        fate = pl.Series("fate", fates, dtype=pl.UInt8)
        if not any(fates):
            return events, fate
        numbered = events.with_row_index("place")
        kept = numbered.filter(fate == AS_IT_WAS)
        if rows:
            index = pl.Series("place", places, dtype=numbered.schema["place"])
            kept = pl.concat([kept, pl.DataFrame(rows, schema=events.schema).insert_column(0, index)]).sort("place")
        return kept.drop("place"), fate

    def objects(self, objects: pl.DataFrame) -> pl.DataFrame:
        """What is told of objects, without the subjects and without values that hold an id of one."""
        kept = objects.filter(~self._erased(objects, "type", "id"))
        if self._shortest is None or kept.is_empty():
            return kept
        held = [value for value in kept["value"].unique() if value and self.goes(decode(value))]
        return kept.filter(~pl.col("value").is_in(held)) if held else kept

    def links(self, links: pl.DataFrame) -> pl.DataFrame:
        """The relations between others."""
        return links.filter(~(self._erased(links, "from_type", "from_id") | self._erased(links, "to_type", "to_id")))

    def waiting(self, waiting: Waiting) -> Waiting:
        """What of the events out of the spool is to be loaded. What a deleted event told of others is told by the one
        before it, if only for the order."""
        events, fate = self.events(waiting.events)
        objects, links = self.objects(waiting.objects), self.links(waiting.links)
        if events.height < waiting.events.height:
            place = (fate != DELETED).cast(pl.Int64).cum_sum() - 1
            moved = place.clip(lower_bound=0).cast(pl.UInt32)
            objects, links = (part.with_columns(moved.gather(part["row"]).alias("row")) for part in (objects, links))
        refused = tuple(
            (receipt, one)
            for receipt, one in waiting.refused
            if not self.holds_raw(one.raw.decode("utf-8", "replace"), one.key, one.reason, *one.headers.values())
        )
        return Waiting(events, objects, links, refused)

    # Parts of them -------------------------------------------------------------------------------------------

    def _named(self, events: pl.DataFrame) -> dict[int, frozenset[int]]:
        """By row, the subjects that an event names."""
        refs = (
            events.select("objects").with_row_index("place").explode("objects", empty_as_null=False).unnest("objects")
        )
        found: dict[int, frozenset[int]] = {}
        for place, object_type, id_ in (
            refs.filter(self._erased(refs, "type", "id")).select("place", "type", "id").rows()
        ):
            subject = self._object(object_type, id_)
            if subject is not None:
                found[place] = found.get(place, frozenset()) | {subject}
        return found

    def _erased(self, frame: pl.DataFrame, type_: str, id_: str) -> pl.Series:
        """Of each row whether its object is erased."""
        objects = frame.select(pl.col(type_).alias("t"), pl.col(id_).alias("i"))
        erased = [pair for pair in objects.unique().rows() if self._object(*pair) is not None]
        if not erased:
            return pl.repeat(False, frame.height, dtype=pl.Boolean, eager=True)
        mark = pl.DataFrame(erased, schema=objects.schema, orient="row").with_columns(pl.lit(True).alias("erased"))
        return objects.join(mark, on=["t", "i"], how="left", maintain_order="left")["erased"].fill_null(False)

    def _telling(self, events: pl.DataFrame) -> list[int]:
        """The rows that hold an id which means nothing else, whatever they name."""
        if self._shortest is None:
            return []
        found = pl.repeat(False, events.height, dtype=pl.Boolean, eager=True)
        for name in (*EMPTIED, "source_event_id"):
            held = [text for text in events[name].unique() if self._holds(text, frozenset())]
            if held:
                found |= events[name].is_in(held)
        held = [text for text in events["attributes"].unique() if self.goes(decode(text))]
        if held:
            found |= events["attributes"].is_in(held)
        return found.arg_true().to_list()

    def _event(self, row: dict[str, Any], named: frozenset[int]) -> dict[str, Any] | None:
        """What stays of an event, or None."""
        objects = [one for one in row["objects"] if self._object(one["type"], one["id"]) is None]
        if named and not objects:
            return None
        left = row | {"objects": [one | {"qualifier": self._emptied(one["qualifier"], named)} for one in objects]}
        left |= {name: self._emptied(row[name], named) for name in EMPTIED}
        own_id = row["source_event_id"]
        if self._within(own_id) & (named | self._wide):
            left["source_event_id"] = self._keys[self._tombstones[min(self._within(own_id))].key].name_for(own_id)
        attributes = decode(row["attributes"])
        kept = {name: value for name, value in attributes.items() if not self._any_leaf(value, named)}
        if len(kept) < len(attributes):
            left["attributes"] = encode(kept)
        return left

    def _emptied(self, text: str, named: frozenset[int]) -> str:
        return "" if self._holds(text, named) else text

    def _any_leaf(self, value: Any, named: frozenset[int]) -> bool:
        return any(self._holds(text, named) for text in _leaves(value))


def _by_digest(digests: Sequence[frozenset[bytes]]) -> dict[bytes, set[int]]:
    """The subjects that each digest is of."""
    found: dict[bytes, set[int]] = {}
    for n, some in enumerate(digests):
        for one in some:
            found.setdefault(one, set()).add(n)
    return found


def _leaves(value: Any) -> Iterator[str]:
    """The texts and whole numbers in a value of an attribute."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        return
    elif isinstance(value, int):
        yield str(value)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, dict) and "$date" not in value:
        for item in value.values():
            yield from _leaves(item)
