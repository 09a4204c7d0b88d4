"""Laws of erasure: when it is done changes nothing, and being killed changes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from erased_customer import (
    CUSTOMER,
    CUSTOMERS,
    HISTORY,
    LINKED,
    ORDERS,
    account,
    customer,
    erase,
    happened,
    link,
    load,
    order,
    taking,
    ticket,
)
from examples import examples, stride
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sent_events import body

from ingest.erasing.subject import Subject
from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping, ObjectColumn
from ingest.quarantine import quarantined
from ingest.staging import Origin, Step
from ingest.store import EventStore
from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

PROCESSES = (ORDERS, CUSTOMERS, LINKED)
QUERIES = [
    Query(
        "events",
        "SELECT source_event_id, activity, occurred_at, revision, sequence, toString(objects) AS objects, attributes, "
        "actor FROM events WHERE tenant = {tenant:String} ORDER BY ALL",
    ),
    Query(
        "relations",
        "SELECT * EXCEPT (tenant, batch, event_id) FROM event_objects WHERE tenant = {tenant:String} ORDER BY ALL",
    ),
    Query(
        "values",
        "SELECT * EXCEPT (tenant, batch) FROM object_attributes FINAL WHERE tenant = {tenant:String} ORDER BY ALL",
    ),
    Query(
        "links", "SELECT * EXCEPT (tenant, batch) FROM object_links FINAL WHERE tenant = {tenant:String} ORDER BY ALL"
    ),
    Query(
        "paths",
        "SELECT * EXCEPT (tenant, version, attributes), toString(attributes) AS attributes FROM case_paths FINAL "
        "WHERE tenant = {tenant:String} ORDER BY process, case_id",
    ),
    Query(
        "figures",
        "SELECT * EXCEPT (tenant, version) FROM day_figures FINAL WHERE tenant = {tenant:String} ORDER BY process, day",
    ),
]

NAMING = Query(
    "naming",
    "SELECT count() FROM events WHERE tenant = {tenant:String} AND arrayExists(o -> o.id = {id:String}, objects)",
)


def known(warehouse: Warehouse, tenant: str) -> list[pl.DataFrame]:
    """All that a log and its processes tell, ids of events aside, which hold the tenant."""
    return [warehouse.read_for_write(query, {"tenant": tenant}) for query in QUERIES]


def same(some: list[pl.DataFrame], others: list[pl.DataFrame]) -> None:
    for query, one, other in zip(QUERIES, some, others, strict=True):
        assert one.equals(other), (query.name, one.rows(), other.rows())


OBJECTS = st.lists(
    st.sampled_from([customer(), customer("CUST-2"), order("O1"), order("O2"), ticket("T1")]),
    min_size=1,
    max_size=3,
    unique_by=lambda one: (one["type"], one["id"]),
)
ATTRIBUTES = st.sampled_from([{}, {}, {"of": CUSTOMER}, {"note": f"to {CUSTOMER}."}, {"pieces": 3}])
LINKS = st.sampled_from(
    [[], [], [link(customer(), ticket("T1"))], [link(order("O1"), customer())], [link(order("O2"), ticket("T1"))]]
)
HAPPENED = st.tuples(OBJECTS, ATTRIBUTES, LINKS, st.sampled_from(["", CUSTOMER, "clerk"]), st.integers(0, 5))


@settings(
    max_examples=examples(8),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(told=st.lists(HAPPENED, min_size=2, max_size=8), cut=st.integers(1, 7), unique=st.uuids())
def test_when_it_is_done_changes_nothing(
    warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory, told: Any, cut: int, unique: Any
) -> None:
    """Before the first event, between two deliveries, or after the last: the log is the same, and so are its
    processes. Events that come again, and their corrections, are among them."""
    events = [
        happened(number if again == 0 else again % (number + 1), *objects, attributes=attributes, links=links)
        | {"actor": actor, "revision": again}
        for number, (objects, attributes, links, actor, again) in enumerate(told)
    ]
    found = []
    for place in (0, min(cut, len(events)), len(events)):
        tenant = f"w{unique.hex[:12]}-{place}"
        home = load_settings(home=tmp_path_factory.mktemp("home"))
        with taking(warehouse, clock, home, tenant, PROCESSES) as live:
            if place:
                load(live, *events[:place])
            assert erase(live).verified
            if place < len(events):
                load(live, *events[place:])
            else:
                load(live, *events)  # once more: it adds nothing
            (account,) = live.spool.accounts(tenant)
            assert account.missing == 0
            found.append(known(warehouse, tenant))
    same(found[0], found[1])
    same(found[0], found[2])


class Killed(BaseException):
    """The process ends here."""


Place = tuple[str, str, int]
ALWAYS = {
    ("ordered", "mark_batch", 0),
    ("collected", "erase_store", 0),
    ("collected", "erase_relate", 0),
    ("rewritten", "erase_end", 1),
    ("rewritten", "erase_end", 2),
}
"""Where it is killed at any depth: when all is collected, before events are stored, between them and their relations,
and when the tables of the erasure are dropped. A place is the phase in which a process began, a statement, and how
often it was run before."""


@contextmanager
def killing(monkeypatch: pytest.MonkeyPatch, phase: str, survived: set[Place], every: int) -> Iterator[None]:
    """End before the first statement that writes and has not been died at yet; of those that are not ALWAYS at every so
    many."""
    run: dict[str, int] = {}
    with monkeypatch.context() as patch:
        for name in ("command", "insert_parquet"):
            done = getattr(Warehouse, name)

            def counted(self: Warehouse, asked: Any, *words: Any, done: Any = done, **more: Any) -> Any:
                told = asked.name if isinstance(asked, Query) else re.sub("_[0-9a-f]{32}", "", asked)
                place = (phase, told, run.setdefault(told, 0))
                run[told] += 1
                if place not in survived:
                    survived.add(place)
                    if place in ALWAYS or len(survived) % every == 0:
                        raise Killed
                return done(self, asked, *words, **more)

            patch.setattr(Warehouse, name, counted)
        yield


def test_it_is_finished_wherever_it_is_killed(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Again and again, each time a little later, and events come between."""
    some = (ORDERS,)
    more = [happened(20, order("O9"), customer()), HISTORY[1]]
    plain = tenant[:20] + "plain"
    with taking(warehouse, clock, load_settings(home=tmp_path / "plain"), plain, some) as live:
        load(live, *HISTORY[:7])
        before = erase(live)
        load(live, *more)
    home = load_settings(home=tmp_path / "killed")
    with taking(warehouse, clock, home, tenant, some) as live:
        load(live, *HISTORY[:7])
        live.erasing.order(Subject.of("customer", CUSTOMER), "why", "admin")
    survived: set[Place] = set()
    deaths = 0
    while True:
        with taking(warehouse, clock, home, tenant, some) as live:
            try:
                (phase,) = [one.phase for one in live.erasing.orders.all()]
                with killing(monkeypatch, phase, survived, stride(6)):
                    live.drain()
                break
            except Killed:
                deaths += 1
            if deaths == 3:
                live.accept(body(*more), "shop")
    assert survived >= ALWAYS
    assert deaths > 5
    with taking(warehouse, clock, home, tenant, some) as live:
        (found,) = live.erasing.orders.all()
        assert (found.verified, found.events_deleted, found.events_rewritten) == (
            True,
            before.events_deleted,
            before.events_rewritten,
        )
        assert account(live)[0] == 9
    same(known(warehouse, tenant), known(warehouse, plain))


