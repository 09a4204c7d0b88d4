"""Stock as it truly is, and as each system believes it to be."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import simpy

from simulator.world.facts import Thing
from simulator.world.retailer import ARTICLES, BOUGHT, CENTER, STORES

if TYPE_CHECKING:
    from simulator.world.world import World

Place = tuple[str, str]
"""An article and a location."""
FIRST_DAYS, FIRST_DAYS_IN_STORES = (12, 26), (6, 16)
"""For how many days of the usual sales there is stock at the beginning, at least and at most. The distribution centre
fills the stores too."""
LEAST = 3
"""Pieces of an article that a location has at the beginning, at least."""
LINES_PER_ORDER = 1.9
"""Pieces of an online order, at the mean."""


class Stock:
    """Pieces of every article at every location. `believed`: by system, what it counts with; it changes when the system
    is told, not when the pieces move. `moved`: by location, of what the count has changed since somebody told of it."""

    def __init__(self, world: World, online_per_day: float, store_per_day: float) -> None:
        """`online_per_day`, `store_per_day`: pieces that are bought, of all articles and stores together."""
        self._world = world
        self.real: dict[Place, int] = {}
        self.believed: dict[str, dict[Place, int]] = {name: {} for name in ("erp", "shop", "market", "wms", "pos")}
        self.usual: dict[Place, float] = {}
        self.things: dict[Place, Thing] = {}
        self.moved: dict[str, dict[Place, None]] = {location: {} for location in (CENTER, *STORES)}
        self._waiting: dict[Place, list[simpy.Event]] = defaultdict(list)
        sales = sum(store.sales for store in STORES.values())
        for article in ARTICLES:
            share = article.weight / BOUGHT.total
            self._open((article.id, CENTER), online_per_day * share)
            for store in STORES.values():
                self._open((article.id, store.id), store_per_day * share * store.sales / sales)

    def _open(self, place: Place, per_day: float) -> None:
        draws = self._world.draws("stock", *place)
        pieces = max(
            LEAST, round(per_day * draws.between(*(FIRST_DAYS if place[1] == CENTER else FIRST_DAYS_IN_STORES)))
        )
        self.usual[place], self.real[place] = per_day, pieces
        self.things[place] = Thing("sku_location", f"{place[0]}@{place[1]}", sku=place[0], location=place[1])
        for system in ("erp", "wms" if place[1] == CENTER else "pos"):
            self.believed[system][place] = pieces
        if place[1] == CENTER:
            self.believed["shop"][place] = self.believed["market"][place] = pieces

    def take(self, place: Place, pieces: int) -> bool:
        """Take pieces if so many are there; whoever counts them knows at once."""
        if self.real[place] < pieces:
            return False
        self.move(place, -pieces)
        return True

    def move(self, place: Place, pieces: int) -> None:
        """Pieces come or go; the system that counts on the spot knows, and whoever waits for them goes on."""
        self.real[place] += pieces
        self.moved[place[1]][place] = None
        on_the_spot = self.believed["wms" if place[1] == CENTER else "pos"]
        on_the_spot[place] = on_the_spot.get(place, 0) + pieces
        if pieces > 0:
            waiting = self._waiting.pop(place, [])
            for event in waiting:
                event.succeed()

    def arrives(self, place: Place) -> simpy.Event:
        """The event that pieces come to this place."""
        event = self._world.env.event()
        self._waiting[place].append(event)
        return event

    def tell(self, system: str, place: Place, pieces: int) -> None:
        """The system believes in so many pieces from now on."""
        self.believed[system][place] = pieces
