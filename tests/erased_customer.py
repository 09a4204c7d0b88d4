"""A shop whose customer asks to be forgotten, for tests of what is left of her."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl
from sent_events import body

from ingest.erasing.orders import Erasure
from ingest.erasing.subject import Subject
from ingest.live import LiveIngest, LoadedStep
from ingest.spool import Spool
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.settings import Settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

CUSTOMER = "CUST-104217"
SOURCE = "shop"
ORDERS = ProcessDefinition(id="orders", object_type="order")
CUSTOMERS = ProcessDefinition(id="customers", object_type="customer")
LINKED = ProcessDefinition(id="linked", object_type="order", links=(("order", "customer", "ticket"),))

EVENTS = Query(
    "events",
    "SELECT source_event_id, lower(hex(event_id)) AS event_id, attributes, actor, toString(objects) AS objects, "
    "occurred_at, activity FROM events WHERE tenant = {tenant:String} ORDER BY source_event_id, event_id, content_hash",
)
PATHS = Query(
    "paths",
    "SELECT toString(process) AS process, * EXCEPT (tenant, process, version) FROM case_paths FINAL "
    "WHERE tenant = {tenant:String} ORDER BY process, case_id",
)
FIGURES = Query(
    "figures",
    "SELECT * EXCEPT (tenant, version) FROM day_figures FINAL WHERE tenant = {tenant:String} ORDER BY process, day",
)
RELATIONS = Query(
    "relations",
    "SELECT * EXCEPT (tenant, batch) FROM event_objects WHERE tenant = {tenant:String} "
    "ORDER BY object_type, object_id, order_at, source, sequence, event_id, derived_for",
)


def customer(id_: str = CUSTOMER, **more: Any) -> dict[str, Any]:
    return {"type": "customer", "id": id_, **more}


def happened(number: int, *objects: dict[str, Any], **more: Any) -> dict[str, Any]:
    at = f"2026-02-0{1 + number % 7}T10:0{number % 10}:00Z"
    return {"id": f"e{number}", "activity": f"A{number % 3}", "occurred_at": at, "objects": list(objects), **more}


def order(id_: str, **more: Any) -> dict[str, Any]:
    return {"type": "order", "id": id_, **more}


def ticket(id_: str) -> dict[str, Any]:
    return {"type": "ticket", "id": id_}


def link(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"from": {"type": one["type"], "id": one["id"]}, "to": {"type": other["type"], "id": other["id"]}}


HISTORY = [
    happened(1, order("O1"), customer(attributes={"email": "ada@example.com", "tier": "gold", "age": 42})),
    happened(2, order("O1"), customer(), attributes={"customer": CUSTOMER, "mail": "ada@example.com", "pieces": 3}),
    happened(3, customer(), links=[link(customer(), ticket("T1"))], actor=CUSTOMER, actor_kind="human"),
    happened(4, order("O1"), attributes={"note": f"call {CUSTOMER} back", "mail": "ada@example.com"}),
    happened(5, order("O2", attributes={"buyer": CUSTOMER}), links=[link(order("O2"), customer())]),
    happened(6, order("O3"), customer("CUST-1042170"), attributes={"customer": "CUST-1042170"}),
    happened(7, ticket("T1")),
    happened(8, customer(), customer("CUST-2"), id=f"mail-{CUSTOMER}-8"),
    happened(9, order("O3"), actor=f"{CUSTOMER} herself"),
]


@contextmanager
def taking(
    warehouse: Warehouse,
    clock: Clock,
    settings: Settings,
    tenant: str,
    processes: tuple[ProcessDefinition, ...] = (ORDERS, CUSTOMERS),
) -> Iterator[LiveIngest]:
    def up_to_date(step: LoadedStep) -> None:
        for definition in processes:
            refresh(warehouse, clock, tenant, definition)

    with Spool(settings, clock) as spool:
        yield LiveIngest(warehouse, clock, spool, tenant, alone=True, on_loaded=[up_to_date])


def erase(live: LiveIngest, object_type: str = "customer", id_: str = CUSTOMER, **more: Any) -> Erasure:
    made = live.erasing.order(Subject.of(object_type, id_, **more), "she asked for it", "admin")
    live.drain()
    found = live.erasing.orders.one(made.erasure)
    assert found is not None
    return found


def load(live: LiveIngest, *events: dict[str, Any]) -> None:
    live.accept(body(*events), SOURCE)
    live.drain()


def account(live: LiveIngest) -> tuple[int, int, int]:
    """received, stored, duplicate; and the law of conservation"""
    (found,) = live.spool.accounts(live._tenant)
    assert found.missing == 0
    return found.received, found.stored, found.duplicate


def rows(warehouse: Warehouse, query: Query, tenant: str) -> list[dict[str, Any]]:
    return warehouse.read_for_write(query, {"tenant": tenant}).to_dicts()


def state_of(warehouse: Warehouse, tenant: str) -> list[pl.DataFrame]:
    return [warehouse.read_for_write(query, {"tenant": tenant}) for query in (EVENTS, RELATIONS, PATHS, FIGURES)]
