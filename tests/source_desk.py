"""A tenant with a shop that sends, as far as its events get into the warehouse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from packs import RULES, delivery

from ingest.live import LiveIngest
from ingest.quarantine import quarantined
from ingest.releasing import Releaser
from ingest.sources.definition import SourceDefinitions
from ingest.sources.delivery import Delivery
from ingest.sources.inlet import SourceInlet
from ingest.sources.registry import Sources
from ingest.spool import Spool
from kernel.clock import FixedClock
from kernel.settings import Settings
from kernel.warehouse import Query, Warehouse

EVENTS = Query(
    "told", "SELECT source_event_id, activity FROM events WHERE tenant = {tenant:String} ORDER BY source_event_id"
)


class Desk:
    """A tenant with a shop that sends webhooks."""

    def __init__(self, warehouse: Warehouse, clock: FixedClock, settings: Settings, tenant: str, folder: Path) -> None:
        self.spool = Spool(settings, clock)
        self.tenant, self.warehouse, self.clock = tenant, warehouse, clock
        self.live = LiveIngest(warehouse, clock, self.spool, tenant, alone=True)
        self.definitions = SourceDefinitions(folder, tenant)
        self.write("mappings", "shop", RULES)
        self.write("sources", "web", {"pack": "shop", "collect": {"kind": "cloudevents"}})
        self.sources = Sources(tenant, self.definitions, self.spool, clock, key="k" * 32)
        self.releaser = Releaser(warehouse, clock, tenant, self.live, self.sources)

    def write(self, kind: str, name: str, content: dict[str, Any]) -> None:
        folder = self.definitions.folder.parent / kind
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.yaml").write_text(json.dumps({**content, "id": name}))

    @property
    def inlet(self) -> SourceInlet:
        return self.sources.inlet("web")

    def account(self, source: str = "web") -> tuple[int, ...]:
        """received, stored, duplicate, quarantined, refused, in_spool: the first is the sum of the others."""
        found = next(one for one in self.spool.accounts(self.tenant) if one.source == source)
        parts = (found.stored, found.duplicate, found.quarantined, found.refused, found.in_spool)
        assert found.received == sum(parts)
        assert min(parts) >= 0
        return (found.received, *parts)

    def told(self) -> list[tuple[str, str]]:
        return self.warehouse.read_for_write(EVENTS, {"tenant": self.tenant}).rows()

    def open(self) -> list[dict[str, Any]]:
        return quarantined(self.warehouse, tenant=self.tenant).to_dicts()


def order(number: int, **more: Any) -> Delivery:
    body = {"id": f"O-{number}", "created_at": "2026-03-02T10:16:00Z", "total": 100, **more}
    return delivery(body, f"orders/{number}", topic="orders/create", event_id=f"e-{number}")
