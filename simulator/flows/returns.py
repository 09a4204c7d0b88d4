"""Return to refund, up to the ERP: asked for, sent or brought, received, inspected, put back on stock and posted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from simulator.flows.carriers import SPEED
from simulator.flows.order import Order
from simulator.flows.refunds import SHOWS_AFTER_US, refund
from simulator.flows.returned import Return, make_return
from simulator.world.draws import Draws, Table, lot
from simulator.world.facts import Thing
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import STORES
from simulator.world.times import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.crew import Crew
    from simulator.world.world import Ending, Process, World

SHARE = 0.094
"""Of the orders that are delivered and paid, how many come back in whole or in part."""
DECIDES_S, SENDS_S, TRAVELS_S = 4.5 * 86_400, 1.8 * 86_400, 1.5 * 86_400
"""How long customers take to ask for it and to send it, and how long parcels take, at the median."""
AGAINST_POLICY, NEVER_SENT, SECOND_SCAN, NOT_ACCEPTED, IN_PART = 0.025, 0.04, 0.4, 0.025, 0.05
REFUND_WITHIN_US = 7 * DAY
"""After receipt; five working days."""
DISPOSITIONS = Table({"restock": 0.82, "refurbish": 0.09, "outlet": 0.06, "scrap": 0.03})
OF_DAMAGED = Table({"restock": 0.05, "refurbish": 0.45, "outlet": 0.2, "scrap": 0.3})


def start(world: World) -> None:
    returned: set[str] = set()
    world.on("order completed", partial(_completed, world, returned))
    world.on("return wanted", partial(_wanted, world, returned))


def _completed(world: World, returned: set[str], order: Order, at_us: int) -> None:
    if lot(world.seed, "comes back", order.id) > SHARE or order.id in returned or order.attributes["purpose"] == "test":
        return
    returned.add(order.id)
    draws = Draws(world.seed, "return", order.id)
    asked_us = max(at_us, world.now_us) + draws.duration_us(DECIDES_S, 0.8, 28 * 86_400)
    world.begin(_live(world, make_return(order, world.awake_us(asked_us, draws), draws)))


def _wanted(world: World, returned: set[str], order: Order, at_us: int, reason: str) -> None:
    """Customer service asks for it; who sends it back anyway does not do so twice."""
    if order.id not in returned:
        returned.add(order.id)
        draws = Draws(world.seed, "return wanted", order.id)
        world.begin(_live(world, make_return(order, at_us, draws, reason)))


def _live(world: World, ret: Return) -> Process:
    """From the customer's wish to the money, or to the refusal."""
    yield world.until(ret.asked_us)
    if ret.store:
        yield world.until(world.store_hours[ret.store].at_work(ret.asked_us))
        if world.faults.at("quiet_shop", world.now_us, store=ret.store) is not None:
            ret.store, ret.carrier = "", ret.order.carrier
            ret.attributes |= {"store": "", "carrier": ret.carrier}
    inspected_us = yield from (_brought(world, ret) if ret.store else _sent(world, ret))
    if inspected_us is None:
        return
    yield world.until(inspected_us)
    posted_us = _disposed(world, ret)
    if posted_us is None:
        return
    yield world.until(posted_us)
    yield from refund(world, ret)


def _asked(world: World, ret: Return, system: str, by: str = "") -> int | None:
    """When the policy allows it; None when it does not."""
    tell, draws, order, at_us = world.recorder.tell, ret.draws, ret.order, world.now_us
    lines = " ".join(f"{line.pieces}*{line.sku}" for line in ret.lines)
    details = {"reason": ret.reason, "lines": lines}
    world.recorder.link(order, ret, "return")
    tell(system, "Return requested", (ret, order, order.customer), at_us, by=by, cents=ret.cents, details=details)
    checked_us = at_us + draws.duration_us(45, 0.8)
    against = draws.chance(AGAINST_POLICY)
    outcome = "rejected" if against else "ok"
    tell("crm", "Return policy checked", (ret,), checked_us, outcome=outcome, actor="returns-policy")
    if not against:
        return checked_us
    ret.settled_us = checked_us + draws.duration_us(60, 0.5)
    tell("crm", "Return rejected", (ret,), ret.settled_us, outcome="rejected", error="against_policy")
    return None


