"""What planners know: how much is bought of each article, what is on order, and when to order more."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulator.world.retailer import ARTICLES, CENTER, STORES, SUPPLIERS
from simulator.world.times import DAY

if TYPE_CHECKING:
    from simulator.world.world import World

LEAD_DAYS = {supplier: 2 + number % 4 for number, supplier in enumerate(SUPPLIERS)}
"""Days from the order until the supplier ships, at the median."""
MORE_DAYS = 5
"""Days of the way, of approval and of the next review, weekends included."""
ENOUGH_DAYS = 8
"""For how many days is ordered at once."""
SAFETY = 0.8
"""Standard deviations of the demand until the goods are there that are kept in reserve."""
JOINED_DAYS = 3
"""An article that would have to be ordered within so many days is ordered with the others of its supplier."""
FROM_CENTER, THROUGH_STORES = 0.86, 1.33
"""Of what is bought online how much the centre sends, and of what is sold at tills how much the stores need."""


class Planning:
    """What is needed at the distribution centre, as far as the ERP knows."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.on_order: dict[str, int] = defaultdict(int)
        self.committed: dict[str, int] = defaultdict(int)
        """Pieces that are wanted in addition, for promotions."""
        usual = world.stock.usual
        self.per_day = {
            one.id: FROM_CENTER * usual[one.id, CENTER] + THROUGH_STORES * sum(usual[one.id, store] for store in STORES)
            for one in ARTICLES
        }
        self.of = {supplier: [one.id for one in ARTICLES if one.supplier == supplier] for supplier in SUPPLIERS}
        world.on("stock committed", self._commit)

    def _commit(self, sku: str, pieces: int, at_us: int) -> None:
        self.committed[sku] += pieces

    def needs(self, supplier: str, at_us: int) -> dict[str, int]:
        """Pieces to order now, by article; none while nothing has reached its reorder point."""
        days = LEAD_DAYS[supplier] + MORE_DAYS
        busy = self._busy(at_us, days)
        wanted: dict[str, int] = {}
        urgent = False
        for sku in self.of[supplier]:
            demand = self.per_day[sku] * days * busy
            least = demand + SAFETY * demand**0.5
            there = self.world.stock.believed["erp"][sku, CENTER] + self.on_order[sku] - self.committed[sku]
            urgent = urgent or there < least
            if there < least + self.per_day[sku] * JOINED_DAYS:
                wanted[sku] = round(least + self.per_day[sku] * ENOUGH_DAYS - there) + 1
        if not urgent:
            return {}
        for sku in wanted:
            self.committed[sku] = 0
        return wanted

    def _busy(self, at_us: int, days: int) -> float:
        """Times the usual demand of these days: planners know of a holiday peak in advance."""
        peaks = self.world.faults.of("holiday_peak")
        if not peaks:
            return 1.0
        found = [self.world.faults.at("holiday_peak", at_us + day * DAY) for day in range(days + 1)]
        return sum(peak.size if peak is not None else 1.0 for peak in found) / len(found)
