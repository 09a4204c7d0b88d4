"""Trouble in stores, from a dead till to a warm freezer: reported, assigned, mended, confirmed."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

import simpy

from simulator.world.draws import Draws, Table
from simulator.world.facts import CURRENCY, Thing, amount
from simulator.world.retailer import STORES, Store
from simulator.world.times import DAY, MINUTE

if TYPE_CHECKING:
    from simulator.world.world import Process, World

PER_STORE_A_DAY = 0.3


class Trouble(NamedTuple):
    """A category of trouble. `watched`: how much of it monitoring finds before anybody does; `remote`: how much the
    service desk mends from afar; `sales_cents`: what a store loses in an hour."""

    equipment: tuple[str, ...]
    provider: str
    watched: float
    remote: float
    repair_s: float
    parts: float
    sales_cents: int


TROUBLE = {
    "till": Trouble(("till-1", "till-2", "till-3", "self-checkout"), "tillcare", 0.15, 0.5, 45 * 60, 0.15, 180_00),
    "network": Trouble(("router", "wifi", "line"), "linewise", 0.6, 0.55, 50 * 60, 0.1, 240_00),
    "refrigeration": Trouble(("freezer-1", "freezer-2", "cold-wall"), "frostline", 0.65, 0.05, 95 * 60, 0.35, 90_00),
    "building": Trouble(("door", "lighting", "heating", "roof"), "housekeep", 0.0, 0.05, 70 * 60, 0.25, 25_00),
    "safety": Trouble(("sprinkler", "alarm", "floor"), "housekeep", 0.2, 0.1, 60 * 60, 0.1, 30_00),
    "compliance": Trouble(("scales", "signage"), "housekeep", 0.0, 0.4, 40 * 60, 0.05, 10_00),
}
CATEGORIES = Table({"till": 0.34, "network": 0.16, "refrigeration": 0.16, "building": 0.21, "safety": 0.07,
                    "compliance": 0.06})  # fmt: skip
PRIORITIES = {"till": "high", "network": "high", "refrigeration": "critical"}
HURRY = 0.4
"""How long technicians take to come to what is critical, as times the usual."""
REASSIGNED, WORKAROUND, MISSED, REFUSED, REOPENED, CANCELLED = 0.07, 0.3, 0.05, 0.02, 0.06, 0.03
TECHNICIANS = 6
"""Of each provider."""


class Ticket(Thing):
    """One trouble in one store."""

    __slots__ = ("draws", "store", "trouble")
    draws: Draws
    store: Store
    trouble: Trouble

    @property
    def hurry(self) -> float:
        return HURRY if self.attributes["priority"] == "critical" else 1.0


def start(world: World) -> None:
    world.begin(_breaking(world))


def _breaking(world: World) -> Process:
    """Day after day something breaks somewhere."""
    open_: dict[tuple[str, str], Ticket] = {}
    for day in range(1, world.days + 1):
        begins_us, coming = world.day_us(day), []
        for store in STORES.values():
            draws = Draws(world.seed, "trouble", store.id, day)
            number = 1
            while number < 5 and draws.chance(PER_STORE_A_DAY / (1 + PER_STORE_A_DAY)):
                coming.append((begins_us + draws.whole(0, 86_399_999) * 1000, store, f"{day}-{number}"))
                number += 1
        for at_us, store, name in sorted(coming, key=lambda one: one[0]):
            yield world.until(at_us)
            if world.faults.at("quiet_shop", at_us, store=store.id) is None:
                world.begin(_live(world, open_, store, at_us, f"{store.id}-{name}"))


def _there(world: World, store: Store, at_us: int, draws: Draws) -> int:
    """When somebody is in the store: while it is open, and not closed by the scenario; soon after the doors open."""
    hours = world.store_hours[store.id]
    open_us = hours.at_work(at_us)
    while (quiet := world.faults.at("quiet_shop", open_us, store=store.id)) is not None:
        open_us = hours.at_work(quiet.ends_us)
    return open_us if open_us == at_us else open_us + draws.duration_us(15 * 60, 0.8, 2 * 3600)


def _live(world: World, open_: dict[tuple[str, str], Ticket], store: Store, at_us: int, id_: str) -> Process:
    """From what breaks to the closed ticket."""
    tell = world.recorder.tell
    draws = Draws(world.seed, "store ticket", id_)
    category = draws.pick(CATEGORIES)
    ticket = _ticket(store, category, id_, draws)
    staff = f"{store.id}-desk-01"
    if draws.chance(ticket.trouble.watched):
        yield world.until(at_us)
        tell("crm", "Issue detected by monitoring", (ticket,), world.now_us, actor="store-monitoring")
    else:
        yield world.until(_there(world, store, at_us, draws) + draws.duration_us(10 * 60, 0.8, 3600))
        tell("crm", "Issue reported", (ticket,), world.now_us, by=staff)
    classified_us = world.now_us + draws.duration_us(150, 0.8)
    details = {name: ticket.attributes[name] for name in ("category", "priority", "equipment")}
    tell("crm", "Ticket classified", (ticket,), classified_us, actor="triage", details=details)
    place = store.id, ticket.attributes["equipment"]
    first = open_.get(place)
    if first is not None:
        tell("crm", "Ticket merged", (ticket, first), classified_us + draws.duration_us(600, 0.8), actor="triage")
        return
    open_[place] = ticket
    yield world.until(classified_us)
    by = yield from _answered(world, ticket)
    if draws.chance(CANCELLED):
        tell("crm", "Ticket cancelled", (ticket,), world.now_us + draws.duration_us(1800, 0.8), by=by)
    else:
        yield from _mended(world, ticket, by)
        while True:
            yield world.until(_there(world, store, world.now_us + draws.duration_us(2 * 3600, 0.9, 86_400), draws))
            if not draws.chance(REOPENED):
                break
            tell("crm", "Ticket reopened", (ticket,), world.now_us, by=staff)
            yield from _mended(world, ticket, by)
        tell("crm", "Fix confirmed by store", (ticket,), world.now_us, by=staff)
        tell("crm", "Ticket closed", (ticket,), world.now_us + draws.duration_us(5 * 3600, 0.6), actor="triage")
    del open_[place]


def _ticket(store: Store, category: str, id_: str, draws: Draws) -> Ticket:
    ticket = Ticket("store_ticket", f"ST-{id_}")
    ticket.store, ticket.draws, ticket.trouble = store, draws, TROUBLE[category]
    lost = int(ticket.trouble.sales_cents * store.sales * draws.between(2, 10))
    ticket.attributes |= {
        "store": store.id,
        "region": store.region,
        "brand": store.brand,
        "category": category,
        "priority": PRIORITIES.get(category, "normal"),
        "equipment": ticket.trouble.equipment[draws.whole(0, len(ticket.trouble.equipment) - 1)],
        "service_provider": ticket.trouble.provider,
        "sales_at_risk": amount(lost),
        "currency": CURRENCY,
    }
    return ticket


def _answered(world: World, ticket: Ticket) -> Generator[simpy.Event, Any, str]:
    """By whom at the service desk of all stores."""
    tell, draws = world.recorder.tell, ticket.draws
    desk = world.crew("support", lambda: [(world.awake, 4)])
    work = desk.do(world.now_us + draws.duration_us(5 * 60, 0.8, 1800), draws.duration_us(7 * 60, 0.5, 1800))
    tell("crm", "Ticket assigned", (ticket,), work.start_us, by=work.by)
    yield world.until(work.end_us)
    if draws.chance(REASSIGNED):
        tell("crm", "Ticket reassigned", (ticket,), work.end_us, by=work.by)
        work = desk.do(work.end_us, draws.duration_us(9 * 60, 0.5, 1800))
        yield world.until(work.end_us)
    tell("crm", "First answer given", (ticket,), work.end_us, by=work.by)
    if draws.chance(WORKAROUND):
        around_us = work.end_us + draws.duration_us(12 * 60, 0.6)
        tell("crm", "Workaround given", (ticket,), around_us, by=work.by)
        yield world.until(around_us)
    return work.by


def _mended(world: World, ticket: Ticket, by: str) -> Process:
    """From afar, or by a technician of the provider."""
    tell, draws, store, trouble = world.recorder.tell, ticket.draws, ticket.store, ticket.trouble
    if draws.chance(trouble.remote):
        yield world.until(world.now_us + draws.duration_us(trouble.repair_s, 0.6, 6 * 3600))
        tell("crm", "Issue fixed", (ticket,), world.now_us, by=by)
        return
    order = Thing(
        "work_order", f"WO-{ticket.id[3:]}-{world.number(f'visits of {ticket.id}')}", provider=trouble.provider
    )
    yield world.until(world.now_us + draws.duration_us(50 * 60 * ticket.hurry, 0.8, 5 * 3600))
    world.recorder.link(ticket, order, "work order")
    tell("crm", "Technician dispatched", (ticket, order), world.now_us, by=by)
    yield world.until(
        _there(world, store, world.now_us + draws.duration_us(3 * 3600 * ticket.hurry, 0.7, 30 * 3600), draws)
    )
    by = f"{trouble.provider}-{draws.whole(1, TECHNICIANS):02d}"
    while draws.chance(MISSED + REFUSED):
        missed = "Visit missed" if draws.chance(MISSED / (MISSED + REFUSED)) else "Store access refused"
        tell("crm", missed, (ticket, order), world.now_us, actor=trouble.provider, outcome="error")
        yield world.until(_there(world, store, world.now_us + draws.duration_us(20 * 3600, 0.3), draws))
    work_us = yield from _visited(world, ticket, order, by)
    if draws.chance(trouble.parts):
        work_us += yield from _with_parts(world, ticket, order, by)
    world.recorder.change(order, "cost", amount(60_00 + work_us // MINUTE * 1_20))
    tell("crm", "Issue fixed", (ticket, order), world.now_us, by=by)


def _visited(world: World, ticket: Ticket, order: Thing, by: str) -> Generator[simpy.Event, Any, int]:
    """How long the technician works in the store while it is open."""
    world.recorder.tell("crm", "Technician arrived", (ticket, order), world.now_us, by=by)
    work_us = ticket.draws.duration_us(ticket.trouble.repair_s, 0.5, 5 * 3600)
    yield world.until(world.store_hours[ticket.store.id].add(world.now_us, work_us))
    return work_us


def _with_parts(world: World, ticket: Ticket, order: Thing, by: str) -> Generator[simpy.Event, Any, int]:
    """The second visit, once the parts are there."""
    tell, draws = world.recorder.tell, ticket.draws
    tell("crm", "Parts ordered", (ticket, order), world.now_us, by=by)
    there_us = world.office.at_work(world.now_us + draws.duration_us(1.6 * 86_400, 0.5, 9 * 86_400))
    if there_us - world.now_us > 3 * DAY:
        escalated_us = world.now_us + 2 * DAY
        if ticket.attributes["priority"] == "normal":
            world.recorder.change(ticket, "priority", "high")
        tell("crm", "Ticket escalated", (ticket,), escalated_us, actor="triage")
    yield world.until(there_us)
    tell("crm", "Parts received", (ticket, order), world.now_us, actor=ticket.trouble.provider)
    yield world.until(
        _there(world, ticket.store, world.now_us + draws.duration_us(4 * 3600 * ticket.hurry, 0.6, 86_400), draws)
    )
    return (yield from _visited(world, ticket, order, by))
