"""The lives of customers: accounts, loyalty, reviews; what is done when a parcel is late; and who stays away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.flows.order import Order
from simulator.flows.workflows import run_workflow
from simulator.world.draws import Draws, lot
from simulator.world.facts import CURRENCY, Thing, amount
from simulator.world.retailer import SERVICE, ZONE
from simulator.world.times import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.world import Process, World

NEW, CONSENTS, REVIEWED, REVIEWS = 0.2, 0.72, 0.08, 0.3
"""Of the customers who are seen for the first time; of all; of deliveries; of those asked."""
LEAST_BOUGHT_CENTS, MOST_BOUGHT_CENTS = 90_00, 6_000_00
"""What the others bought in the year before; few bought much (Pareto)."""
BOUNCES, LEAVES, COMES_BACK, WITHDRAWS, CLOSES = 0.03, 0.12, 0.2, 0.03, 0.02
RULE_AFTER_US, CASE_AFTER_US = 30 * HOUR, 4 * DAY
"""How long after the promise a rule grants something, and a person looks after it, when nothing has come."""
SHARE, LEAST_CENTS, MOST_CENTS, APPROVED_ABOVE_CENTS = 0.05, 3_00, 40_00, 10_00


def start(world: World) -> None:
    lives = _Lives(world)
    world.on("order placed", lives.ordered)
    world.on("out of stock", lives.told)
    world.on("order late", lives.late)
    world.on("order delivered", lives.delivered)
    world.on("order completed", lives.completed)
    world.on("order cancelled", lives.cancelled)


class _Lives:
    """What is known of every customer that was seen: whether advertising may be sent, and when they joined the
    loyalty programme, if that was not long ago; and the orders that are late."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.consents: dict[str, bool] = {}
        self.awaited: set[str] = set()
        self.joined_us: dict[str, int] = {}

    def ordered(self, order: Order, at_us: int) -> None:
        """Who orders for the first time may have made an account just before."""
        world, customer = self.world, order.customer
        if customer.id in self.consents:
            return
        for name in ("region", "brand", "channel"):
            customer.attributes[name] = order.attributes[name]
        consents = self.consents[customer.id] = lot(world.seed, "consents", customer.id) < CONSENTS
        drawn = lot(world.seed, "new customer", customer.id)
        new = order.channel != "marketplace" and drawn < NEW
        bought = 0 if new else min(MOST_BOUGHT_CENTS, int(LEAST_BOUGHT_CENTS / (1.0001 - drawn)))
        customer.attributes |= {"yearly_revenue": amount(bought), "currency": CURRENCY}
        draws = Draws(world.seed, "customer", customer.id) if new else None
        if draws is None or (created_us := at_us - draws.duration_us(4 * 60, 0.6, 1800)) < world.start_us:
            return
        tell = world.recorder.tell
        tell("crm", "Account created", (customer,), created_us)
        if consents:
            tell("crm", "Consent given", (customer,), created_us + draws.duration_us(15, 0.4, 50))
        if not draws.chance(0.02):
            tell("crm", "Welcome sent", (customer,), created_us + MINUTE + draws.duration_us(60, 0.9), actor="mailer")
        if order.attributes["customer_segment"] == "loyalty":
            account = Thing("loyalty_account", f"L-{customer.id[2:]}", points="0")
            joined_us = world.awake_us(at_us + draws.duration_us(20 * 60, 1.5, 5 * 86_400), draws)
            self.joined_us[customer.id] = joined_us
            world.recorder.link(customer, account, "loyalty")
            world.recorder.change(customer, "loyalty_tier", "bronze")
            tell("crm", "Loyalty joined", (customer, account), joined_us)

    def told(self, order: Order, places: list[tuple[str, str]], at_us: int) -> None:
        """About their orders customers are told without any consent."""
        told_us = at_us + Draws(self.world.seed, "update", order.id).duration_us(20 * 60, 0.7)
        self.world.recorder.tell("crm", "Order update sent", (order.customer, order), told_us, actor="mailer")

    def delivered(self, order: Order, at_us: int, late: bool) -> None:
        self.awaited.discard(order.id)

    def completed(self, order: Order, at_us: int) -> None:
        """Points for those who collect them; some are asked what they think."""
        world, tell = self.world, self.world.recorder.tell
        at_us = max(at_us, world.now_us)
        loyal = order.attributes["customer_segment"] == "loyalty"
        if loyal and at_us > self.joined_us.get(order.customer.id, 0):
            account = Thing("loyalty_account", f"L-{order.customer.id[2:]}")
            details = {"points": order.cents // 100}
            tell("crm", "Points credited", (order.customer, account, order), at_us + 5 * MINUTE, details=details)
        if self.consents[order.customer.id] and lot(world.seed, "reviewed", order.id) < REVIEWED:
            draws = Draws(world.seed, "review", order.id)
            asked_us = at_us + draws.duration_us(4 * 86_400, 0.2)
            tell("crm", "Review requested", (order.customer, order), asked_us, actor="mailer")
            if draws.chance(REVIEWS):
                given_us = world.awake_us(asked_us + draws.duration_us(20 * 3600, 0.9, 9 * 86_400), draws)
                stars = 1 + draws.whole(0, 1) if order.promised_us < at_us - 3 * DAY else draws.whole(3, 5)
                tell("crm", "Review received", (order.customer, order), given_us, details={"stars": stars})

    def cancelled(self, order: Order, at_us: int, why: str) -> None:
        if why == "out_of_stock":
            self.lost(order, at_us, Draws(self.world.seed, "churn", order.id))

    def late(self, order: Order, thing: Thing, at_us: int) -> None:
        if order.id not in self.awaited:  # one message, however many parcels
            self.awaited.add(order.id)
            self.world.begin(self.recovered(order, thing, at_us))

    def recovered(self, order: Order, thing: Thing, at_us: int) -> Process:
        """Told before they ask; a compensation by rule; a person where that is not enough."""
        world, tell = self.world, self.world.recorder.tell
        yield world.until(at_us)
        draws = Draws(world.seed, "recovery", order.id)
        customer, things = order.customer, (order.customer, order)
        noticed_us = at_us + draws.duration_us(25 * 60, 0.7)
        tell("crm", "Shipment delay noticed", (customer, thing, order), noticed_us, actor="tracking-watch")
        yield world.until(noticed_us)
        told_us = noticed_us + draws.duration_us(40, 0.8)
        bounced = draws.chance(BOUNCES)
        run_workflow(world, "delay-notice", (thing, order), noticed_us, told_us)
        message = "Proactive message failed" if bounced else "Proactive message sent"
        tell("n8n", message, things, told_us + SECOND, actor="n8n:delay-notice", outcome="error" if bounced else "ok",
             error="bounced" if bounced else "")  # fmt: skip
        yield world.until(at_us + RULE_AFTER_US)
        if order.id not in self.awaited:
            return
        yield from self.compensated(order, draws)
        yield world.until(at_us + CASE_AFTER_US)
        if order.id in self.awaited:
            yield from self.looked_after(order, draws)
        self.lost(order, world.now_us, draws)

    def compensated(self, order: Order, draws: Draws) -> Process:
        world, tell, things = self.world, self.world.recorder.tell, (order.customer, order)
        cents = min(MOST_CENTS, max(LEAST_CENTS, int(order.cents * SHARE) // 100 * 100))
        now_us = world.now_us
        tell("crm", "Compensation rule applied", things, now_us, actor="compensation-rules", cents=cents)
        if cents > APPROVED_ABOVE_CENTS:
            yield world.until(world.office.at_work(now_us + draws.duration_us(2 * 3600, 0.7, 9 * 3600)))
            leads = world.crew("team-lead", lambda: [(world.office, world.sized(1, 2))])
            work = leads.do(world.now_us, draws.duration_us(120, 0.5, 900))
            yield world.until(work.end_us)
            if draws.chance(0.06):
                tell("crm", "Compensation refused", things, work.end_us, by=work.by, outcome="rejected", cents=cents)
                return
            tell("crm", "Compensation approved", things, work.end_us, by=work.by, cents=cents)
        else:
            approved_us = now_us + draws.duration_us(3, 0.4)
            tell("crm", "Compensation approved", things, approved_us, actor="compensation-rules", cents=cents)
            yield world.until(approved_us)
        granted_us = world.now_us + draws.duration_us(50, 0.7)
        tell("crm", "Compensation granted", things, granted_us, actor="vouchers", cents=cents)
        if draws.chance(0.4):
            used_us = world.awake_us(granted_us + draws.duration_us(12 * 86_400, 0.9, 90 * 86_400), draws)
            tell("shop", "Compensation redeemed", (order.customer,), used_us, cents=cents)

    def looked_after(self, order: Order, draws: Draws) -> Process:
        world, tell, things = self.world, self.world.recorder.tell, (order.customer, order)
        agents = world.crew("agent", lambda: [(world.hours(ZONE, SERVICE), world.sized(7, 2))])
        work = agents.do(world.now_us, draws.duration_us(15 * 60, 0.5, 3600))
        yield world.until(work.end_us)
        tell("crm", "Service case opened", things, work.start_us, by=work.by)
        if draws.chance(0.15):
            tell("crm", "Service case escalated", things, work.end_us, by=work.by)
        yield world.until(world.now_us + draws.duration_us(1.1 * 86_400, 0.6, 6 * 86_400))
        work = agents.do(world.now_us, draws.duration_us(8 * 60, 0.5, 3600))
        tell("crm", "Service case resolved", things, work.end_us, by=work.by)
        yield world.until(work.end_us)

    def lost(self, order: Order, at_us: int, draws: Draws) -> None:
        """Some stay away after that; of those a few come back."""
        if not draws.chance(LEAVES):
            return
        world, tell, things = self.world, self.world.recorder.tell, (order.customer,)
        flagged_us = at_us + draws.duration_us(12 * 86_400, 0.4)
        tell("crm", "Churn risk flagged", things, flagged_us, actor="churn-model")
        if not self.consents[order.customer.id]:
            return
        offered_us = world.office.at_work(flagged_us + DAY) + draws.duration_us(3 * 3600, 0.5)
        tell("crm", "Win-back offer sent", things, offered_us, actor="mailer")
        answers_us = world.awake_us(offered_us + draws.duration_us(5 * 86_400, 0.8, 40 * 86_400), draws)
        if draws.chance(COMES_BACK):
            tell("crm", "Customer reactivated", things, answers_us)
        elif draws.chance(WITHDRAWS + CLOSES):
            self.consents[order.customer.id] = False
            tell("crm", "Consent withdrawn", things, answers_us)
            if draws.chance(CLOSES / (WITHDRAWS + CLOSES)):
                tell("crm", "Account closed", things, answers_us + draws.duration_us(2 * 86_400, 0.8))
