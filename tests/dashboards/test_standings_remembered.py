"""How promises stand is remembered process by process, and for nobody who may read less."""

from __future__ import annotations

from datetime import timedelta

import pytest
from logs import CASE_TYPE, File, frame, happened
from projected import fresh_tenant

from dashboards.cache import STANDS_S, Reader
from kernel.access import Grant, Principal, Role, acting_as
from kernel.clock import FixedClock
from kernel.process import Processes
from kernel.warehouse import Warehouse
from kpis.sla import SlaState
from kpis.standings import Standing
from mining.projection import refresh
from mining.view import Views

PROMISES = "promises: [{name: answered, to: B, within: 1h}]\n"
FILES = {
    "orders": f"object_type: {CASE_TYPE}\nstore: store\ncase_attributes: [{{name: store}}]\n{PROMISES}",
    "returns": f"object_type: return\n{PROMISES}",
    "silent": f"object_type: {CASE_TYPE}\n",
}


@pytest.fixture(scope="module")
def views(warehouse: Warehouse, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """Two processes that promise something: orders of two stores, and returns that name none."""
    tenant = fresh_tenant()
    processes = Processes(tmp_path_factory.mktemp("standings"), tenant)
    processes.folder.mkdir(parents=True)
    for name, text in FILES.items():
        (processes.folder / f"{name}.yaml").write_text(f"id: {name}\n{text}")
    rows = [
        *(happened("A", "0m", case, attributes={"store": store}) for case, store in (("1", "Bonn"), ("2", "Ulm"))),
        happened("A", "0m", objects=(("return", "9", ""),)),
    ]
    File(warehouse, clock, tenant).step(frame(rows))
    return Views(warehouse, tenant, processes, clock)


@pytest.fixture
def reader(views: Views) -> Reader:
    return Reader(views)


def seen(reader: Reader, clock: FixedClock, *grants: Grant) -> dict[str, int]:
    """How many cases somebody with these grants is told of, by process."""
    with acting_as(Principal(reader.views.tenant, "user", "1", "ana", frozenset(grants))):
        return {one.process.id: sum(one.summary.cases.values()) for one in reader.standings(clock)}


def by_process(found: list[Standing]) -> dict[str, list[int]]:
    """Which answers these are."""
    ids: dict[str, list[int]] = {}
    for one in found:
        ids.setdefault(one.process.id, []).append(id(one))
    return ids


def test_what_is_remembered_is_given_to_nobody_who_may_not_read_it(reader: Reader, clock: FixedClock) -> None:
    for _ in range(2):  # as it is made, and as it is remembered
        assert seen(reader, clock, Grant(Role.VIEWER)) == {"orders": 2, "returns": 1}
        assert seen(reader, clock, Grant(Role.VIEWER, "orders", "Bonn")) == {"orders": 1}
        assert seen(reader, clock, Grant(Role.VIEWER, "orders", "Köln")) == {"orders": 0}
        assert seen(reader, clock, Grant(Role.VIEWER, "returns")) == {"returns": 1}
        assert seen(reader, clock, Grant(Role.VIEWER, "returns", "Bonn"), Grant(Role.VIEWER, "silent")) == {}
        assert seen(reader, clock) == {}


def test_an_event_of_one_process_has_no_other_judged_anew(
    reader: Reader, warehouse: Warehouse, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = reader.standings(clock)
    assert by_process(reader.standings(clock)) == by_process(first)
    monkeypatch.setattr(clock, "at", clock.at + timedelta(seconds=STANDS_S - 1))
    File(warehouse, clock, reader.views.tenant).step(frame([happened("B", "5m", "1", attributes={"store": "Bonn"})]))
    refresh(warehouse, clock, reader.views.tenant, reader.views.view("orders").definition)
    second = reader.standings(clock)
    assert [one.summary.cases[SlaState.MET] for one in (first[0], second[0])] == [0, 1]
    assert by_process(second)["returns"] == by_process(first)["returns"]
    assert not set(by_process(second)["orders"]) & set(by_process(first)["orders"])

    clock.at += timedelta(seconds=1)  # now the returns are as old as an answer may be, and the orders are not
    third = reader.standings(clock)
    assert by_process(third)["orders"] == by_process(second)["orders"]
    assert not set(by_process(third)["returns"]) & set(by_process(first)["returns"])
