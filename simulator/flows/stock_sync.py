"""Stock as it is told: from whoever counts on the spot to the ERP, and from there to the shop and the marketplaces.

A movement tells what has changed of one article at one location since the last one. Its facts carry the level that a
system believes in from then on (`on_hand`), so that the log alone shows what each of them counted with, and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulator.flows.oversell import deaf
from simulator.flows.till import days_open
from simulator.flows.workflows import by_schedule, run_workflow
from simulator.world.draws import Draws
from simulator.world.facts import Fact, Thing, amount
from simulator.world.integration import Delivery, erp_batch_us
from simulator.world.retailer import ARTICLE, CENTER, STORES, WORKFLOWS
from simulator.world.stock import Place
from simulator.world.times import HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.world.world import Process, World

PUSH, PUSH_EVERY_US = "stock-push", WORKFLOWS["stock-push"].every_s * SECOND
COLLECTED_BEFORE_US = 75 * MINUTE
"""How long before each push the warehouse tells what has moved: the ERP's batch comes in between."""
WORTH_TELLING, WORTH_TELLING_IN_STORES = (4, 0.15), (2, 0.2)
"""A change is told when it is so many pieces and such a share of what was told last; running out is told always."""
REPEATS = 6
"""How often a night's journal of one article is posted again, at most, where sales are posted twice."""


def start(world: World) -> None:
    sync = StockSync(world)

    def corrected(place: Place, kind: str, at_us: int) -> None:
        interface = "wms-to-erp" if place[1] == CENTER else "pos-to-erp"
        movement = sync.record(place, kind)
        if kind == "oversell":
            sync.tell("erp", "Oversell reported", movement)
        world.begin(sync.post([movement], interface))

    world.on("stock corrected", corrected)
    world.begin(_collect(world, sync))
    world.begin(by_schedule(world, PUSH, sync.push, sync.places_waiting))
    for store in STORES:
        sold: dict[Place, int] = {}
        if any(active.where["store"] == store for active in world.faults.of("negative_stock")):
            _listen(world, store, sold)
        world.begin(_upload(world, sync, store, sold))


def _listen(world: World, store: str, sold: dict[Place, int]) -> None:
    def hear(place: Place, pieces: int, at_us: int) -> None:
        if place[1] == store:
            sold[place] = sold.get(place, 0) + pieces

    world.on("pieces sold", hear)


