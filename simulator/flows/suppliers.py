"""Supplier onboarding: now and then somebody new is invited, screened, contracted and connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.world.draws import Draws, Table
from simulator.world.facts import Thing
from simulator.world.times import HOUR, MINUTE

if TYPE_CHECKING:
    from simulator.world.world import Process, World

EVERY_DAYS = 5
WITHDRAWN, AT_RISK, BANK_WRONG, EDI_FAILS = 0.06, 0.06, 0.08, 0.25
CATEGORIES = Table({"kitchen": 0.3, "garden": 0.25, "textiles": 0.25, "toys": 0.2})
TYPES = Table({"goods": 0.7, "drop shipment": 0.15, "services": 0.1, "3PL": 0.05})


def start(world: World) -> None:
    world.begin(_inviting(world))


def _inviting(world: World) -> Process:
    draws = Draws(world.seed, "suppliers")
    at_us = world.start_us + draws.whole(8, 24) * HOUR
    while at_us < world.end_us:
        yield world.until(world.office.add(at_us, draws.whole(1, 400) * MINUTE))
        world.begin(_onboard(world))
        at_us = world.now_us + draws.whole(12 * EVERY_DAYS, 36 * EVERY_DAYS) * HOUR


def _onboard(world: World) -> Process:
    """From the invitation until orders can be sent."""
    number = world.number("supplier", 901)
    draws, tell = Draws(world.seed, "supplier", number), world.recorder.tell
    spend = draws.whole(20, 400) * 1000
    supplier = Thing(
        "supplier", f"V-{number}", category=draws.pick(CATEGORIES), supplier_type=draws.pick(TYPES), brand="hearth",
        company_code="1000", expected_spend=f"{spend}.00", currency="EUR",
    )  # fmt: skip
    buyer, clerk = f"buyer-0{draws.whole(1, 2)}", f"payables-0{draws.whole(1, 2)}"

    def step(system: str, activity: str, hours: float, by: str = "", outcome: str = "ok") -> Process:
        """So many hours of work later, at the median, this is done."""
        yield world.until(world.office.add(world.now_us, draws.duration_us(hours * 3600, 0.6)))
        tell(system, activity, (supplier,), world.now_us, by=by, outcome=outcome)

    yield from step("erp", "Supplier invited", 0.3, buyer)
    yield from step("supplier-network", "Application submitted", 14)
    yield from step("erp", "Documents requested", 5, buyer)
    if draws.chance(WITHDRAWN):
        yield from step("supplier-network", "Application withdrawn", 20)
        return
    yield from step("supplier-network", "Documents received", 22)
    if draws.chance(AT_RISK):
        yield from step("erp", "Compliance screening failed", 9, clerk, "rejected")
        yield from step("erp", "Onboarding rejected", 6, buyer, "rejected")
        return
    yield from step("erp", "Compliance screened", 6, clerk)
    if draws.chance(BANK_WRONG):
        yield from step("erp", "Bank details rejected", 4, clerk, "rejected")
    yield from step("erp", "Bank details verified", 6, clerk)
    yield from step("erp", "Terms negotiated", 18, buyer)
    yield from step("erp", "Contract sent", 5, buyer)
    yield from step("supplier-network", "Contract signed", 20)
    yield from step("erp", "Onboarding approved", 4, buyer)
    yield from step("erp", "Supplier created in ERP", 5, clerk)
    if draws.chance(EDI_FAILS):
        yield from step("supplier-network", "EDI test failed", 12, outcome="error")
    yield from step("supplier-network", "EDI test passed", 10)
    yield from step("erp", "Supplier activated", 2, buyer)
