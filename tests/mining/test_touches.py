"""What no new batch touches costs nothing but the question, and what it touches is found."""

from __future__ import annotations

from typing import Any

import pytest
from logs import PROCESS, File, Happened, Linked, Told, frame, happened, link_frame, object_frame, process
from projected import content

from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

ORDERS = ProcessDefinition(
    id=PROCESS, object_type="order", links=(("order", "delivery", "parcel"), ("order", "payment"))
)
ASKED = ["projection_state", "last_stored_batch", "touches"]


def of(activity: str, kind: str, name: str, **more: Any) -> Happened:
    return happened(activity, "1m", objects=((kind, name, ""),), **more)


EARLIER = [of("Placed", "order", "O1"), of("Scanned", "parcel", "P1")]
JOINED = [Linked(("order", "O1"), ("delivery", "D1")), Linked(("parcel", "P1"), ("delivery", "D1"))]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of all statements from now on."""
    found: list[str] = []
    for name in ("command", "read_for_write"):
        real = getattr(Warehouse, name)

        def noted(self: Warehouse, query: Query, parameters: Any = None, real: Any = real) -> Any:
            found.append(query.name)
            return real(self, query, parameters)

        monkeypatch.setattr(Warehouse, name, noted)
    return found


UNTOUCHED: list[tuple[str, list[Happened], list[Linked], list[str]]] = [
    ("other objects", [of("Read", "note", "N1")], [], []),
    ("other links", [], [Linked(("note", "N1"), ("order", "O1")), Linked(("parcel", "P1"), ("order", "O1"))], []),
    ("a payment of no order", [of("Paid", "payment", "B9")], [], ["touch_nearer_objects", "touches"]),
    ("a parcel of no delivery", [of("Lost", "parcel", "P9")], [], [*2 * ["touch_nearer_objects"], "touches"]),
]


def test_a_refresh_that_no_case_needs_asks_and_records_what_it_has_seen(
    warehouse: Warehouse, clock: Clock, tenant: str, asked: list[str]
) -> None:
    file = File(warehouse, clock, tenant)
    file.step(frame(EARLIER), links=link_frame(JOINED))
    refresh(warehouse, clock, tenant, ORDERS)
    before = content(warehouse, tenant)
    for what, events, links, more in UNTOUCHED:
        file.step(frame(events), links=link_frame(links))
        asked.clear()
        assert refresh(warehouse, clock, tenant, ORDERS).kind == "current", what
        assert asked == [*ASKED, *more, "record_projection"], what
        asked.clear()
        refresh(warehouse, clock, tenant, ORDERS)
        assert asked == ASKED[:2], what
    assert content(warehouse, tenant) == before
    # What the next batches touch is found all the same, with what was there before.
    joins = [Linked(("order", "O1"), ("payment", "B9")), Linked(("delivery", "D1"), ("parcel", "P9"))]
    file.step(frame([of("Told", "delivery", "D1", source="carrier")]), links=link_frame(joins))
    assert refresh(warehouse, clock, tenant, ORDERS).kind == "touched"
    found = content(warehouse, tenant)
    assert found.paths["events"].to_list() == [5]
    refresh(warehouse, clock, tenant, ORDERS, full=True)
    assert content(warehouse, tenant) == found


def test_own_events_alone_follow_no_link(warehouse: Warehouse, clock: Clock, tenant: str, asked: list[str]) -> None:
    file = File(warehouse, clock, tenant)
    file.step(frame(EARLIER), links=link_frame(JOINED))
    refresh(warehouse, clock, tenant, ORDERS)
    file.step(frame([of("Changed", "order", "O1")]))
    asked.clear()
    assert refresh(warehouse, clock, tenant, ORDERS).kind == "touched"
    assert not {name for name in asked if "link" in name or "reach" in name or "derived" in name}
    found = content(warehouse, tenant)
    assert found.paths["events"].to_list() == [3]
    refresh(warehouse, clock, tenant, ORDERS, full=True)
    assert content(warehouse, tenant) == found


def test_a_case_is_touched_without_a_new_event_of_its_own(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    first = happened("A", "1m", "1", source_event_id="e1")
    file = File(warehouse, clock, tenant)
    file.step(frame([first]))
    refresh(warehouse, clock, tenant, process())
    file.step(frame([]), object_frame([Told("1", "channel", "shop")]))
    assert refresh(warehouse, clock, tenant, process()).kind == "touched"
    assert content(warehouse, tenant).paths["attributes"].to_list() == [{"channel": "shop"}]
    file.step(frame([first.but(objects=(("note", "N1", ""),), revision=1)]))
    assert refresh(warehouse, clock, tenant, process()).kind == "touched"
    assert content(warehouse, tenant).paths.is_empty()


def test_a_full_build_without_events_builds_nothing_and_leaves_nothing(
    warehouse: Warehouse, clock: Clock, tenant: str, asked: list[str]
) -> None:
    File(warehouse, clock, tenant).step(frame([happened("A", "1m", "1")]))
    refresh(warehouse, clock, tenant, process())
    asked.clear()
    refresh(warehouse, clock, tenant, process().model_copy(update={"object_type": "order"}))
    assert not {name for name in asked if name.startswith("build_")}
    found = content(warehouse, tenant)
    assert found.paths.is_empty()
    assert found.figures.is_empty()
    File(warehouse, clock, tenant).step(frame([of("Placed", "order", "O1"), happened("A", "2m", "1")]))
    assert refresh(warehouse, clock, tenant, process()).kind == "full"
    assert content(warehouse, tenant).paths["events"].to_list() == [2]
