"""A process that erases a subject and is killed: `python erasing_process.py HOME STATE_URL NUMBER KILL`.

The first one (NUMBER 0) takes the history of a customer and the order to erase her; each goes on with what the one
before it left. KILL is JSON: [n, moment] is to be killed "before" or "after" the n-th of its transactions and
statements, or "during" it; null is not to be killed. Who is not prints what is found.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from erased_customer import CUSTOMER, HISTORY, ORDERS, SOURCE, customer, happened, load, order, taking
from sent_events import body
from sqlalchemy import insert

from ingest.erasing.orders import COUNTED
from ingest.erasing.subject import Subject
from ingest.live import LiveIngest
from kernel import warehouse as warehouses
from kernel.clock import FixedClock
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.state.database import State
from kernel.state.tables.incidents import INCIDENTS
from kernel.warehouse import Query, Warehouse

HER = rf"{CUSTOMER}([^0-9]|$)"
TABLES = Query(
    "tables", "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
)
NAMING = Query("naming", "SELECT count() FROM {table:Identifier} WHERE match(toString(tuple(*)), {her:String})")
TOLD = [*HISTORY[:7], HISTORY[8], {"id": "b1", "who": CUSTOMER}, {"id": "b2", "who": "CUST-2"}]
BETWEEN = [happened(20, order("O9"), customer()), HISTORY[1], HISTORY[2], {"id": "b3", "who": CUSTOMER}]
"""What comes when it was killed once: something new, something again, something that is no event."""
DURING_S = 0.003
FOUND = {
    "events": "* EXCEPT (tenant, batch, event_id, content_hash), toString(objects) AS objects FROM events",
    "relations": "* EXCEPT (tenant, batch, event_id) FROM event_objects",
    "values": "* EXCEPT (tenant, batch) FROM object_attributes FINAL",
    "links": "* EXCEPT (tenant, batch) FROM object_links FINAL",
    "paths": "* EXCEPT (tenant, version) FROM case_paths FINAL",
    "figures": "* EXCEPT (tenant, version) FROM day_figures FINAL",
    "refused": "raw, reason FROM quarantine FINAL",
}
INCIDENT: dict[str, Any] = {
    "incident_id": "i", "process": "orders", "kind": "late", "rule": "r", "cause": f"case {CUSTOMER}",
    "title": f"{CUSTOMER}0 waits", "suspect": "", "severity": "low", "state": "open", "owner": "",
    "dependency_owner": "", "findings": 1, "told": "",
}  # fmt: skip
CLOCK = FixedClock(datetime(2026, 3, 1, 12, tzinfo=timezone.utc))


def told(state: State, live: LiveIngest) -> None:
    """The history of a customer, of whom an incident tells too."""
    moments = dict.fromkeys(("opened_at", "since", "last_found_at"), CLOCK.now())
    with state.writing() as connection:
        connection.execute(insert(INCIDENTS), INCIDENT | moments | {"tenant": live._tenant})
    load(live, *TOLD)


def be_killed(place: int, moment: str) -> None:
    """Before or after the transaction or statement of that number, counted from 1, or while it is under way."""
    numbers = itertools.count(1)

    def reached(number: int, at: str) -> None:
        if (number, at) == (place, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    def watched(original: Any) -> Any:
        @contextmanager
        def around(*words: Any) -> Iterator[Any]:
            number = next(numbers)
            reached(number, "before")
            with original(*words) as found:
                if number == place:
                    threading.Timer(DURING_S, reached, [number, "during"]).start()
                yield found
            reached(number, "after")

        return around

    warehouses._translated = watched(warehouses._translated)
    State.writing = watched(State.writing)  # type: ignore[method-assign]


def found(warehouse: Warehouse, live: LiveIngest) -> dict[str, Any]:
    """What there is of a tenant, without what is of the tenant alone; and what became of its order."""
    tenant = live._tenant
    queries = [
        Query(name, f"SELECT {asked} WHERE tenant = {{tenant:String}} ORDER BY ALL") for name, asked in FOUND.items()
    ]
    rows: dict[str, Any] = {one.name: warehouse.read_for_write(one, {"tenant": tenant}).to_dicts() for one in queries}
    (order_of_hers,) = live.erasing.orders.all()
    rows["order"] = {name: getattr(order_of_hers, name) for name in ("phase", "verified", "left", *COUNTED)}
    rows["accounts"] = [asdict(one) for one in live.spool.accounts(tenant)]
    return json.loads(json.dumps(rows, default=str))


def naming(warehouse: Warehouse) -> list[str]:
    """The tables that hold her."""
    tables = warehouse.read_for_write(TABLES)["name"].to_list()
    return [one for one in tables if warehouse.read_for_write(NAMING, {"table": one, "her": HER}).item()]


def main(home: str, state_url: str, number: str, kill: str) -> None:
    settings, place = load_settings(home=Path(home), state_url=state_url), json.loads(kill)
    with Warehouse(settings) as warehouse, taking(warehouse, CLOCK, settings, "local", (ORDERS,)) as live:
        if number == "0":
            migrate(warehouse, CLOCK)
            with State(settings) as state:
                told(state, live)
            live.erasing.order(Subject.of("customer", CUSTOMER), "she asked for it", "admin")
        if number == "1":
            live.accept(body(*BETWEEN), SOURCE)
        if place is not None:
            be_killed(*place)
        live.drain()
        print(json.dumps(found(warehouse, live) | {"naming": naming(warehouse)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
