"""A simulation as files: the formats that are wanted, the truth, and a note that says what is what."""

from __future__ import annotations

import gc
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from simulator.emit.copies import copies_of, truth_of, write_copies
from simulator.emit.events import EventsWriter
from simulator.emit.native import NativeWriter
from simulator.emit.ocel2 import OcelWriter
from simulator.emit.parquet import ParquetWriter
from simulator.emit.writer import Writer
from simulator.simulation import Simulation

FORMATS: dict[str, Callable[[Path], Writer]] = {
    "events": EventsWriter,
    "native": NativeWriter,
    "ocel2": OcelWriter,
    "parquet": ParquetWriter,
}
"""What a simulation can be written as."""
COLLECTED_DAYS = 30
"""After so many days unreachable cycles are looked for once."""
TRUTH, NOTE = "truth.json", "README.txt"
Progress = Callable[[int, int], None]
"""Called with the days that are over and all there are, those of copies as well."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written. `files`: by their paths in the folder, in order, with their sizes in bytes."""

    events: dict[str, int]
    """Told by each system in all copies, duplicates counted once."""
    truth: dict[str, Any]
    files: dict[str, int]


def write(
    simulation: Simulation,
    folder: Path,
    formats: Sequence[str],
    progress: Progress | None = None,
    *,
    copies: int = 1,
) -> Written:
    """Let the days pass and write them into a folder that is not there yet, or is empty. Until all is written the files
    are in a folder beside it; a simulation that is stopped leaves nothing.

    `copies`: how often it is there, one copy after the other (`simulator.emit.copies`). ValueError for fewer than one,
    for more than there is time for, and for several in another format than Parquet.
    """
    world = simulation.world
    planned = copies_of(world.first, world.days, copies)
    if copies > 1 and list(formats) != ["parquet"]:
        raise ValueError(f"expected Parquet alone for {copies} copies, got {', '.join(formats)}")

    def days_over(number: int) -> None:
        if progress is not None:
            progress(number, copies * world.days)

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        events = _write_days(simulation, partial, formats, days_over)
        truth = simulation.truth()
        if copies > 1:
            write_copies(partial / "parquet", planned, lambda number: days_over(number * world.days))
            truth = truth_of(truth, planned)
            events = {system: copies * count for system, count in events.items()}
        (partial / TRUTH).write_bytes(msgspec.json.format(msgspec.json.encode(truth), indent=2) + b"\n")
        (partial / NOTE).write_text(note(truth, formats), encoding="utf-8")
        folder.mkdir(exist_ok=True)  # one that was there stays the same folder
        for path in sorted(partial.iterdir()):
            path.rename(folder / path.name)
        partial.rmdir()
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Written(events, truth, {str(path.relative_to(folder)): path.stat().st_size for path in paths})


def _write_days(
    simulation: Simulation, folder: Path, formats: Sequence[str], days_over: Callable[[int], None]
) -> dict[str, int]:
    writers = [FORMATS[name](folder / name) for name in formats]
    told: Counter[str] = Counter()
    with without_collecting():
        for day in simulation.days():
            told.update(fact.system for fact in day.facts)
            for writer in writers:
                writer.day(day)
            if day.number % COLLECTED_DAYS == 0:
                gc.collect()
            days_over(day.number)
    for writer in writers:
        writer.close()
    return dict(sorted(told.items()))


@contextmanager
def without_collecting() -> Iterator[None]:
    """Have no unreachable cycles looked for. A simulation makes few of them, and many objects that live for days:
    looking at these again and again takes a third of its time with Python's usual thresholds."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


NATIVE_NOTE = """\
native/
    A folder per system with what the system itself hands out, in files by the day on which it was told.
    Ids of events are the system's own; what it tells twice has the same id twice.
    The mapping packs sim-SYSTEM make events of it, the same as those of the other formats.
    shop                webhooks: one line of JSON per delivery, headers and body
    market-aurora       reports with tabs, an order on one line per item
    market-bazaar       notifications in JSON
    pos                 the journal of the tills, fields between bars, upload by upload; times of the store
    erp                 CSV per table: change_documents and postings (the business date to the day), with the flow of
                        each document
    wms                 scans in CSV
    payments            envelopes of webhooks in JSON
    ridge-express, meadow-post, harbor-parcel
                        scans of the carriers in JSON, late, in disorder and sometimes twice
    bus                 spans of every attempt of every message: OTLP in JSON, one request per line; those whose end
                        was never told are in a file of their own
    n8n                 executions in JSON, and the log of the engine; an execution that is there again is the newer one
    temporal            histories of executions in JSON, and the log of the workers
    crm, workforce      exports in CSV
    supplier-network    messages after EDIFACT, one per line
    pricing             changes of prices in JSON
    Only systems that told anything have a folder.
"""


def note(truth: dict[str, Any], formats: Sequence[str]) -> str:
    """What the files are, for whoever finds them."""
    parts = [
        f"A simulated retailer: {truth['days']} days from {truth['first_day']}, "
        f"{truth['orders_per_day']:g} orders a day, scenario {truth['scenario']}, seed {truth['seed']}.\n"
        "All names in it are made up. The same arguments give the same bytes.\n",
        f"{TRUTH}\n"
        "    What went wrong: each fault with its time, what it affected and what it cost.\n"
        "    Nothing else here tells of it.\n",
        *([COPIES_NOTE.format(count=len(truth["copies"]))] if "copies" in truth else []),
        *(NOTES[name] for name in formats),
    ]
    return "\n".join(parts)


COPIES_NOTE = """\
copies
    The files hold the days {count} times, one copy after the other, each beginning whole weeks after the one before at
    midnight by the clocks of the head office; truth.json tells when, and what went wrong in each.
    Ids of events and objects end in -c2 in the second copy, -c3 in the third, and traces are others. SKUs, stores,
    interfaces, and SKUs at a location are the same in all copies. What is open at the end of a copy stays open, and
    the next one begins with the stock of the first. What lies between two events of a copy is what lies between them
    in the first: where clocks change within the first copy or another, what comes after is an hour earlier or later by
    the clocks, and a copy may end in the first hour of the next.
"""
NOTES = {
    "events": """\
events/
    events.ndjson       events as the service takes them, one per line, in the order in which the systems told:
                        gembascope catalogue add --all, then gembascope ingest events.ndjson
""",
    "native": NATIVE_NOTE,
    "ocel2": """\
ocel2/
    log.json            OCEL 2.0: events, objects with the history of their attributes, and which belong together
""",
    "parquet": """\
parquet/
    events.parquet      one row per event, in the order in which the systems told; a row's id is the system's own
    mapping.yaml        what its columns mean: gembascope ingest events.parquet --process PROCESS --mapping mapping.yaml
    links.parquet       which objects belong together, and since when
    attributes.parquet  values of attributes of objects; no time: from the beginning. An object that nothing was heard
                        of for weeks may be told of once more.
""",
}
