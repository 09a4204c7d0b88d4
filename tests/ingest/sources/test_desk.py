"""How sources are: what was learned of their lags and pauses, and the law of conservation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sent_events import body, event
from source_desk import Desk, order

from ingest.sources.desk import Collecting, SourceDesk
from ingest.sources.lags import source_lags
from kernel.clock import Clock, FixedClock
from kernel.errors import NotFound
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse

BEGIN = datetime(2026, 2, 20, tzinfo=timezone.utc)
HIDE = Query("hide", "ALTER TABLE events DELETE WHERE tenant = {tenant:String} AND source_event_id = 'e-1'")


@pytest.fixture
def desk(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(warehouse, FixedClock(clock.at), load_settings(home=tmp_path), tenant, tmp_path / "definitions")
    with found.spool:
        yield found


def stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def test_lags_and_pauses_are_those_of_the_events(desk: Desk, clock: Clock) -> None:
    """Against numpy, and by store."""
    chance = np.random.default_rng(5)
    seen_s = np.sort(chance.choice(40_000, 60, replace=False))
    lag_s = chance.exponential(90, 60).round(3)
    sent = []
    for number, (at_s, after_s) in enumerate(zip(seen_s, lag_s, strict=True)):
        seen = BEGIN + timedelta(seconds=int(at_s))
        store: dict[str, Any] = (
            {"attributes": {"store": "amber"}} if number % 3 else {"objects": [{"type": "store", "id": "bay"}]}
        )
        occurred = stamp(seen - timedelta(seconds=float(after_s)))
        sent.append(event(number, occurred_at=occurred, seen_at=stamp(seen)) | store)
    desk.live.accept(body(*sent), "erp")
    desk.live.drain()
    (row,) = source_lags(desk.warehouse, desk.tenant, clock.now()).to_dicts()
    assert (row["source"], row["store"], row["events"]) == ("erp", "", 60)
    for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        assert row[f"lag_{name}_s"] == pytest.approx(np.quantile(lag_s, share), abs=1e-6)
    gaps = np.diff(seen_s)
    assert (row["gap_p50_s"], row["gap_p99_s"]) == pytest.approx((np.quantile(gaps, 0.5), np.quantile(gaps, 0.99)))
    last = BEGIN + timedelta(seconds=int(seen_s[-1]))
    assert row["last_seen_at"] == last
    assert row["complete_until"] == pytest.approx(
        last - timedelta(seconds=row["lag_p99_s"]), abs=timedelta(milliseconds=1)
    )
    stores = source_lags(desk.warehouse, desk.tenant, clock.now(), by_store=True)
    assert dict(stores.select("store", "events").rows()) == {"amber": 40, "bay": 20}
    assert source_lags(desk.warehouse, desk.tenant, clock.now(), sources=["wms"]).is_empty()
    late = clock.now() + timedelta(days=40)
    assert source_lags(desk.warehouse, desk.tenant, late).is_empty()  # it was learned too long ago


def standing(desk: SourceDesk, source: str = "web") -> tuple[str, str]:
    found = desk.one(source)
    assert found.missing == 0
    return found.standing, found.why


def test_how_a_source_stands(desk: Desk, tmp_path: Path) -> None:
    collecting: dict[str, Collecting] = {}
    asked = SourceDesk(desk.sources, desk.warehouse, desk.clock, lambda: collecting)
    assert standing(asked) == ("unheard", "nothing came yet")
    for number in range(20):
        desk.inlet.take([order(number)])
        desk.clock.at += timedelta(minutes=10)
    desk.live.drain()
    assert standing(asked) == ("healthy", "")
    desk.clock.at += timedelta(minutes=70)
    assert standing(asked)[0] == "quiet"
    desk.inlet.take([order(30)])
    assert standing(asked)[0] == "healthy"
    collecting["web"] = Collecting("waiting", "the queue does not answer")
    assert standing(asked) == ("waiting", "the queue does not answer")
    collecting.clear()
    desk.inlet.take([order(40 + number, created_at="noon") for number in range(2)])
    assert standing(asked) == ("failing", "2 of 23 events are in quarantine")
    asked.stop("web", "the supplier asked for it")
    assert standing(asked) == ("stopped", "the supplier asked for it")
    asked.resume("web")
    assert standing(asked)[0] == "failing"
    desk.live.accept(body(event(1)), "till")
    assert (standing(asked, "till"), asked.one("till").kind) == (("healthy", ""), "events")
    document = asked.one("web").document()
    assert (document["received"], document["quarantined"], document["bad_share"]) == (23, 2, 2 / 23)
    desk.write("sources", "web", {"pack": "shop", "collect": {"kind": "otlp"}, "off": True})
    assert standing(asked)[0] == "off"
    desk.write("sources", "odd", {"pack": "shop", "collect": {"kind": "pigeon"}})
    assert asked.one("odd").standing == "waiting"
    assert "collect" in asked.one("odd").why
    with pytest.raises(NotFound, match="no source 'nobody'"):
        asked.one("nobody")


def test_what_is_lost_is_noticed(desk: Desk) -> None:
    asked = SourceDesk(desk.sources, desk.warehouse, desk.clock)
    for told in ([order(1), order(2), order(2)], [order(2), order(2, total=200)]):  # the last one is another version
        desk.inlet.take(told)
        desk.live.drain()
        assert asked.unconserved() == []
    desk.warehouse.delete(HIDE, {"tenant": desk.tenant})
    assert asked.unconserved() == ["web: 3 events count as stored, and 2 are there"]
