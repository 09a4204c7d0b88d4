"""Sales at the tills of the stores, in their own opening hours and time zones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from simulator.world.draws import Draws, Table
from simulator.world.facts import Thing, amount
from simulator.world.retailer import BOUGHT, STORES, Store
from simulator.world.rhythm import IN_STORES, STORES_BY_WEEKDAY, arrivals
from simulator.world.times import WEEKDAYS

if TYPE_CHECKING:
    from simulator.world.world import Process, World

SALES_PER_ORDER = 0.5
"""Sales at all tills together, per order of a day."""
PIECES = Table({"1": 0.6, "2": 0.25, "3": 0.1, "4": 0.05})
PAID_BY = Table({"card": 0.68, "cash": 0.29, "gift_card": 0.03})
TILLS_PER_THOUSAND_SALES = 12
"""How many tills a store has for a thousand sales a day."""


def start(world: World) -> None:
    for store in STORES.values():
        world.begin(_selling(world, store))


def sales_per_day(world: World, store: Store) -> float:
    return world.orders_per_day * SALES_PER_ORDER * store.sales / sum(one.sales for one in STORES.values())


def tills(world: World, store: Store) -> tuple[str, ...]:
    """The tills of a store."""
    count = max(1, round(sales_per_day(world, store) * TILLS_PER_THOUSAND_SALES / 1000))
    return tuple(f"{store.id}-till-{number}" for number in range(1, count + 1))


def days_open(world: World, store: str) -> Iterator[tuple[int, int]]:
    """When a store opens and closes on each day of the simulation on which it is open, in order."""
    hours = world.store_hours[store]
    for opens_us, closes_us in zip(hours.opens_us, hours.closes_us, strict=True):
        if opens_us >= world.end_us:
            return
        if opens_us >= world.start_us:
            yield opens_us, closes_us


def staff(world: World, store: Store, draws: Draws) -> str:
    """Somebody of the store who is there anyway."""
    return f"{store.id}-staff-{draws.whole(1, world.sized(1.2 * store.sales, 1)):02d}"


def _selling(world: World, store: Store) -> Process:
    zone, hours, at_tills = ZoneInfo(store.zone), world.store_hours[store.id], tills(world, store)
    by_hour = [
        weight if int(store.opens[:2]) <= hour < int(store.closes[:2]) else 0 for hour, weight in enumerate(IN_STORES)
    ]
    by_weekday = [weight if day in store.week else 0 for day, weight in zip(WEEKDAYS, STORES_BY_WEEKDAY, strict=True)]
    for at_us in arrivals(world, f"till:{store.id}", sales_per_day(world, store), by_hour, by_weekday, zone):
        if hours.is_open(at_us) and world.faults.at("quiet_shop", at_us, store=store.id) is None:
            yield world.until(at_us)
            _sell(world, store, at_tills, at_us)


def _sell(world: World, store: Store, at_tills: tuple[str, ...], at_us: int) -> None:
    """Somebody pays what is on the shelf of that which they came for."""
    number = world.number(f"sale:{store.id}")
    draws = Draws(world.seed, "sale", store.id, number)
    wanted: dict[str, int] = {}
    for _ in range(int(draws.pick(PIECES))):
        sku = draws.pick(BOUGHT)
        wanted[sku] = wanted.get(sku, 0) + 1
    for sku, more in world.promoted.items():
        if draws.chance(more * len(wanted)):
            wanted[sku] = wanted.get(sku, 0) + 1
    stock, prices, cents, items = world.stock, world.prices["pos"], 0, []
    till, paid_by, by = at_tills[draws.whole(0, len(at_tills) - 1)], draws.pick(PAID_BY), staff(world, store, draws)
    for sku, pieces in sorted(wanted.items()):
        place = sku, store.id
        bought = min(pieces, max(stock.real[place], 0))
        if bought < pieces:
            world.announce("shelf empty", place, pieces - bought, at_us)
        if bought:
            stock.move(place, -bought)
            cents += bought * prices[sku]
            items.append((sku, bought))
            world.announce("pieces sold", place, bought, at_us)
    if not items:
        return
    sale = Thing(
        "pos_transaction", f"X-{store.id}-{number:06d}", store=store.id, region=store.region, brand=store.brand,
        till=till, payment_method=paid_by, amount=amount(cents), currency="EUR",
        quantity=str(sum(bought for _, bought in items)),
    )  # fmt: skip
    details = {"items": " ".join(f"{bought}*{sku}" for sku, bought in items), "till": till, "payment_method": paid_by}
    world.recorder.tell("pos", "Sale completed", (sale,), at_us, by=by, cents=cents, details=details)
    world.announce("sale completed", sale, till, paid_by, cents, at_us)
