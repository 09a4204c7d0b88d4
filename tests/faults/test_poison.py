"""Events that the warehouse does not take are counted as the quarantine holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sent_events import SENDER, body, event

from ingest.live import LiveIngest
from ingest.quarantine import quarantined
from ingest.spool import Spool
from ingest.store import EventStore
from kernel.clock import Clock
from kernel.errors import WarehouseError
from kernel.settings import load_settings
from kernel.warehouse import Warehouse


def test_copies_of_one_poison_event_are_one_entry_and_duplicates(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_step = EventStore.store_step

    def refusing(self: EventStore, origin: Any, step: Any, **more: Any) -> Any:
        if "poison" in step.names["activity"]:
            raise WarehouseError("ClickHouse refused (TYPE_MISMATCH, code 53)", code=53)
        return store_step(self, origin, step, **more)

    monkeypatch.setattr(EventStore, "store_step", refusing)
    poison, other = event(1, activity="poison"), event(3, activity="poison")
    with Spool(load_settings(home=tmp_path), clock) as spool:
        live = LiveIngest(warehouse, clock, spool, tenant, alone=True)
        live.accept(body(poison, event(2), poison, other), SENDER)
        live.drain()
        (account,) = spool.accounts(tenant)
        held = quarantined(warehouse, tenant=tenant, source=SENDER).height
    assert (account.received, account.stored, account.duplicate, account.quarantined) == (4, 1, 1, 2)
    assert held == account.quarantined
