"""A file of events in the form that is sent: the same warehouse as if they had been sent, and nothing lost of what is
wrong in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ingest.files import recognise
from ingest.formats.base import Limits
from ingest.formats.events import is_event
from ingest.live import LiveIngest
from ingest.load import Load, LoadReport, LoadRequest
from ingest.quarantine import quarantined
from ingest.spool import Spool
from kernel.clock import Clock
from kernel.errors import UnreadableFile
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from simulator.emit.canonical import Canonical
from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation

Loader = Callable[..., LoadReport]
TABLES = ("events", "event_objects", "object_attributes", "object_links")
BESIDES = ("tenant", "batch", "ingested_at", "mode", "event_id", "content_hash")
ALL = Query("all_rows", "SELECT * FROM {table:Identifier} WHERE tenant = {tenant:String}")
EVENT = {
    "id": "1",
    "source": "erp",
    "activity": "Order placed",
    "occurred_at": "2026-03-02T08:00:00Z",
    "objects": [{"type": "order", "id": "O-1", "attributes": {"channel": "web"}}],
    "links": [{"from": {"type": "order", "id": "O-1"}, "to": {"type": "delivery", "id": "D-1"}}],
}


@pytest.fixture
def load(warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path) -> Loader:
    def run(*lines: object, source: str | None = None, limits: Limits | None = None) -> LoadReport:
        path = tmp_path / "events.ndjson"
        path.write_bytes(b"\n".join(one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines))
        request = LoadRequest(path=path, process="", tenant=tenant, source=source, limits=limits or Limits())
        return Load(warehouse, clock, request).run()

    return run


def simulated() -> list[bytes]:
    """Three days of a retailer in the order in which they are told, some of it twice and late."""
    storm = {"kind": "out_of_order_storm", "from": "day 1", "for": "3d", "where": {"source": "wms"}}
    scenario = Scenario.model_validate({"id": "test", "faults": [storm]})
    simulation = Simulation(first=date(2026, 3, 2), days=3, orders_per_day=25, scenario=scenario)
    canonical = Canonical()
    return [event for day in simulation.days() for _, _, event in canonical.events(day)]


def content(warehouse: Warehouse, tenant: str, table: str) -> list[str]:
    """What a table holds of a tenant, but when and how it was read."""
    frame = warehouse.read_for_write(ALL, {"table": table, "tenant": tenant})
    return sorted(set(map(str, frame.drop(BESIDES, strict=False).iter_rows())))


def test_a_file_gives_the_same_warehouse_as_what_is_sent(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, load: Loader
) -> None:
    events = simulated()
    report = load(*events)
    ids = {json.loads(event)["id"] for event in events}
    assert (report.format, report.source) == ("events", "events")
    assert (report.received, report.stored) == (len(events), len(ids))
    assert report.duplicate == len(events) - len(ids) > 0
    other = f"{tenant}-sent"
    with Spool(load_settings(home=tmp_path / "home"), clock) as spool:
        live = LiveIngest(warehouse, clock, spool, other, alone=True)
        for first in range(0, len(events), 1_000):
            live.accept(b"[" + b",".join(events[first : first + 1_000]) + b"]")
        live.drain()
        for table in TABLES:
            loaded = content(warehouse, tenant, table)
            assert len(loaded) > 200
            assert loaded == content(warehouse, other, table)
        held = {found.source: found.stored for found in spool.accounts(other)}
        assert sum(held.values()) == report.stored


def test_events_of_a_file_sent_again_add_nothing(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, load: Loader
) -> None:
    assert load(EVENT).stored == 1
    with Spool(load_settings(home=tmp_path / "home"), clock) as spool:
        live = LiveIngest(warehouse, clock, spool, tenant, alone=True)
        live.accept(json.dumps([EVENT]).encode())
        live.drain()
        (account,) = spool.accounts(tenant)
    assert (account.received, account.stored, account.duplicate) == (1, 0, 1)


def test_what_is_wrong_is_kept_with_its_line(warehouse: Warehouse, tenant: str, load: Loader) -> None:
    bad: list[object] = [
        b'{"id": "2", "activity": "A", "occurred_at": "2026-03-02T08:00:00Z", "attributes": {"n": NaN}}',
        b'{"id": "3", ',
        b'{"id": "4", "activity": "\xff"}',
        {"id": "5", "source": "erp", "activity": "A", "occurred_at": "2026-03-02 08:00"},
        {**EVENT, "id": ""},
        {name: value for name, value in EVENT.items() if name != "source"} | {"id": "6"},
        [EVENT],
        b'{"id": "7", "activity": "\\ud800", "occurred_at": "2026-03-02T08:00:00Z", "source": "erp"}',
        b"[" * 5_000,
    ]
    report = load(EVENT, b"", *bad, {**EVENT, "id": "8"})
    assert (report.received, report.stored, report.quarantined, report.refused) == (len(bad) + 2, 2, len(bad), 0)
    kept = {row["position"]: row for row in quarantined(warehouse, tenant=tenant).to_dicts()}
    assert set(kept) == {f"line {number}" for number in range(3, 3 + len(bad))}
    reasons = {name: row["reason"] for name, row in kept.items()}
    assert "JSON" in reasons["line 3"]
    assert "JSON" in reasons["line 4"]
    assert "UTF-8" in reasons["line 5"]
    assert "occurred_at" in reasons["line 6"]
    assert "id" in reasons["line 7"]
    assert reasons["line 8"] == "source: neither the event nor the request names one"
    assert kept["line 4"]["raw"] == '{"id": "3",'


def test_events_without_a_source_take_that_of_the_load(load: Loader) -> None:
    bare = {name: value for name, value in EVENT.items() if name != "source"}
    report = load(EVENT, bare | {"id": "2"}, source="shop")
    assert (report.stored, report.source) == (2, "shop")
    assert report.object_types == ["order"]


def test_a_line_past_the_limit_is_refused(load: Loader) -> None:
    with pytest.raises(UnreadableFile, match=r"events\.ndjson: line 2 is longer than the limit"):
        load(EVENT, b"[" + b" " * 5_000 + b"]", limits=Limits(max_item_bytes=4_000))


def test_the_form_is_told_from_that_of_a_table(tmp_path: Path) -> None:
    for name, lines, kind in (
        ("a.ndjson", EVENT, "events"),
        ("a.json", EVENT, "events"),
        ("a.ndjson", {"id": "1", "activity": "A", "occurred_at": "2026-03-02", "case": "C"}, "ndjson"),
        ("a.ndjson", {"id": 1, "activity": "A", "occurred_at": "2026-03-02", "objects": ["O-1"]}, "ndjson"),
    ):
        path = tmp_path / name
        path.write_text(json.dumps(lines) + "\n")
        assert recognise(path, Limits()) == kind
    assert not is_event('{"id": "1", "activity": "A", "occurred_at": "2026", "objects": []}')
    assert not is_event("[" * 10_000)
    (tmp_path / "array.json").write_text(json.dumps([EVENT]))
    with pytest.raises(UnreadableFile, match=r"array\.json: is one JSON array; .* gembascope send"):
        recognise(tmp_path / "array.json", Limits())
