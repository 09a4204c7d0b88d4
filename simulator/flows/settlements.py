"""Marketplace settlement: every week what a marketplace says that it owes, against what the retailer's books say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from simulator.flows.order import Order
from simulator.flows.workflows import by_schedule, run_workflow
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import MARKETPLACES
from simulator.world.rhythm import local_date
from simulator.world.times import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

FEES = {"aurora": 0.12, "bazaar": 0.09}
"""Of the value of an order."""
A_LITTLE_WRONG = 0.1
"""Of settlements, on any day; by at most three in a thousand."""
WORTH_A_CLAIM = 0.01
IMPORT = "settlement-import"


class Returned(Protocol):
    """A return, as far as settlements know it."""

    order: Order
    cents: int


class Owed(NamedTuple):
    """What a marketplace owes for a week, in cents. `fees`: as they were agreed."""

    orders: int
    gross: int
    fees: int
    returned: int

    @property
    def net(self) -> int:
        return self.gross - self.fees - self.returned


class Books:
    """What the retailer sold on marketplaces and took back, by when it was done."""

    def __init__(self, world: World) -> None:
        self._sold: dict[str, list[tuple[int, int]]] = {name: [] for name in MARKETPLACES.names}
        self._returned: dict[str, list[tuple[int, int]]] = {name: [] for name in MARKETPLACES.names}
        world.on("order completed", self._completed)
        world.on("return posted", self._posted)

    def _completed(self, order: Order, at_us: int) -> None:
        if order.marketplace:
            self._sold[order.marketplace].append((at_us, order.cents))

    def _posted(self, ret: Returned, at_us: int) -> None:
        if ret.order.marketplace:
            self._returned[ret.order.marketplace].append((at_us, ret.cents))

    def owed(self, marketplace: str, until_us: int) -> Owed:
        """For everything before this instant that was not settled yet."""
        sold, returned = self._sold[marketplace], self._returned[marketplace]
        settled = [cents for at_us, cents in sold if at_us < until_us]
        back = sum(cents for at_us, cents in returned if at_us < until_us)
        sold[:] = [one for one in sold if one[0] >= until_us]
        returned[:] = [one for one in returned if one[0] >= until_us]
        gross = sum(settled)
        return Owed(len(settled), gross, round(gross * FEES[marketplace]), back)


class Settlement(NamedTuple):
    """One on its way. `paid`: what the marketplace says that it owes."""

    thing: Thing
    marketplace: str
    owed: Owed
    paid: int
    draws: Draws
    payout: Thing


def start(world: World) -> None:
    books, waiting = Books(world), list[Settlement]()
    for marketplace in MARKETPLACES.names:
        world.begin(_weeks(world, books, waiting, marketplace))
    world.begin(by_schedule(world, IMPORT, lambda: _import(world, waiting), lambda: [one.thing for one in waiting]))


def _accountants(world: World) -> Crew:
    return world.crew("accountant", lambda: [(world.office, world.sized(1.5, 2))])


def _weeks(world: World, books: Books, waiting: list[Settlement], marketplace: str) -> Process:
    """Weeks end on Sunday night."""
    first = world.first.weekday()
    for day in range(8 - first if first else 8, world.days + 1, 7):
        yield world.until(world.day_us(day))
        world.begin(_report(world, books.owed(marketplace, world.now_us), waiting, marketplace))


def _report(world: World, owed: Owed, waiting: list[Settlement], marketplace: str) -> Process:
    """The marketplace tells what it owes, less than that where a scenario says so."""
    tell, ended_us, system = world.recorder.tell, world.now_us, f"market-{marketplace}"
    last = local_date(world, ended_us - HOUR)
    thing = Thing(
        "settlement", f"ST-{marketplace}-{last}", marketplace=marketplace, company_code="1000", period=last,
        currency="EUR",
    )  # fmt: skip
    draws = Draws(world.seed, "settlement", thing.id)
    tell(system, "Settlement period ended", (thing,), ended_us)
    yield world.until(ended_us + draws.duration_us(15 * 3600, 0.4, 40 * 3600))
    paid = owed.net
    if draws.chance(A_LITTLE_WRONG):
        paid -= round(owed.gross * draws.between(0.0005, 0.003))
    wrong = world.faults.at("settlement_discrepancy", world.now_us, thing, marketplace=marketplace)
    if wrong is not None:
        paid = owed.net - round(owed.net * wrong.size / 100)
    world.recorder.change(thing, "settlement_amount", amount(max(paid, 0)))
    details = {
        "orders": owed.orders, "gross": amount(owed.gross), "fees": amount(owed.gross - owed.returned - paid),
        "returns": amount(owed.returned),
    }  # fmt: skip
    told = tell(system, "Settlement report received", (thing,), world.now_us, cents=paid, details=details)
    if wrong is not None and paid < owed.net:
        shows = {"owed": amount(owed.net), "reported": amount(paid)}
        wrong.hit(thing, world.now_us, cents=owed.net - paid, shown_us=told.seen_us, **shows)
    payout = Thing("payout", f"PY-{thing.id[3:]}", marketplace=marketplace, amount=amount(max(paid, 0)), currency="EUR")
    waiting.append(Settlement(thing, marketplace, owed, paid, draws, payout))


def _import(world: World, waiting: list[Settlement]) -> None:
    """Every morning a workflow fetches the reports that are there."""
    ends_us = world.now_us + (90 if waiting else 6) * SECOND
    run_workflow(world, IMPORT, tuple(one.thing for one in waiting), world.now_us, ends_us)
    for one in waiting:
        world.begin(_settle(world, one, ends_us))
    waiting.clear()


def _settle(world: World, one: Settlement, imported_us: int) -> Process:
    """Match it with the books, claim what is missing, and wait for the money."""
    tell, things, draws = world.recorder.tell, (one.thing,), one.draws
    yield world.until(imported_us)
    tell("erp", "Settlement report imported", things, imported_us)
    yield world.until(erp_batch_us(world, one.thing, world.now_us) + draws.whole(30, 400) * SECOND)
    missing = one.owed.net - one.paid
    details = {"owed": amount(one.owed.net), "reported": amount(one.paid)}
    tell("erp", "Lines matched", things, world.now_us, outcome="rejected" if missing else "ok", details=details)
    world.begin(_payout(world, one))
    if missing:
        world.recorder.change(one.thing, "difference_amount", amount(missing))
        tell("erp", "Fee discrepancy found", things, world.now_us + SECOND, cents=missing, outcome="rejected")
        yield from _claim(world, one, missing)
    yield world.until(world.office.add(world.now_us, draws.duration_us(3 * 3600, 0.7)))
    work = _accountants(world).do(world.now_us, draws.duration_us(15 * 60, 0.5))
    yield world.until(work.end_us)
    tell("erp", "Settlement approved", things, work.end_us, by=work.by)
    posted_us = erp_batch_us(world, one.thing, work.end_us) + draws.whole(5, 240) * SECOND
    tell("erp", "Settlement posted to ERP", things, posted_us, cents=one.paid)


def _claim(world: World, one: Settlement, missing: int) -> Process:
    tell, things, draws, system = world.recorder.tell, (one.thing,), one.draws, f"market-{one.marketplace}"
    yield world.until(world.office.add(world.now_us, draws.duration_us(3 * 3600, 0.7)))
    work = _accountants(world).do(world.now_us, draws.duration_us(45 * 60, 0.5))
    yield world.until(work.end_us)
    tell("erp", "Discrepancy investigated", things, work.end_us, by=work.by)
    if missing < WORTH_A_CLAIM * one.owed.net:
        tell("erp", "Difference written off", things, work.end_us + MINUTE, by=work.by, cents=missing)
        return
    tell("erp", "Claim opened", things, work.end_us + MINUTE, by=work.by, cents=missing)
    yield world.until(world.office.add(work.end_us, draws.duration_us(30 * 3600, 0.5)))
    if draws.chance(0.75):
        tell(system, "Claim accepted", things, world.now_us, cents=missing)
        tell("erp", "Adjustment approved", things, world.now_us + HOUR, by=work.by)
        tell("erp", "Adjustment posted", things, erp_batch_us(world, one.thing, world.now_us + HOUR), cents=missing)
    else:
        tell(system, "Claim rejected", things, world.now_us, outcome="rejected", cents=missing)
        tell("erp", "Difference written off", things, world.now_us + HOUR, by=work.by, cents=missing)
    tell("erp", "Claim closed", things, world.now_us + 2 * HOUR, by=work.by)


def _payout(world: World, one: Settlement) -> Process:
    tell, things, draws = world.recorder.tell, (one.payout, one.thing), one.draws
    world.recorder.link(one.thing, one.payout, "payout")
    tell(f"market-{one.marketplace}", "Payout announced", things, world.now_us + HOUR, cents=one.paid)
    yield world.until(world.office.add(world.now_us + 2 * DAY, draws.duration_us(9 * 3600, 0.5)))
    tell("payments", "Payout received", things, world.now_us, cents=one.paid)
    yield world.until(erp_batch_us(world, one.thing, world.now_us) + draws.whole(5, 240) * SECOND)
    tell("erp", "Payout matched", things, world.now_us, cents=one.paid)
    yield world.until(world.office.add(world.now_us, draws.duration_us(2 * 3600, 0.6)))
    tell("erp", "Settlement closed", (one.thing,), world.now_us)
