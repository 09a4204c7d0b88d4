"""Refunds: authorised by a clerk, approved where they are large, sent to payments and paid; and those that a clerk
grants to friends."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulator.faults.active import Active
from simulator.flows.order import Order
from simulator.flows.returned import Return, make_return
from simulator.flows.workflows import run_workflow
from simulator.world.draws import Draws
from simulator.world.facts import CURRENCY, Thing, amount
from simulator.world.integration import ERP_BATCH_AFTER_US, ERP_BATCH_US, erp_batch_us
from simulator.world.retailer import CLERKS
from simulator.world.times import SECOND

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

NEEDS_APPROVAL_CENTS = 250_00
"""Refunds of more than that are approved first."""
APPROVER = CLERKS[0]
"""Who approves all of them when nobody else may."""
ASKS_DETAILS = {"bank_transfer": 0.3, "gift_card": 0.2, "invoice": 0.4}
FAILS = 0.02
SHOWS_AFTER_US = ERP_BATCH_US + ERP_BATCH_AFTER_US
"""By then the ERP has done what it was given, and told it; what is missing is missing."""
FRIENDS = 4
"""Among so few customers a clerk shares what nobody sent back."""
ROUND_CENTS = (50_00, 60_00, 80_00, 100_00, 120_00, 150_00)


def start(world: World) -> None:
    """Clerks grant refunds for nothing when a scenario says so."""
    for number, active in enumerate(world.faults.of("suspicious_refunds")):
        clerk = active.where.get("clerk", CLERKS[(world.seed + number) % len(CLERKS)])
        world.on("order completed", partial(_tempted, world, active, clerk, []))


def refund(world: World, ret: Return) -> Process:
    """The money of a return that the ERP has posted."""
    tell, draws, order = world.recorder.tell, ret.draws, ret.order
    money = _refund_of(world, ret)
    if draws.chance(ASKS_DETAILS.get(order.method, 0.015)):
        yield world.until(_details(world, ret))
    if ret.cents > NEEDS_APPROVAL_CENTS:
        yield from _approved(world, ret, money)
    else:
        yield world.until(world.office.at_work(world.now_us + draws.duration_us(2.5 * 3600, 0.7, 12 * 3600)))
        work = _clerks(world).do(world.now_us, draws.duration_us(90, 0.5, 900))
        yield world.until(work.end_us)
        world.recorder.change(ret, "refund_amount", amount(ret.cents))
        tell("erp", "Refund authorised", (ret, money), work.end_us, by=work.by, cents=ret.cents)
    now_us = world.now_us
    stuck = world.faults.at("refund_stuck", now_us, ret, **ret.where)
    if stuck is not None:
        stuck.hit(ret, now_us + SHOWS_AFTER_US, cents=ret.cents, never="Refund sent to payments")
        return
    yield from _pay(world, ret, money)


def _refund_of(world: World, ret: Return) -> Thing:
    method = ret.order.method
    money = Thing("refund", f"RF-{ret.id[3:]}", amount=amount(ret.cents), currency=CURRENCY, method=method)
    world.recorder.link(ret, money, "refund")
    return money


def _clerks(world: World) -> Crew:
    return world.crew("clerk", lambda: [(world.office, len(CLERKS))])


def _details(world: World, ret: Return) -> int:
    """When the customer has told where the money should go."""
    tell, draws = world.recorder.tell, ret.draws
    asked_us = world.office.at_work(world.now_us + draws.duration_us(2 * 3600, 0.6, 9 * 3600))
    asked_us += draws.duration_us(600, 0.6, 3600)
    things = (ret, ret.order.customer)
    tell("crm", "Customer details requested", things, asked_us, by=f"agent-{draws.whole(1, 8):02d}")
    told_us = world.awake_us(asked_us + draws.duration_us(16 * 3600, 0.9, 7 * 86_400), draws)
    tell("crm", "Customer details received", things, told_us)
    return told_us


def _approved(world: World, ret: Return, money: Thing) -> Process:
    """Any clerk approves it when its turn comes; in a bottleneck one of them has to, days later."""
    tell, draws = world.recorder.tell, ret.draws
    asked_us = world.now_us + draws.duration_us(40, 0.5)
    tell("erp", "Refund approval requested", (ret, money), asked_us, actor="refund-rules", cents=ret.cents)
    usual_us = world.office.at_work(asked_us + draws.duration_us(4 * 3600, 0.6, 20 * 3600))
    work_us = draws.duration_us(4 * 60, 0.5, 1800)
    narrow = world.faults.at("approval_bottleneck", asked_us, ret)
    if narrow is None:
        yield world.until(usual_us)
        work = _clerks(world).do(usual_us, work_us)
        end_us, by = work.end_us, work.by
    else:
        more_us = draws.duration_us(narrow.size * 86_400, 0.3)
        end_us, by = world.office.add(usual_us + more_us, work_us), APPROVER
        shows_us = max(usual_us, asked_us + SHOWS_AFTER_US)
        narrow.hit(ret, shows_us, cents=ret.cents, approver=APPROVER, waits_at_least_s=more_us // SECOND)
    yield world.until(end_us)
    world.recorder.change(ret, "refund_amount", amount(ret.cents))
    tell("erp", "Refund authorised", (ret, money), end_us, by=by, cents=ret.cents)


def _pay(world: World, ret: Return, money: Thing) -> Process:
    """The ERP hands it to payments with its next batch, and once more when that fails."""
    tell, draws = world.recorder.tell, ret.draws
    fails = draws.chance(FAILS)
    while True:
        yield world.until(erp_batch_us(world, money, world.now_us) + draws.whole(1, 120) * SECOND)
        tell("erp", "Refund sent to payments", (ret, money), world.now_us, cents=ret.cents)
        sent = world.integration.send("erp-to-payments", (money, ret), world.now_us)
        if sent.at_us is None:
            return  # a dead letter that nobody replays
        yield world.until(sent.at_us)
        if not fails:
            break
        fails, failed_us = False, sent.at_us + draws.duration_us(90, 0.6)
        tell("payments", "Refund failed", (money,), failed_us, outcome="error", error="account_unknown")
        yield world.until(world.office.at_work(failed_us + draws.duration_us(5 * 3600, 0.6)))
    paid_us = world.now_us + draws.duration_us(4 * 3600, 0.7, 2 * 86_400)
    ret.settled_us = paid_us
    tell("payments", "Payment confirmed", (money,), paid_us, cents=ret.cents)
    world.announce("refund paid", ret, paid_us)
    yield world.until(paid_us)
    told_us = paid_us + draws.duration_us(5, 0.5)
    run_workflow(world, "refund-notice", (money, ret), paid_us, told_us)
    tell("n8n", "Customer notified", (ret, ret.order.customer), told_us + SECOND, actor="n8n:refund-notice")


def _tempted(world: World, active: Active, clerk: str, friends: list[Order], order: Order, at_us: int) -> None:
    """An order that passes brings the clerk to do it again, for an order of a friend."""
    at_us = max(at_us, world.now_us)
    if active.covers(at_us, {"clerk": clerk}) and active.strikes(order):
        if len(friends) < FRIENDS and order.customer.id not in [friend.customer.id for friend in friends]:
            friends.append(order)
        draws = Draws(world.seed, "temptation", active.number, order.id)
        friend = friends[draws.whole(0, len(friends) - 1)]
        world.begin(_granted(world, active, clerk, friend, at_us, draws))


def _granted(world: World, active: Active, clerk: str, order: Order, at_us: int, draws: Draws) -> Process:
    """A refund without anything that came back, of a round amount that nobody has to approve."""
    tell = world.recorder.tell
    yield world.until(world.office.add(at_us, draws.duration_us(4 * 3600, 0.7, 2 * 86_400)))
    now_us = world.now_us
    ret = make_return(order, now_us, draws, "not_as_expected", world.number(f"return of {order.id}", 2))
    ret.store, ret.carrier, ret.cents = "", "", ROUND_CENTS[draws.whole(0, len(ROUND_CENTS) - 1)]
    ret.attributes |= {"store": "", "carrier": "", "refund_amount": amount(ret.cents)}
    world.recorder.link(order, ret, "return")
    tell("crm", "Return requested", (ret, order, order.customer), now_us, by=clerk, cents=ret.cents)
    money = _refund_of(world, ret)
    authorised_us = now_us + draws.duration_us(7 * 60, 0.5, 1800)
    tell("erp", "Refund authorised", (ret, money), authorised_us, by=clerk, cents=ret.cents)
    active.hit(ret, authorised_us + SHOWS_AFTER_US, cents=ret.cents, clerk=clerk, customer=order.customer.id)
    yield world.until(authorised_us)
    yield from _pay(world, ret, money)
