"""Of a load only those processes are brought up to date whose cases it may have changed, and of these every one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from logs import CASE_TYPE, File, Linked, Told, frame, happened, link_frame, object_frame
from projected import Content, content
from sent_events import SENDER, body, event

from api.touched import refresh_touched, touched
from ingest.live import LiveIngest, LoadedStep
from ingest.load import Load, LoadRequest
from ingest.spool import Spool
from ingest.store import EventStore
from kernel.clock import Clock
from kernel.errors import WarehouseUnavailable
from kernel.process import Processes
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.projection import refresh

DEFINITIONS = {
    "orders": "object_type: order\nlinks:\n  - order -> delivery -> parcel\n  - order -> payment\n",
    "plain": "object_type: order\n",
    "returns": "object_type: return\nlinks:\n  - return -> parcel\n",
    "visits": "object_type: visit\n",
    "wrong": "object: order\n",
}


def defined(home: Path, tenant: str, *names: str) -> Processes:
    processes = Processes(home, tenant)
    processes.folder.mkdir(parents=True)
    for name in names:
        (processes.folder / f"{name}.yaml").write_text(f"id: {name}\n{DEFINITIONS[name]}")
    return processes


@pytest.mark.parametrize(
    ("object_types", "names"),
    [
        (["order"], ["orders", "plain"]),
        (["payment"], ["orders"]),
        (["parcel"], ["orders", "returns"]),
        (["parcel", "visit"], ["orders", "returns", "visits"]),
        (["note"], []),
        ([], []),
        (None, ["orders", "plain", "returns", "visits"]),
    ],
)
def test_processes_are_named_by_their_own_type_and_those_of_their_paths(
    tmp_path: Path, object_types: list[str] | None, names: list[str]
) -> None:
    found, problems = touched(defined(tmp_path, "t", *DEFINITIONS), object_types)
    assert [definition.id for definition in found] == names
    assert problems


def ref(name: str, **attributes: str) -> dict[str, Any]:
    kinds = {"O": "order", "D": "delivery", "P": "parcel", "R": "return", "N": "note"}
    return {"type": kinds[name[0]], "id": name} | ({"attributes": attributes} if attributes else {})


def link(one: str, other: str) -> dict[str, Any]:
    return {"from": {"type": ref(one)["type"], "id": one}, "to": {"type": ref(other)["type"], "id": other}}


EARLIER = [
    *(event(f"placed-{number}", objects=[ref(f"O{number}")]) for number in range(7)),
    event("packed-1", activity="Packed", objects=[ref("D1")], links=[link("O1", "D1")]),
    event("packed-2", activity="Packed", objects=[ref("D2")], links=[link("O2", "D2")]),
    event("scanned", activity="Scanned", objects=[ref("P1")]),
]
WAYS = [
    ("an event", event("new", objects=[ref("O0")]), {"order"}),
    ("an event of a reached object", event("late", activity="Late", objects=[ref("D1")]), {"delivery"}),
    ("a link", event("n", objects=[ref("N1")], links=[link("P1", "D1")]), {"note", "parcel", "delivery"}),
    ("an attribute", event("told", activity="Other", objects=[ref("O3", channel="shop")]), {"order"}),
    ("other words", event("placed-4", activity="Put in", revision=1, objects=[ref("O4")]), {"order"}),
    ("taken away", event("placed-5", revision=1, objects=[ref("N1")]), {"note", "order"}),
    ("taken from a reached object", event("packed-2", revision=1, objects=[]), {"delivery"}),
]


class Kept:
    """The process of orders, kept up to date with the events that are sent."""

    def __init__(self, warehouse: Warehouse, clock: Clock, tenant: str, home: Path, spool: Spool) -> None:
        self.warehouse, self.clock, self.tenant = warehouse, clock, tenant
        self.processes = defined(home, tenant, "orders")
        self.told: list[frozenset[str] | None] = []
        self.live = LiveIngest(warehouse, clock, spool, tenant, alone=True, on_loaded=[self.up_to_date])

    def up_to_date(self, step: LoadedStep) -> None:
        self.told.append(step.object_types)
        refresh_touched(self.warehouse, self.clock, self.tenant, self.processes, step.object_types)

    def send(self, *events: Any) -> None:
        self.live.accept(body(*events), SENDER)
        self.live.drain()

    def content(self) -> Content:
        return content(self.warehouse, self.tenant)

    def built_anew(self) -> Content:
        refresh(self.warehouse, self.clock, self.tenant, self.processes.get("orders"), full=True)
        return self.content()


def away(*_: Any, **__: Any) -> None:
    raise WarehouseUnavailable("away", query="test")


@pytest.fixture
def kept(warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path) -> Iterator[Kept]:
    with Spool(load_settings(home=tmp_path), clock) as spool:
        found = Kept(warehouse, clock, tenant, tmp_path, spool)
        found.send(*EARLIER)
        yield found


def test_every_way_in_which_an_event_changes_a_case_is_told(kept: Kept) -> None:
    before = kept.content()
    for way, changed, types in WAYS:
        kept.send(changed)
        assert kept.told[-1] == types, way
        after = kept.content()
        assert after != before, way
        before = after
    assert kept.built_anew() == before


def test_what_was_stored_in_two_attempts_is_told(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt finds the event stored and nothing to correct."""

    def attempted(owner: type, step: str, work: Callable[[], object]) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(owner, step, away)
            with pytest.raises(WarehouseUnavailable):
                work()

    rest = File(kept.warehouse, kept.clock, kept.tenant, source="export")
    rows = frame([happened("A", "1m", objects=(("order", "O9", ""),))])
    for name, owner, step in (("5", EventStore, "_relate"), ("6", Spool, "mark")):
        kept.live.accept(body(event(f"placed-{name}", revision=1, objects=[ref("N1")])), SENDER)
        attempted(owner, step, kept.live.drain)
        kept.live.drain()
        assert f"O{name}" not in kept.content().paths["case_id"].to_list(), step
    assert kept.told[-1] == {"note", "order"}
    # What another load left is finished with it, and may be of any type.
    kept.live.accept(body(event("n", objects=[ref("N1")])), SENDER)
    attempted(EventStore, "_marked", lambda: rest.step(rows))
    attempted(Spool, "mark", kept.live.drain)
    kept.live.drain()
    assert kept.told[-1] is None
    assert "O9" in kept.content().paths["case_id"].to_list()


