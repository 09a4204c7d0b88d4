"""Cash reconciliation: a till's session from the float in the morning to its cash at the bank."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulator.flows.till import days_open, staff, tills
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import STORES, Store
from simulator.world.times import HOUR, MINUTE, SECOND, as_datetime

if TYPE_CHECKING:
    from simulator.world.world import Process, World

FLOAT_CENTS = 200_00
MUCH_CASH_CENTS = 1_500_00
"""So much is lifted from a till before the evening."""
DIFFERS, CARDS_DIFFER = 0.07, 0.01
"""Of sessions."""

Takings = dict[tuple[str, str], int]
"""Cents by till and way of payment since it was opened."""


def start(world: World) -> None:
    takings: Takings = defaultdict(int)

    def sold(sale: Thing, till: str, paid_by: str, cents: int, at_us: int) -> None:
        takings[till, paid_by] += cents

    world.on("sale completed", sold)
    for store in STORES.values():
        for till in tills(world, store):
            world.begin(_days(world, store, till, takings))


def _days(world: World, store: Store, till: str, takings: Takings) -> Process:
    for opens_us, closes_us in days_open(world, store.id):
        day = as_datetime(opens_us).date().isoformat()
        draws = Draws(world.seed, "cash", till, day)
        session = Thing("cash_session", f"{till}-{day}", store=store.id, region=store.region, brand=store.brand,
                        till=till, currency="EUR")  # fmt: skip
        by, tell = staff(world, store, draws), world.recorder.tell
        yield world.until(opens_us)
        opened_us = opens_us - draws.whole(5, 25) * MINUTE
        tell("pos", "Till opened", (session,), opened_us, by=by)
        tell("pos", "Float counted", (session,), opened_us + draws.duration_us(150, 0.4), by=by, cents=FLOAT_CENTS)
        yield world.until(closes_us - 3 * HOUR)
        if takings[till, "cash"] > MUCH_CASH_CENTS:
            lifted_us = world.now_us + draws.duration_us(1200, 0.5)
            tell("pos", "Cash lifted", (session,), lifted_us, by=by, cents=takings[till, "cash"])
        yield world.until(closes_us)
        cash, cards = takings.pop((till, "cash"), 0), takings.pop((till, "card"), 0)
        takings.pop((till, "gift_card"), 0)
        world.begin(_close(world, store, session, cash, cards, draws, by))


def _close(world: World, store: Store, session: Thing, cash: int, cards: int, draws: Draws, by: str) -> Process:
    """Count what is in the till, explain what is missing, and bring it to the bank."""
    tell, at_us = world.recorder.tell, world.now_us + draws.whole(0, 12) * MINUTE
    world.recorder.change(session, "session_amount", amount(cash + cards))
    tell("pos", "Till closed", (session,), at_us, by=by)
    at_us += draws.duration_us(14 * 60, 0.4, 3000)
    missing = 0
    if cash and draws.chance(DIFFERS):
        missing = min(cash, int(draws.duration_us(6, 1.2)) // SECOND * 100) * (1 if draws.chance(0.7) else -1)
    counted = cash - missing
    details = {"expected": amount(cash), "counted": amount(counted)}
    tell("pos", "Cash counted", (session,), at_us, by=by, cents=counted, details=details)
    if missing:
        at_us += draws.duration_us(5 * 60, 0.4)
        tell("pos", "Cash recounted", (session,), at_us, by=by, cents=counted, details=details)
        at_us += MINUTE
        tell("pos", "Cash difference found", (session,), at_us, outcome="rejected", cents=-missing)
        at_us += draws.duration_us(10 * 60, 0.6)
        world.recorder.change(session, "difference_amount", f"{-missing / 100:.2f}")
        tell("pos", "Difference explained", (session,), at_us, by=by)
        yield world.until(world.office.at_work(at_us))
        seen = world.crew("accountant", lambda: [(world.office, world.sized(1.5, 2))])
        approved = seen.do(world.now_us, draws.duration_us(12 * 60, 0.6))
        tell("erp", "Difference approved", (session,), approved.end_us, by=approved.by)
        at_us = approved.end_us
    yield world.until(at_us)
    matched_us = at_us + draws.duration_us(3 * 3600, 0.4)
    if draws.chance(CARDS_DIFFER):
        tell("payments", "Card difference found", (session,), matched_us, outcome="rejected", cents=cards)
        matched_us += draws.duration_us(9 * 3600, 0.5)
    tell("payments", "Card totals matched", (session,), matched_us, cents=cards)
    sent = world.integration.send("pos-to-erp", (session,), at_us + MINUTE)
    if sent.at_us is None:
        return
    yield world.until(max(sent.at_us, matched_us))
    reconciled_us = world.now_us + 2 * MINUTE
    tell("erp", "Session reconciled", (session,), reconciled_us)
    posted_us = erp_batch_us(world, session, reconciled_us) + draws.whole(1, 300) * SECOND
    tell("erp", "Session posted to ERP", (session,), posted_us, cents=counted + cards)
    closed_us = posted_us
    if counted > 0:
        closed_us = _deposit(world, store, session, counted, draws, by)
    tell("erp", "Session closed", (session,), max(closed_us, posted_us) + 5 * MINUTE)


def _deposit(world: World, store: Store, session: Thing, cents: int, draws: Draws, by: str) -> int:
    """When the bank has credited the cash."""
    tell, hours = world.recorder.tell, world.store_hours[store.id]
    bag = Thing("bank_deposit", f"B-{session.id}", store=store.id, amount=amount(cents), currency="EUR")
    prepared_us = hours.at_work(world.now_us) + draws.duration_us(25 * 60, 0.5)
    world.recorder.link(session, bag, "deposit")
    tell("pos", "Deposit prepared", (bag, session), prepared_us, by=by, cents=cents)
    collected_us = hours.at_work(prepared_us + draws.duration_us(5 * 3600, 0.6))
    tell("pos", "Deposit collected", (bag, session), collected_us, by="armoured-transport")
    credited_us = world.office.at_work(collected_us + draws.duration_us(26 * 3600, 0.3))
    if draws.chance(0.01):
        tell("payments", "Deposit mismatch found", (bag, session), credited_us, outcome="rejected")
        credited_us = world.office.add(credited_us, draws.duration_us(5 * 3600, 0.6))
        tell("erp", "Deposit mismatch resolved", (bag, session), credited_us, by="accountant-01")
    tell("payments", "Deposit credited", (bag, session), credited_us, cents=cents)
    return credited_us
