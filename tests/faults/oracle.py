"""What must hold when everything was acknowledged, loaded and the service ended: the violations, each with its law.

L1  what was acknowledged is in the warehouse or the quarantine
L2  nothing is there that was not sent
L3  no event is there twice, nor is a relation of one, nor a place in a path
L4  what an event says is what was sent
L5  received = stored + duplicate + quarantined + refused + in_spool for each source, each of them counted anew: in the
    warehouse, in the quarantine, in the spool's entries and in what the sender knows
L6  a request was taken whole or not at all
Q   what is no event is in the quarantine with the bytes that were sent
H   no answer that no fault excuses
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from faults.bad_input import SOURCE as HOSTILE
from faults.bad_input import bad_inputs
from faults.events import SOURCES, shown
from faults.ledger import Sent
from faults.pipeline import Pipeline

from ingest.spool_account import COUNTS


@dataclass(slots=True)
class Verdict:
    violations: list[str] = field(default_factory=list)
    events: int = 0  # that were acknowledged
    tries: int = 0
    unknown: int = 0
    refused: int = 0
    quarantined: int = 0

    def say(self, law: str, what: str) -> None:
        self.violations.append(f"{law}: {what}")

    @property
    def laws(self) -> set[str]:
        return {violation.partition(":")[0] for violation in self.violations}


def judge(pipeline: Pipeline, status: dict[str, dict[str, Any]], *, receipts: bool = True) -> Verdict:
    """Open the home, which no service may hold, and compare it with the ledger. `status` is what the service said at
    last. `receipts`: whether the spool still has the lines of all entries, which it keeps for a day."""
    folder = pipeline.look()
    verdict, sent = Verdict(), pipeline.ledger.read()
    events = pl.read_parquet(folder / "events.parquet")
    quarantine = pl.read_parquet(folder / "quarantine.parquet")
    counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
    for strange in pipeline.strange:
        verdict.say("H", strange)
    for number in sorted(pipeline.pending):
        verdict.say("L1", f"batch {number} was never acknowledged")
    _events(verdict, pipeline, sent, events, quarantine)
    _relations(verdict, counts, events)
    _quarantine(verdict, pipeline, sent, quarantine)
    for source in SOURCES:
        mine = [one for one in sent.values() if one.source == source]
        if mine:
            _account(verdict, pipeline, source, mine, status, counts, events, quarantine)
    if receipts:
        _receipts(verdict, sent, counts)
    verdict.tries = sum(one.begun for one in sent.values())
    verdict.unknown = sum(one.unknown for one in sent.values())
    verdict.refused = sum(one.refused for one in sent.values())
    verdict.events = sum(one.events for one in sent.values() if one.acked)
    verdict.quarantined = quarantine.height
    return verdict


def _events(
    verdict: Verdict, pipeline: Pipeline, sent: dict[int, Sent], events: pl.DataFrame, quarantine: pl.DataFrame
) -> None:
    found: dict[tuple[str, str], str] = {}
    doubled = 0
    columns = ("source", "id", "activity", "occurred_at", "actor", "attributes", "value", "currency", "objects")
    for source, name, activity, at, actor, attributes, value, currency, objects in events.select(columns).iter_rows():
        doubled += (source, name) in found
        references = sorted(tuple(one) for one in objects)
        found[source, name] = shown(activity, at, actor, attributes, value, currency, references)
    if doubled:
        verdict.say("L3", f"{doubled} events are stored more than once")
    missing, other = 0, 0
    poisons = set(quarantine.filter(pl.col("position").str.starts_with("event "))["position"])
    for number, one in sent.items():
        batch = pipeline.batch(number)
        for name, digest in batch.contents().items():
            there = found.pop((batch.source, name), None)
            if there is None:
                missing += one.acked > 0
            else:
                other += there != digest
        if one.acked:
            lost = [n for n in batch.numbers if batch.is_poison(n) and f"event e{n}" not in poisons]
            missing += len(lost)
    if missing:
        verdict.say("L1", f"{missing} acknowledged events are neither in the warehouse nor in the quarantine")
    if other:
        verdict.say("L4", f"{other} events say something else than was sent")
    if found:
        verdict.say("L2", f"{len(found)} events are there that were not sent: {sorted(found)[:3]}")


def _relations(verdict: Verdict, counts: dict[str, Any], events: pl.DataFrame) -> None:
    if counts["doubled_relations"]:
        verdict.say("L3", f"{counts['doubled_relations']} relations are stored more than once")
    for what in ("relations", "in_paths"):
        if counts[what] != counts[f"expected_{what}"]:
            law = "L3" if counts[what] > counts[f"expected_{what}"] else "L1"
            verdict.say(law, f"{counts[what]} {what}, and events for {counts[f'expected_{what}']}")
    marked = events.filter(pl.col("id").str.slice(1).cast(pl.Int64) % 50 == 0)
    expected = marked["objects"].list.first().list.get(1).n_unique()
    for what in ("priorities", "linked"):
        if counts[what] != expected:
            verdict.say("L1", f"{counts[what]} {what}, and events for {expected}")


def _quarantine(verdict: Verdict, pipeline: Pipeline, sent: dict[int, Sent], quarantine: pl.DataFrame) -> None:
    whole = quarantine.filter(pl.col("position").str.starts_with("request "))
    held = Counter(whole.filter(pl.col("source") != HOSTILE)["raw"])
    bodies = [bad.body for bad in bad_inputs()] if (whole["source"] == HOSTILE).any() else []
    for raw in whole.filter(pl.col("source") == HOSTILE)["raw"]:
        if not any(raw.encode() in body for body in bodies):
            verdict.say("Q", f"a piece of bad input is not kept as it was sent: {raw[:80]!r}")
    for number, one in sent.items():
        for broken in pipeline.batch(number).broken_texts():
            copies = held.pop(broken, 0)
            if copies < one.acked:
                verdict.say("Q", f"{one.acked - copies} of what is no event, in batch {number}, are not kept as sent")
            if copies > one.acked + one.unknown:
                verdict.say("L3", f"what is no event, in batch {number}, is kept {copies} times")
    if held:
        verdict.say("Q", f"{len(held)} pieces are in the quarantine that were not sent so: {sorted(held)[:2]}")


def _account(
    verdict: Verdict,
    pipeline: Pipeline,
    source: str,
    mine: list[Sent],
    status: dict[str, dict[str, Any]],
    counts: dict[str, Any],
    events: pl.DataFrame,
    quarantine: pl.DataFrame,
) -> None:
    found = counts["accounts"].get(source, dict.fromkeys(COUNTS, 0))
    shown_as = status.get(source, {})
    if {name: found[name] for name in found if name in shown_as} != {
        name: shown_as[name] for name in found if name in shown_as
    }:
        verdict.say("L5", f"{source}: the status said {shown_as}, the spool holds {found}")
    parts = ("stored", "duplicate", "quarantined", "refused", "in_spool")
    if found["received"] != sum(found[name] for name in parts) or min(found.values()) < 0:
        verdict.say("L5", f"{source}: {found} does not add up")
    if found["in_spool"] or found["spool_bytes"]:
        verdict.say("L5", f"{source}: nothing waits, and {found['in_spool']} events are said to")
    stored = events.filter(pl.col("source") == source)["id"].n_unique()
    kept = quarantine.filter(pl.col("source") == source).height
    if (found["stored"], found["quarantined"]) != (stored, kept):
        said = f"stored {found['stored']}, quarantined {found['quarantined']}"
        verdict.say("L5", f"{source}: {said}; in the warehouse are {stored}, in the quarantine {kept}")
    whole = pipeline.size + mine[0].broken
    acked, unknown, refused = (sum(getattr(one, name) for one in mine) for name in ("acked", "unknown", "refused"))
    more = found["received"] - found["refused"] - acked * whole
    if more % whole:
        verdict.say("L6", f"{source}: {more % whole} events of a request that was not taken whole")
    if not 0 <= more <= unknown * whole:
        verdict.say("L5", f"{source}: {more} events more were taken than acknowledged; {unknown * whole} may have been")
    if not refused * whole <= found["refused"] <= (refused + unknown) * whole:
        verdict.say("L5", f"{source}: {found['refused']} are said to be refused; senders know of {refused * whole}")


def _receipts(verdict: Verdict, sent: dict[int, Sent], counts: dict[str, Any]) -> None:
    held = {receipt: events for receipt, _, events in counts["entries"]}
    for one in sent.values():
        for receipt in one.receipts:
            if held.get(receipt) != one.events:
                verdict.say("L1", f"receipt {receipt} of batch {one.batch} is for {held.get(receipt)} events")