def _collect(world: World, sync: StockSync) -> Process:
    """The warehouse tells what has moved, in time for each push."""
    for number in range(1, (world.end_us - world.start_us) // PUSH_EVERY_US + 1):
        yield world.until(world.start_us + number * PUSH_EVERY_US - COLLECTED_BEFORE_US)
        movements = [sync.record(place) for place in sync.changed(CENTER)]
        if movements:
            world.begin(sync.post(movements, "wms-to-erp"))


def _upload(world: World, sync: StockSync, store: str, sold: dict[Place, int]) -> Process:
    """A store sends its journal when it has closed."""
    for _, closes_us in days_open(world, store):
        yield world.until(closes_us + Draws(world.seed, "upload", store, closes_us).whole(20, 50) * MINUTE)
        movements = [sync.record(place) for place in sync.changed(store)]
        for place, pieces in sold.items():
            movements += _again(world, sync, place, pieces)
        sold.clear()
        if movements:
            world.begin(sync.post(movements, "pos-to-erp"))


def _again(world: World, sync: StockSync, place: Place, pieces: int) -> list[Movement]:
    """The day's sales of an article once more, where a scenario has them posted twice, until its stock is negative."""
    thing, believed = world.stock.things[place], world.stock.believed["pos"]
    found: list[Movement] = []
    if world.faults.at("negative_stock", world.now_us, thing, store=place[1]) is not None:
        if believed[place] != sync.told[place]:
            found.append(sync.record(place))
        while believed[place] >= 0 and len(found) <= REPEATS:
            world.stock.tell("pos", place, believed[place] - pieces)
            found.append(sync.record(place))
    return found


class Movement(NamedTuple):
    """A change of stock that is on its way. `on_hand`: how many there are after it."""

    thing: Thing
    place: Place
    on_hand: int


class StockSync:
    """What was told to whom."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told = dict(world.stock.believed["erp"])
        self.waiting: list[Movement] = []
        """What the ERP has posted and the channels do not know yet."""
        self._most: dict[str, int] = {}

    def changed(self, location: str) -> list[Place]:
        """What has changed enough to be told; the rest waits until it has."""
        counted = self.world.stock.believed["wms" if location == CENTER else "pos"]
        least, share = WORTH_TELLING if location == CENTER else WORTH_TELLING_IN_STORES
        found = []
        for place in self.world.stock.moved[location]:
            told, now = self.told[place], counted[place]
            if abs(now - told) >= max(least, share * told) or (now <= 0) != (told <= 0):
                found.append(place)
        for place in found:
            del self.world.stock.moved[location][place]
        return found

    def record(self, place: Place, kind: str = "") -> Movement:
        """Whoever counts on the spot tells the level, and by how many pieces it has changed."""
        world, (sku, location) = self.world, place
        system = "wms" if location == CENTER else "pos"
        on_hand = world.stock.believed[system][place]
        pieces, self.told[place] = on_hand - self.told[place], on_hand
        store = STORES.get(location)
        movement = Thing(
            "stock_movement", f"M-{world.number('stock_movement', 1_000_001)}", sku=sku, store=location,
            region=store.region if store else "", brand=store.brand if store else "",
            movement_type=kind or ("sale" if pieces < 0 else "receipt"),
            movement_value=amount(abs(pieces) * ARTICLE[sku].cents), currency="EUR", quantity=str(pieces),
        )  # fmt: skip
        details = {"sku": sku, "location": location, "pieces": pieces, "on_hand": on_hand}
        things = (movement, world.stock.things[place])
        world.recorder.tell(system, "Stock movement recorded", things, world.now_us, details=details)
        return Movement(movement, place, on_hand)

    def post(self, movements: Sequence[Movement], interface: str) -> Process:
        """The ERP hears of them in one message, and believes in them from its next batch on."""
        world, things = self.world, tuple(one.thing for one in movements)
        sent = world.integration.send(interface, things, world.now_us, len(things))
        if sent.at_us is None:
            return
        yield world.until(sent.at_us)
        batches = [erp_batch_us(world, thing, world.now_us) for thing in things]
        yield world.until(batches[0] + Draws(world.seed, "post", things[0].id).whole(5, 240) * SECOND)
        for one in movements:
            world.stock.tell("erp", one.place, one.on_hand)
            self.tell("erp", "Stock posted in ERP", one)
            if one.on_hand < 0:
                self._negative(one)
        center = [one for one in movements if one.place[1] == CENTER]
        self.waiting += center
        if not center:
            world.recorder.tell("erp", "Stock synchronised", things, world.now_us + SECOND)

    def _negative(self, one: Movement) -> None:
        world, thing = self.world, self.world.stock.things[one.place]
        told = self.tell("erp", "Negative stock reported", one)
        for active in world.faults.of("negative_stock"):
            if active.where["store"] == one.place[1]:
                more = self._more(thing, -one.on_hand) * ARTICLE[one.place[0]].cents
                active.hit(thing, world.now_us, cents=more, shown_us=told.seen_us, on_hand=one.on_hand)
        world.announce("negative stock", one.place, world.now_us)

    def _more(self, thing: Thing, pieces: int) -> int:
        """By how many pieces it is more than ever before: money is counted once, at its most."""
        before = self._most.get(thing.id, 0)
        self._most[thing.id] = max(before, pieces)
        return max(0, pieces - before)

    def places_waiting(self) -> list[Thing]:
        """The articles at locations whose level the channels do not know yet."""
        return [self.world.stock.things[one.place] for one in self.waiting]

    def push(self) -> None:
        """The scheduled run takes what the ERP has posted to the channels."""
        world, at_us = self.world, self.world.now_us
        movements, self.waiting = self.waiting, []
        things = tuple(one.thing for one in movements)
        if not movements:
            run_workflow(world, PUSH, (), at_us, at_us + 2 * SECOND)
            return
        shop = world.integration.send("erp-to-shop", things, at_us + 2 * SECOND, len(things))
        market = world.integration.send("erp-to-market", things, at_us + 3 * SECOND, len(things))
        ends_us = None if shop.at_us is None or market.at_us is None else max(shop.at_us, market.at_us)
        run_workflow(world, PUSH, things, at_us, ends_us)
        details = {"movements": len(movements)}
        world.recorder.tell("n8n", "Stock sent to channels", things, at_us + 2 * SECOND, details=details)
        lost = [one for one in movements if self._lost(one)]
        world.begin(self._arrive(movements, lost, shop, ("shop",), "Stock published to webshop", "shop"))
        sellers = ("market-aurora", "market-bazaar")
        world.begin(self._arrive(movements, [], market, sellers, "Stock published to marketplace", "market"))
        through = tuple(one.thing for one in movements if one not in lost)
        if ends_us is not None and through:
            world.recorder.tell("erp", "Stock synchronised", through, ends_us + SECOND)

    def _lost(self, one: Movement) -> bool:
        """Whether the shop never takes the level, and goes on with another one."""
        world, at_us = self.world, self.world.now_us
        thing, shop = world.stock.things[one.place], world.stock.believed["shop"][one.place]
        diverged = world.faults.at("stock_divergence", at_us, thing, sku=one.place[0], location=one.place[1])
        if diverged is not None and shop != one.on_hand:
            more = self._more(thing, abs(shop - one.on_hand)) * ARTICLE[one.place[0]].cents
            diverged.hit(thing, at_us, cents=more, shown_us=at_us + HOUR, erp=one.on_hand, shop=shop)
        return diverged is not None or deaf(world, one.place[0], at_us)

    def _arrive(
        self,
        movements: Sequence[Movement],
        lost: Sequence[Movement],
        sent: Delivery,
        tellers: tuple[str, ...],
        activity: str,
        system: str,
    ) -> Process:
        """Those who sell have the message: they believe in what it says."""
        if sent.at_us is None:
            return
        yield self.world.until(sent.at_us)
        for one in movements:
            if one not in lost:
                self.world.stock.tell(system, one.place, one.on_hand)
                for teller in tellers:
                    self.tell(teller, activity, one)

    def tell(self, system: str, activity: str, one: Movement) -> Fact:
        """The system tells that it knows of the movement, and what it believes in from now on."""
        sku, location = one.place
        things = (one.thing, self.world.stock.things[one.place])
        details = {"sku": sku, "location": location, "on_hand": one.on_hand}
        return self.world.recorder.tell(system, activity, things, self.world.now_us, details=details)
