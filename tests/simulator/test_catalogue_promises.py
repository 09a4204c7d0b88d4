"""What the catalogue promises a retailer can keep: the simulated one does, as long as nothing goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from projected import fresh_tenant

from ingest.catalogue import read_catalogue
from ingest.load import Load, LoadRequest
from kernel.clock import Clock
from kernel.warehouse import Warehouse
from kpis.sla import SlaState, SlaSummary, sla_summary
from mining.projection import refresh
from mining.view import ProcessView
from simulator.emit.writing import write
from simulator.simulation import Simulation
from simulator.world.times import as_datetime

DAYS, ORDERS = 14, 45
FLOOR = 0.75
"""Of the cases of which it is known, so many keep each promise. A promise that is broken more often than that without
any trouble says nothing about trouble."""
UNTOLD = {
    ("integration-call", "sent within two minutes"),
    ("order-to-cash", "dispatched by the promised time"),
    ("price-change", "mismatch resolved within four hours"),
    ("procure-to-pay", "dispute resolved within ten working days"),
    ("promotion-launch", "conflict resolved within one working day"),
    ("store-replenishment", "stockout answered within one day"),
    ("workflow-run", "approval within one working day"),
    ("workflow-run", "failed run taken up within four working hours"),
    ("workflow-run", "started within one minute"),
}
"""The simulated retailer tells nothing that starts the clocks of these."""
RARE = {
    ("click-and-collect", "back on the shelf within one day of expiry"),
    ("customer-lifecycle", "service case resolved within three working days"),
    ("integration-call", "dead letter replayed within four working hours"),
    ("inter-store-transfer", "discrepancy resolved within three store days"),
    ("procure-to-pay", "paid by the due date"),
    ("promotion-launch", "regular prices back within four hours of the end"),
    ("supplier-onboarding", "active within 20 working days of the application"),
}
"""In so few days these may not be decided of any case."""

Kept = Mapping[tuple[str, str], SlaSummary]


@pytest.fixture(scope="module")
def kept(warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Of every promise of the catalogue, by process and name, how it stands when the simulation ends."""
    tenant, folder = fresh_tenant(), tmp_path_factory.mktemp("kept") / "out"
    simulation = Simulation(first=date(2026, 3, 2), days=DAYS, orders_per_day=ORDERS)
    write(simulation, folder, ["ocel2"])
    Load(warehouse, clock, LoadRequest(folder / "ocel2" / "log.json", "order-to-cash", tenant)).run()
    now, found = as_datetime(simulation.world.end_us), {}
    for definition in read_catalogue().processes.values():
        refresh(warehouse, clock, tenant, definition)
        view = ProcessView(warehouse, tenant, definition)
        for promise in definition.promises:
            found[definition.id, promise.name] = sla_summary(view, promise.name, now)
    return found


def decided(one: SlaSummary) -> int:
    return one.cases[SlaState.MET] + one.cases[SlaState.BREACHED]


def test_what_the_catalogue_promises_is_kept_while_nothing_goes_wrong(kept: Kept) -> None:
    assert len({process for process, _ in kept}) == 19
    shares = {name: one.cases[SlaState.MET] / decided(one) for name, one in kept.items() if decided(one)}
    assert {name: round(share, 3) for name, share in shares.items() if share < FLOOR} == {}


def test_promises_are_made_to_somebody(kept: Kept) -> None:
    """A misspelt activity or attribute would start no clock, and nobody would ever hear of it."""
    assert {name for name, one in kept.items() if not decided(one)} - RARE == UNTOLD