MAPPING = Mapping(
    case="order",
    activity="activity",
    time="time",
    timezone="UTC",
    objects=(ObjectColumn(type="customer", column="customer"),),
)
FILE = ProcessDefinition(id="p", object_type="case:p")
ROWS = st.lists(
    st.tuples(st.sampled_from("12"), st.sampled_from([CUSTOMER, "CUST-2", ""]), st.integers(0, 1)),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=examples(8),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=ROWS, later=ROWS, unique=st.uuids())
def test_a_file_loaded_again_adds_nothing(
    warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory, rows: Any, later: Any, unique: Any
) -> None:
    """Rows without ids are told by what they say and how often the file says so: a later export that holds more gives
    the log that it gives where nothing of the subject was ever loaded."""
    folder = tmp_path_factory.mktemp("files")
    found = []
    for place, files in enumerate(([rows, rows + later], [rows + later])):
        tenant = f"f{unique.hex[:12]}-{place}"
        with taking(warehouse, clock, load_settings(home=folder / str(place)), tenant, ()) as live:
            if place == 1:
                erase(live)
            for number, content in enumerate(files):
                path = folder / f"{place}-{number}.csv"
                lines = [f"{case},A,2026-01-01 00:00:0{second},{who}\n" for case, who, second in content]
                path.write_text("order,activity,time,customer\n" + "".join(lines))
                report = Load(warehouse, clock, LoadRequest(path, "p", tenant, mapping=MAPPING)).run()
                assert report.received == report.stored + report.duplicate == len(content)
                if place == 0 and number == 0:
                    assert erase(live).verified
            refresh(warehouse, clock, tenant, FILE)
        found.append(known(warehouse, tenant))
    same(*found)


def test_what_was_read_ahead_of_an_erasure_is_read_again(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.csv"
    lines = [f"1,A,2026-01-01,{CUSTOMER}\n", "1,B,2026-01-02,\n", f"2,C,soon,{CUSTOMER}\n"]
    path.write_text("order,activity,time,customer\n" + "".join(lines))
    store = EventStore.store_step
    with taking(warehouse, clock, load_settings(home=tmp_path), tenant, ()) as live:

        def late(self: EventStore, origin: Origin, step: Step, **more: Any) -> Any:
            if not live.erasing.orders.all():
                erase(live)
            return store(self, origin, step, **more)

        monkeypatch.setattr(EventStore, "store_step", late)
        report = Load(warehouse, clock, LoadRequest(path, "p", tenant, mapping=MAPPING)).run()
        assert (report.received, report.stored, report.duplicate, report.quarantined) == (3, 2, 0, 1)
        assert not warehouse.read_for_write(NAMING, {"tenant": tenant, "id": CUSTOMER}).item()
        found = quarantined(warehouse, tenant=tenant)
        assert found.is_empty(), found["raw"].to_list()
