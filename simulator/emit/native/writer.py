"""All systems at once: each day's facts to the system that tells them, duplicates some minutes after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from simulator.emit.native.carriers import HarborParcel, MeadowPost, RidgeExpress
from simulator.emit.native.erp import Erp
from simulator.emit.native.markets import Aurora, Bazaar
from simulator.emit.native.n8n import N8n
from simulator.emit.native.offices import Crm, Plain, Pricing, Workforce
from simulator.emit.native.otlp import Bus
from simulator.emit.native.payments import Payments
from simulator.emit.native.pos import Pos
from simulator.emit.native.shop import Shop
from simulator.emit.native.suppliers import SupplierNetwork
from simulator.emit.native.temporal import Temporal
from simulator.emit.native.told import Source, Told
from simulator.emit.native.wms import Wms
from simulator.emit.writer import Beginnings
from simulator.world.retailer import ZONE
from simulator.world.times import MINUTE, local_us

if TYPE_CHECKING:
    from simulator.simulation import Day

SOURCES: dict[str, Callable[[Path], Source]] = {
    "shop": Shop,
    "market-aurora": Aurora,
    "market-bazaar": Bazaar,
    "pos": Pos,
    "erp": Erp,
    "wms": Wms,
    "payments": Payments,
    "crm": Crm,
    "ridge-express": RidgeExpress,
    "meadow-post": MeadowPost,
    "harbor-parcel": HarborParcel,
    "supplier-network": SupplierNetwork,
    "bus": Bus,
    "n8n": N8n,
    "temporal": Temporal,
    "pricing": Pricing,
    "workforce": Workforce,
}
"""The shape of each system; any other one writes plain lines of JSON."""
AGAIN_US = 7 * MINUTE
"""How long after the first time something is told again."""


class NativeWriter:
    """Writes one folder per system into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._sources: dict[str, Source] = {}
        self._beginnings = Beginnings()
        self._again: list[Told] = []

    def day(self, day: Day) -> None:
        by_system: dict[str, list[Told]] = {}
        for fact in day.facts:
            told = Told(fact, fact.seen_us, self._beginnings.of(fact))
            by_system.setdefault(fact.system, []).append(told)
            if fact.repeats > 1:
                again = [told._replace(seen_us=fact.seen_us + number * AGAIN_US) for number in range(1, fact.repeats)]
                self._again += again
        until_us = local_us(day.date + timedelta(days=1), "00:00", ZoneInfo(ZONE))
        due = [told for told in self._again if told.seen_us < until_us]
        for told in due:
            by_system.setdefault(told.fact.system, []).append(told)
        for system in {told.fact.system for told in due}:
            by_system[system].sort(key=lambda told: (told.seen_us, told.fact.number))
        self._again = [told for told in self._again if told.seen_us >= until_us]
        for system, facts in by_system.items():
            if system not in self._sources:
                self._sources[system] = SOURCES.get(system, Plain)(self._folder / system)
            self._sources[system].take(day.date, facts)

    def close(self) -> None:
        for source in self._sources.values():
            source.close()
