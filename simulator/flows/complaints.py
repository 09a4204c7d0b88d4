"""Customer complaints: what makes customers write, and what customer service does about it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulator.flows.order import Order
from simulator.flows.returned import Return
from simulator.world.draws import Draws, Table, lot
from simulator.world.facts import Thing, amount
from simulator.world.retailer import SERVICE, ZONE
from simulator.world.times import HOUR

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

FAULTY = 0.03
"""Of all that is delivered, how much is damaged, or the wrong article."""
WRITES = {"late_delivery": 0.22, "no_confirmation": 0.3, "late_refund": 0.35, "damaged_goods": 0.6,
          "wrong_article": 0.5}  # fmt: skip
"""Of the customers to whom it happens."""
TEAMS = {"late_delivery": "shipping", "no_confirmation": "orders", "late_refund": "refunds",
         "damaged_goods": "goods", "wrong_article": "goods"}  # fmt: skip
GIVES = {"late_delivery": 0.45, "no_confirmation": 0.12, "late_refund": 0.4, "damaged_goods": 0.3,
         "wrong_article": 0.25}  # fmt: skip
"""How often something is offered for the trouble."""
WAYS = Table({"email": 0.46, "chat": 0.27, "phone": 0.22, "social": 0.05})
PATIENCE_S = 7 * 3600
"""How long customers wait for a confirmation, at the median."""
VOUCHER_SHARE, LEAST_CENTS, MOST_CENTS = 0.1, 5_00, 50_00
REASSIGNED, ASKS_DETAILS, ESCALATED, REFUSED, REOPENED, REGULATOR = 0.08, 0.1, 0.07, 0.12, 0.06, 0.002


class Case(Thing):
    """What one customer complains of."""

    __slots__ = ("carrier_failed", "category", "draws", "order")
    order: Order
    draws: Draws
    category: str
    carrier_failed: bool


def start(world: World) -> None:
    open_cases: dict[str, Case] = {}
    complain = partial(_complain, world, open_cases)

    def late(order: Order, thing: Thing, at_us: int) -> None:
        draws = Draws(world.seed, "complaint", "late", order.id, thing.id)
        complain(order, "late_delivery", at_us + draws.duration_us(14 * 3600, 0.9, 6 * 86_400), draws)

    def sent_to_erp(order: Order, at_us: int, there_us: int | None) -> None:
        if there_us is None or there_us - at_us > HOUR:  # patience is longer than that
            draws = Draws(world.seed, "complaint", "stuck", order.id)
            impatient_us = at_us + HOUR + draws.duration_us(PATIENCE_S - 3600, 0.5)
            if there_us is None or there_us > impatient_us:
                complain(order, "no_confirmation", impatient_us, draws)

    def refund_late(ret: Return, at_us: int) -> None:
        draws = Draws(world.seed, "complaint", "refund", ret.id)
        complain(ret.order, "late_refund", at_us + draws.duration_us(30 * 3600, 0.8, 8 * 86_400), draws)

    def delivered(order: Order, at_us: int, late: bool) -> None:
        if (drawn := lot(world.seed, "goods", order.id)) < FAULTY:
            draws = Draws(world.seed, "complaint", "goods", order.id)
            category = "damaged_goods" if drawn < FAULTY * 0.6 else "wrong_article"
            complain(order, category, at_us + draws.duration_us(9 * 3600, 0.9, 6 * 86_400), draws)

    world.on("order late", late)
    world.on("order sent to ERP", sent_to_erp)
    world.on("refund late", refund_late)
    world.on("order delivered", delivered)


def _complain(world: World, open_cases: dict[str, Case], order: Order, category: str, at_us: int, draws: Draws) -> None:
    """Of the customers to whom it happens some write, when they are awake."""
    if draws.chance(WRITES[category]) and order.attributes["purpose"] != "test":
        world.begin(_live(world, open_cases, order, category, world.awake_us(max(at_us, world.now_us), draws), draws))


def _live(world: World, open_cases: dict[str, Case], order: Order, category: str, at_us: int, draws: Draws) -> Process:
    """From the first message until the case is closed; a second one about the same order belongs to the first."""
    yield world.until(at_us)
    tell = world.recorder.tell
    case = _case(world, order, category, draws)
    world.recorder.link(order, case, "complaint")
    tell("crm", "Complaint received", (case, order, order.customer), at_us, details={"way": case.attributes["way"]})
    first = open_cases.get(order.id)
    if first is not None:
        tell("crm", "Case merged", (case, first), at_us + draws.duration_us(8 * 60, 0.7), actor="triage")
        return
    open_cases[order.id] = case
    priority = "high" if order.attributes["customer_segment"] != "consumer" or order.cents > 400_00 else "normal"
    classified_us = at_us + draws.duration_us(100, 0.8)
    details = {"category": category, "priority": priority, "team": TEAMS[category]}
    for name in ("category", "priority"):
        world.recorder.change(case, name, details[name])
    tell("crm", "Complaint classified", (case,), classified_us, actor="triage", details=details)
    routed_us = classified_us + draws.duration_us(20, 0.5)
    tell("crm", "Complaint routed", (case,), routed_us, actor="triage", details={"team": TEAMS[category]})
    yield world.until(routed_us)
    yield from _handle(world, case)
    del open_cases[order.id]


def _case(world: World, order: Order, category: str, draws: Draws) -> Case:
    case = Case("customer_case", f"CC-{order.id[2:]}-{world.number(f'case of {order.id}')}")
    case.order, case.category, case.draws = order, category, draws
    case.carrier_failed = bool(order.attributes["carrier"]) and category in ("late_delivery", "damaged_goods")
    taken = ("channel", "store", "region", "brand", "carrier", "customer_segment", "currency", "purpose")
    case.attributes |= {name: order.attributes[name] for name in taken}
    case.attributes |= {"case_value": amount(order.cents), "way": draws.pick(WAYS)}
    return case


def _agents(world: World) -> Crew:
    return world.crew("agent", lambda: [(world.hours(ZONE, SERVICE), world.sized(7, 2))])


def _handle(world: World, case: Case) -> Process:
    """What customer service does, once or again."""
    tell, draws = world.recorder.tell, case.draws
    yield world.until(world.now_us + draws.duration_us(15 * 60, 0.9, 7200))
    work = _agents(world).do(world.now_us, draws.duration_us(9 * 60, 0.5, 3600))
    tell("crm", "Case assigned", (case,), work.start_us, by=work.by)
    yield world.until(work.end_us)
    if draws.chance(REASSIGNED):
        tell("crm", "Case reassigned", (case,), work.end_us, by=work.by)
        yield world.until(work.end_us + draws.duration_us(40 * 60, 0.8, 4 * 3600))
        work = _agents(world).do(world.now_us, draws.duration_us(9 * 60, 0.5, 3600))
        yield world.until(work.end_us)
    tell("crm", "First answer sent", (case,), work.end_us, by=work.by)
    if draws.chance(ASKS_DETAILS):
        asked_us = work.end_us + draws.duration_us(60, 0.5)
        tell("crm", "Customer details requested", (case,), asked_us, by=work.by)
        told_us = world.awake_us(asked_us + draws.duration_us(9 * 3600, 0.9, 5 * 86_400), draws)
        yield world.until(told_us)
        tell("crm", "Customer details received", (case,), told_us)
    if case.carrier_failed and draws.chance(0.35):
        yield from _claimed(world, case, work.by)
    if draws.chance(ESCALATED):
        escalated_us = world.now_us + draws.duration_us(1800, 0.8)
        world.recorder.change(case, "priority", "urgent")
        tell("crm", "Case escalated", (case,), escalated_us, by=work.by)
        yield world.until(escalated_us)
    if draws.chance(GIVES[case.category]):
        yield from _compensated(world, case, work.by)
    yield from _resolved(world, case)


def _claimed(world: World, case: Case, by: str) -> Process:
    """The carrier is asked where the parcel is, or to pay for it."""
    tell, draws, carrier = world.recorder.tell, case.draws, case.order.carrier
    opened_us = world.now_us + draws.duration_us(6 * 60, 0.6)
    tell("crm", "Carrier claim opened", (case,), opened_us, by=by, details={"carrier": carrier})
    settled_us = world.office.at_work(opened_us + draws.duration_us(20 * 3600, 0.7, 6 * 86_400))
    yield world.until(settled_us + draws.duration_us(1800, 0.6))
    tell("crm", "Carrier claim settled", (case,), world.now_us, actor=carrier, details={"carrier": carrier})


def _compensated(world: World, case: Case, by: str) -> Process:
    """The agent proposes a voucher, somebody else agrees or does not."""
    tell, draws = world.recorder.tell, case.draws
    cents = min(MOST_CENTS, max(LEAST_CENTS, int(case.order.cents * VOUCHER_SHARE) // 100 * 100))
    proposed_us = world.now_us + draws.duration_us(120, 0.5)
    tell("crm", "Compensation proposed", (case,), proposed_us, by=by, cents=cents)
    yield world.until(world.office.at_work(proposed_us + draws.duration_us(2 * 3600, 0.8, 12 * 3600)))
    leads = world.crew("team-lead", lambda: [(world.office, world.sized(1, 2))])
    work = leads.do(world.now_us, draws.duration_us(180, 0.5, 1800))
    refused = draws.chance(REFUSED)
    done = "Compensation refused" if refused else "Compensation approved"
    tell("crm", done, (case,), work.end_us, by=work.by, outcome="rejected" if refused else "ok", cents=cents)
    yield world.until(work.end_us)
    if not refused:
        granted_us = work.end_us + draws.duration_us(90, 0.6)
        tell("crm", "Compensation granted", (case,), granted_us, actor="vouchers", cents=cents)
        yield world.until(granted_us)


def _resolved(world: World, case: Case) -> Process:
    """The goods are replaced or taken back, the customer is told, and mostly that is all."""
    tell, draws, order = world.recorder.tell, case.draws, case.order
    yield world.until(world.now_us + draws.duration_us(2 * 3600, 1.0, 2 * 86_400))
    work = _agents(world).do(world.now_us, draws.duration_us(6 * 60, 0.5, 3600))
    yield world.until(work.end_us)
    if case.category in ("damaged_goods", "wrong_article"):
        if draws.chance(0.4):
            tell("crm", "Replacement ordered", (case, order), work.end_us, by=work.by)
        else:
            tell("crm", "Refund requested", (case, order), work.end_us, by=work.by, cents=order.cents)
            reason = "damaged" if case.category == "damaged_goods" else "wrong_article"
            world.announce("return wanted", order, work.end_us, reason)
    sent_us = work.end_us + draws.duration_us(60, 0.4)
    tell("crm", "Resolution sent", (case,), sent_us, by=work.by)
    while draws.chance(REOPENED):
        again_us = world.awake_us(sent_us + draws.duration_us(7 * 3600, 0.8, 3 * 86_400), draws)
        yield world.until(again_us)
        tell("crm", "Complaint reopened", (case, order.customer), again_us)
        work = _agents(world).do(again_us, draws.duration_us(12 * 60, 0.5, 3600))
        yield world.until(work.end_us)
        sent_us = work.end_us + draws.duration_us(60, 0.4)
        tell("crm", "Resolution sent", (case,), sent_us, by=work.by)
    if draws.chance(REGULATOR):
        sent_us += draws.duration_us(5 * 86_400, 0.5)
        tell("crm", "Regulator involved", (case,), sent_us)
    closed_us = sent_us + draws.duration_us(1.2 * 86_400, 0.4, 4 * 86_400)  # by itself when nobody writes again
    yield world.until(closed_us)
    tell("crm", "Case closed", (case,), closed_us, actor="triage")