def test_a_file_changes_what_is_linked_what_it_tells_and_what_it_corrects(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    told = happened("Scanned", "1m", objects=(("parcel", "P1", ""),), source_event_id="e1", source="carrier")
    other = happened("Weighed", "2m", objects=(("scale", "S1", ""),), source="hub")
    file = File(warehouse, clock, tenant, source="carrier")
    file.step(frame([told]))
    store = EventStore(warehouse, clock)
    assert store.changed_types(tenant, "carrier") == {"parcel"}
    file = File(warehouse, clock, tenant, source="export")
    file.step(frame([told.but(objects=(("note", "N1", ""),), revision=1), other]))
    assert store.changed_types(tenant, "export") == {"note", "parcel", "scale"}
    file.step(frame([]), links=link_frame([Linked(("order", "O1"), ("delivery", "D1"))]))
    file.step(frame([]), object_frame([Told("1", "channel", "shop")]))
    assert store.changed_types(tenant, "export") == {"note", "parcel", "scale", "order", "delivery", CASE_TYPE}
    File(warehouse, clock, tenant, source="list").step(frame([]), object_frame([Told("1", "", "")]))
    assert store.changed_types(tenant, "list") == {CASE_TYPE}  # no case changes, and what is said of the process does


def test_a_load_that_finishes_another_one_may_have_changed_anything(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.csv"
    path.write_text("case,activity,time\n1,A,2024-01-05T08:00:00Z\n")
    request = LoadRequest(path, "p", tenant, accept_guess=True)
    interrupted = File(warehouse, clock, tenant, source="other")
    with monkeypatch.context() as patched:
        patched.setattr(EventStore, "_marked", away)
        with pytest.raises(WarehouseUnavailable):
            interrupted.step(frame([happened("A", "1m")]))
    assert Load(warehouse, clock, request).run().changed_types is None
    assert Load(warehouse, clock, request).run().changed_types == {"case:p"}
