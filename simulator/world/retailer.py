"""The retailer itself: its stores, articles, partners, people, interfaces and workflows. All names are made up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from simulator.world.draws import Draws, Table
from simulator.world.facts import TELLING
from simulator.world.times import Week

ZONE = "Europe/Berlin"
"""Where its head office is."""
OFFICE: Week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("08:00", "17:30"))
WAREHOUSE: Week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), ("06:00", "22:00"))
RETURNS_CENTER: Week = {**dict.fromkeys(("mon", "tue", "wed", "thu"), ("07:00", "19:00")), "fri": ("07:00", "17:00")}
DOCK: Week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), ("09:00", "21:00"))
ROUND: Week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), ("07:30", "19:30"))
"""When drivers are out."""
SERVICE: Week = {**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("07:00", "21:00")), "sat": ("09:00", "18:00")}
AWAKE: Week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ("07:30", "22:30"))
"""When customers write, call and answer."""


@dataclass(frozen=True, slots=True)
class Store:
    """A store; `sales`: relative to the others."""

    id: str
    region: str
    zone: str
    brand: str
    sales: float
    opens: str = "09:30"
    closes: str = "20:00"

    @property
    def week(self) -> Week:
        return {day: (self.opens, self.closes) for day in ("mon", "tue", "wed", "thu", "fri", "sat")}


STORES = {
    store.id: store
    for store in (
        Store("harbour", "north", ZONE, "hearth", 1.4),
        Store("lighthouse", "north", ZONE, "hearth", 0.8),
        Store("old-mill", "north", ZONE, "field", 0.6),
        Store("market-square", "west", ZONE, "hearth", 1.6, "09:00", "21:00"),
        Store("river-bank", "west", ZONE, "field", 0.9),
        Store("colliery", "west", ZONE, "hearth", 0.7),
        Store("castle-hill", "south", ZONE, "hearth", 1.2),
        Store("alpine-gate", "south", "Europe/Vienna", "field", 0.8),
        Store("lake-view", "south", "Europe/Zurich", "hearth", 0.9, "09:00", "19:00"),
        Store("station", "east", ZONE, "hearth", 1.3, "08:00", "22:00"),
        Store("amber", "east", "Europe/Vilnius", "field", 0.5, "10:00", "21:00"),
        Store("atlantic", "west", "Europe/Lisbon", "field", 0.7, "10:00", "22:00"),
    )
}
CENTER = "dc-central"
"""The distribution centre."""
LOCATIONS = (CENTER, *STORES)
REGIONS = Table({"north": 0.34, "west": 0.28, "south": 0.22, "east": 0.16})
CHANNELS = Table({"web": 0.55, "marketplace": 0.2, "store": 0.25})
MARKETPLACES = Table({"aurora": 0.65, "bazaar": 0.35})
SEGMENTS = Table({"consumer": 0.7, "loyalty": 0.23, "business": 0.07})
CARRIERS = Table({"ridge-express": 0.38, "meadow-post": 0.37, "harbor-parcel": 0.25})
SUPPLIERS = ("alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper")
CLERKS = tuple(f"clerk-{number:02d}" for number in range(1, 11))
"""Who grants refunds."""


@dataclass(frozen=True, slots=True)
class Interface:
    """A connection between two systems. `median_s`: what one message takes; `workers`: messages at once."""

    id: str
    sender: str
    receiver: str
    protocol: str  # webhook, queue or file
    median_s: float
    workers: int = 8


INTERFACES = {
    one.id: one
    for one in (
        Interface("shop-to-erp", "shop", "erp", "webhook", 3.0),
        Interface("market-to-erp", "market", "erp", "queue", 30.0),
        Interface("pos-to-erp", "pos", "erp", "file", 60.0),
        Interface("erp-to-wms", "erp", "wms", "queue", 8.0),
        Interface("wms-to-erp", "wms", "erp", "queue", 8.0),
        Interface("wms-to-shop", "wms", "shop", "webhook", 4.0),
        Interface("payments-to-erp", "payments", "erp", "webhook", 3.0),
        Interface("erp-to-payments", "erp", "payments", "queue", 6.0),
        Interface("erp-to-shop", "erp", "shop", "queue", 10.0),
        Interface("erp-to-market", "erp", "market", "queue", 25.0),
        Interface("pricing-to-pos", "pricing", "pos", "file", 120.0),
        Interface("pricing-to-shop", "pricing", "shop", "webhook", 4.0),
        Interface("pricing-to-market", "pricing", "market", "queue", 45.0),
        Interface("supplier-to-erp", "supplier-network", "erp", "file", 300.0),
        Interface("crm-to-erp", "crm", "erp", "queue", 5.0),
    )
}


@dataclass(frozen=True, slots=True)
class Workflow:
    """An automation of a workflow engine. One that is scheduled runs by itself: `after_s` past every `every_s` seconds,
    or once a day when clocks of the head office show `daily`. Others run when something happens."""

    id: str
    engine: str
    every_s: int = 0
    after_s: int = 0
    daily: str = ""

    @property
    def is_scheduled(self) -> bool:
        return bool(self.every_s or self.daily)


WORKFLOWS = {
    one.id: one
    for one in (
        Workflow("order-export", "n8n"),
        Workflow("stock-push", "n8n", every_s=7200),
        Workflow("refund-notice", "n8n"),
        Workflow("price-publish", "n8n", every_s=3600, after_s=1200),  # when the ERP's batch is through
        Workflow("settlement-import", "n8n", daily="05:40"),
        Workflow("delay-notice", "n8n"),
        Workflow("store-order", "temporal"),
    )
}


@dataclass(frozen=True, slots=True)
class Article:
    """An article (SKU). `weight`: how often it is bought, relative to the others."""

    id: str
    supplier: str
    cents: int
    weight: float


ARTICLES = tuple(
    Article(
        f"sku-{number:04d}",
        SUPPLIERS[number % len(SUPPLIERS)],
        round(Draws(1, "price", number).between(6, 60) ** 1.35) * 100 - 1,
        (number + 8) ** -0.9,  # few are bought much, most seldom (Zipf)
    )
    for number in range(1, 241)
)
ARTICLE = {article.id: article for article in ARTICLES}
BOUGHT = Table({article.id: article.weight for article in ARTICLES})

NAMES: Mapping[str, Collection[str]] = {
    "interface": INTERFACES,
    "workflow": WORKFLOWS,
    "scheduled workflow": [one.id for one in WORKFLOWS.values() if one.is_scheduled],
    "store": STORES,
    "location": LOCATIONS,
    "region": REGIONS.names,
    "channel": CHANNELS.names,
    "marketplace": MARKETPLACES.names,
    "carrier": CARRIERS.names,
    "supplier": SUPPLIERS,
    "clerk": CLERKS,
    "sku": ARTICLE,
    "source": TELLING,
}
"""What a scenario can name."""