def _sent(world: World, ret: Return) -> Ending:
    """When the returns centre has inspected it; None when it never gets there or is not accepted."""
    tell, draws, order = world.recorder.tell, ret.draws, ret.order
    called = draws.chance(0.15)
    online = "shop" if order.channel == "store" else order.system
    checked_us = _asked(world, ret, "crm" if called else online)
    if checked_us is None:
        return None
    label_us = checked_us + draws.duration_us(75, 0.5)
    parcel = Thing("parcel", f"T{ret.carrier[0].upper()}{order.id[2:]}R{ret.id[-1]}", carrier=ret.carrier)
    world.recorder.link(ret, parcel, "parcel")
    tell("crm", "Return label sent", (ret, parcel), label_us, actor="label-service")
    if draws.chance(NEVER_SENT):
        return None
    at_us = world.rounds.at_work(label_us + draws.duration_us(SENDS_S, 0.7, 20 * 86_400))
    at_us += draws.duration_us(50 * 60, 0.5, 3 * 3600)
    tell(ret.carrier, "Parcel scanned", (parcel,), at_us)
    there_us = at_us + draws.duration_us(TRAVELS_S * SPEED[ret.carrier], 0.35)
    if draws.chance(SECOND_SCAN):
        tell(ret.carrier, "Parcel scanned", (parcel,), at_us + (there_us - at_us) // 5000 * 3000)
    yield world.until(there_us)
    yield world.until(world.returns_hours.at_work(there_us))
    taken_in = _returns_crew(world).do(world.now_us, draws.duration_us(4 * 60, 0.4, 900))
    yield world.until(taken_in.end_us)
    _received(world, ret, (ret, parcel), "wms", taken_in.by)
    yield world.until(world.now_us + draws.duration_us(5 * 3600, 0.7, 30 * 3600))
    looked = _returns_crew(world).do(world.now_us, draws.duration_us(8 * 60, 0.5, 3600))
    return _inspected(world, ret, "wms", looked.end_us, looked.by)


def _brought(world: World, ret: Return) -> Ending:
    """When the store has inspected it; None when it is not accepted."""
    draws, store = ret.draws, ret.store
    desk = world.crew(
        f"{store}-desk", lambda: [(world.store_hours[store], world.sized(0.8 * STORES[store].sales, 1))]
    ).do(world.now_us, draws.duration_us(7 * 60, 0.4, 1800))
    yield world.until(desk.start_us)
    checked_us = _asked(world, ret, "pos", desk.by)
    if checked_us is None:
        return None
    yield world.until(checked_us + 30 * SECOND)
    _received(world, ret, (ret,), "pos", desk.by)
    return _inspected(world, ret, "pos", max(desk.end_us, world.now_us + MINUTE), desk.by)


def _returns_crew(world: World) -> Crew:
    return world.crew("returns", lambda: [(world.returns_hours, world.sized(4, 2))])


def _received(world: World, ret: Return, things: tuple[Thing, ...], system: str, by: str) -> None:
    world.recorder.tell(system, "Return received", things, world.now_us, by=by)
    world.announce("return received", ret, world.now_us)
    world.begin(_promised(world, ret))


def _promised(world: World, ret: Return) -> Process:
    yield world.until(world.now_us + REFUND_WITHIN_US)
    if ret.settled_us is None or ret.settled_us > world.now_us:
        world.announce("refund late", ret, world.now_us)


def _inspected(world: World, ret: Return, system: str, at_us: int, by: str) -> int | None:
    tell, draws = world.recorder.tell, ret.draws
    refused = draws.chance(NOT_ACCEPTED)
    tell(system, "Return inspected", (ret,), at_us, by=by, outcome="rejected" if refused else "ok")
    ret.by = by
    if refused:
        ret.settled_us = at_us + draws.duration_us(20 * 60, 0.5)
        tell(system, "Return rejected", (ret,), ret.settled_us, by=by, outcome="rejected", error="worn")
        back_us = ret.settled_us + draws.duration_us(5 * 60 if ret.store else 1.2 * 86_400, 0.4)
        tell(system, "Returned to customer", (ret,), back_us)
        return None
    if draws.chance(IN_PART):
        ret.cents -= ret.cents * draws.whole(10, 40) // 100
    return at_us + draws.duration_us(60, 0.6, 900)


def _disposed(world: World, ret: Return) -> int | None:
    """The goods go where they belong; when the ERP posts it, None when it never does."""
    draws, at_us = ret.draws, world.now_us
    way = draws.pick(OF_DAMAGED if ret.reason == "damaged" else DISPOSITIONS)
    world.recorder.tell(
        "pos" if ret.store else "wms", "Disposition decided", (ret,), at_us, by=ret.by, details={"to": way}
    )
    if way == "restock":
        for line in ret.lines:
            world.stock.move((line.sku, ret.location), line.pieces)
        world.announce("goods returned", ret, at_us)
    missed = world.faults.at("return_not_posted", at_us, ret, **ret.where)
    if missed is not None:
        missed.hit(ret, at_us + SHOWS_AFTER_US, cents=ret.cents, never="Return posted to ERP")
        return None
    posted_us = erp_batch_us(world, ret, at_us) + draws.whole(1, 240) * SECOND
    world.recorder.tell("erp", "Return posted to ERP", (ret, ret.order), posted_us, cents=ret.cents)
    world.announce("return posted", ret, posted_us)
    return posted_us
