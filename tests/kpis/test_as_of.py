"""What "now" is for a process: the clock's where things happen live, the last event of a loaded history."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import polars as pl
from logs import LOAD_ID, NO_LINKS, NO_OBJECTS, SOURCE, START, frame, happened, process, stored
from projected import fresh_tenant

from ingest.occurrences import Occurrences
from ingest.store import EventStore, Origin
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.warehouse import Warehouse
from kpis.as_of import as_of, as_of_each
from mining.projection import refresh
from mining.view import ProcessView


def send(warehouse: Warehouse, clock: Clock, tenant: str, events: pl.DataFrame, *, mode: str) -> None:
    origin = replace(Origin(tenant, SOURCE, LOAD_ID), mode=mode)
    EventStore(warehouse, clock).store(origin, events, Occurrences().of(events), NO_OBJECTS, NO_LINKS)


def test_history_stands_at_its_last_event_until_something_comes_live(warehouse: Warehouse, clock: Clock) -> None:
    view = stored(warehouse, clock, fresh_tenant(), frame([happened("A", "0m", "1"), happened("B", "3h", "2")]))
    assert as_of(view, clock) == START + timedelta(hours=3)
    send(warehouse, clock, view.tenant, frame([happened("C", "4h", "1")]), mode="live")
    refresh(warehouse, clock, view.tenant, view.definition)
    assert as_of(view, clock) == clock.now()


def test_what_other_processes_are_sent_does_not_count(warehouse: Warehouse, clock: Clock) -> None:
    view = stored(warehouse, clock, fresh_tenant(), frame([happened("A", "0m", "1")]))
    other = happened("A", "5h", objects=(("elsewhere", "1", ""),), source="elsewhere")
    events = frame([other])
    origin = replace(Origin(view.tenant, "elsewhere", LOAD_ID), mode="live")
    EventStore(warehouse, clock).store(origin, events, Occurrences().of(events), NO_OBJECTS, NO_LINKS)
    refresh(warehouse, clock, view.tenant, view.definition)
    assert as_of(view, clock) == START


def test_a_process_without_events_is_at_the_clock(warehouse: Warehouse, clock: Clock) -> None:
    tenant = fresh_tenant()
    assert as_of(ProcessView(warehouse, tenant, process()), clock) == clock.now()
    refresh(warehouse, clock, tenant, process())
    assert as_of(ProcessView(warehouse, tenant, process()), clock) == clock.now()


def test_of_several_processes_each_has_its_own_now(warehouse: Warehouse, clock: Clock) -> None:
    """Of one something came live, of one history alone, of one nothing."""
    tenant = fresh_tenant()
    for name, mode in (("till", "live"), ("erp", "backfill")):
        events = frame([happened("A", "3h", objects=((name, "1", ""),), source=name)])
        origin = replace(Origin(tenant, name, LOAD_ID), mode=mode)
        EventStore(warehouse, clock).store(origin, events, Occurrences().of(events), NO_OBJECTS, NO_LINKS)
    definitions = [ProcessDefinition(id=name, object_type=name) for name in ("till", "erp", "none")]
    for definition in definitions[:2]:
        refresh(warehouse, clock, tenant, definition)
    views = [ProcessView(warehouse, tenant, definition) for definition in definitions]
    found = as_of_each(views, clock)
    assert found == {"till": clock.now(), "erp": START + timedelta(hours=3), "none": clock.now()}
    assert found == {view.definition.id: as_of(view, clock) for view in views}
    assert as_of_each([], clock) == {}
