"""Simulated days written in all forms, and what a warehouse holds of them, to be compared row by row."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest

from ingest.load import Load, LoadRequest
from kernel.clock import Clock
from kernel.warehouse import Query, Warehouse
from simulator.emit.writing import write
from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation

ROWS = Query("rows_of_table", "SELECT * FROM {table:Identifier} WHERE tenant = {tenant:String}")
LOADING = ("tenant", "batch", "ingested_at", "mode", "event_id", "content_hash")
"""When and how a row was loaded, and hashes over the tenant."""
TABLES = {
    "events": LOADING,
    "event_objects": LOADING,
    "object_attributes": (*LOADING, "source"),
    "object_links": (*LOADING, "source"),
}
"""The tables that are compared, with the columns that are left out."""
MONDAY = date(2026, 3, 23)


class World(NamedTuple):
    """What was written of a simulation: `told`, its events, each once, and `struck`, its faults that did anything."""

    folder: Path
    told: int
    struck: int


def simulated(folder: Path, scenario: Scenario, days: int, orders: int) -> World:
    simulation = Simulation(first=MONDAY, days=days, orders_per_day=orders, scenario=scenario)
    written = write(simulation, folder, ["events", "native", "ocel2"])
    struck = sum(bool(fault["affected"]) for fault in written.truth["faults"])
    return World(folder, sum(written.events.values()), struck)


def content(warehouse: Warehouse, tenant: str) -> dict[str, list[str]]:
    """What the warehouse holds of a tenant, by table, each row once."""
    found = {}
    for table, besides in TABLES.items():
        frame = warehouse.read_for_write(ROWS, {"table": table, "tenant": tenant})
        if "attribute" in frame.columns:
            frame = frame.filter(frame["attribute"] != "")
        found[table] = sorted({str(row) for row in frame.drop(besides, strict=False).iter_rows(named=True)})
    return found


def loaded(warehouse: Warehouse, clock: Clock, tenant: str, path: Path) -> dict[str, list[str]]:
    report = Load(warehouse, clock, LoadRequest(path, "", tenant)).run()
    assert (report.quarantined, report.refused, report.conflicts) == (0, 0, 0)
    return content(warehouse, tenant)


def same(one: dict[str, list[str]], other: dict[str, list[str]]) -> None:
    for table in TABLES:
        mine, yours = set(one[table]), set(other[table])
        missing, more = sorted(yours - mine), sorted(mine - yours)
        if missing or more:
            examples = "\n".join([*missing[:3], "instead of", *more[:3]])
            pytest.fail(f"{table}: of {len(yours)} rows {len(missing)} are missing, {len(more)} too many:\n{examples}")
