"""Link paths: a scan that knows only a parcel is an event of the order's case, once, and of no other process."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
from examples import stride
from logs import NO_OBJECTS, PROCESS, START, File, Happened, Linked, frame, happened, link_frame
from projected import content

from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining import link_paths, projection
from mining.cases import case, cases
from mining.directly_follows import starts_and_ends
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.readiness import readiness
from mining.selected_events import selected_events
from mining.summary import log_summary
from mining.view import ProcessView

PATH = ("order", "delivery", "parcel")
ORDERS = ProcessDefinition(id=PROCESS, object_type="order", links=(PATH,))
UNLINKED = ProcessDefinition(id="plain", object_type="order")
ORDER_TO_DELIVERY = Linked(("order", "O1"), ("delivery", "D1"), "ships")
PARCEL_TO_DELIVERY = Linked(("parcel", "P1"), ("delivery", "D1"))  # told the other way round


def of(activity: str, at: str | datetime, *objects: tuple[str, str], **more: Any) -> Happened:
    return happened(activity, at, objects=tuple((*ref, "") for ref in objects), **more)


PLACED = of("Placed", "0m", ("order", "O1"))
PACKED = of("Packed", "10m", ("delivery", "D1"))
SCANNED = of("Scanned", "20m", ("parcel", "P1"), source_event_id="scan-1")


class Log:
    """A tenant's log that grows, and the process of its orders."""

    def __init__(self, warehouse: Warehouse, clock: Clock, tenant: str, definition: ProcessDefinition = ORDERS) -> None:
        self.warehouse, self.clock, self.tenant, self.definition = warehouse, clock, tenant, definition

    def add(self, *rows: Happened | Linked, source: str = "shop") -> str:
        """Store events and links and refresh; what the refresh did."""
        events = [row for row in rows if isinstance(row, Happened)]
        links = [row for row in rows if isinstance(row, Linked)]
        File(self.warehouse, self.clock, self.tenant, source=source).step(frame(events), NO_OBJECTS, link_frame(links))
        return self.refresh()

    def refresh(self, definition: ProcessDefinition | None = None, *, full: bool = False) -> str:
        self.definition = definition or self.definition
        return refresh(self.warehouse, self.clock, self.tenant, self.definition, full=full).kind

    @property
    def view(self) -> ProcessView:
        return ProcessView(self.warehouse, self.tenant, self.definition)

    def told(self) -> dict[str, list[str]]:
        """Cases with their activities in case order."""
        found: dict[str, list[str]] = {}
        for name, activity in selected_events(self.view).select("case", "activity").iter_rows():
            found.setdefault(name, []).append(activity)
        assert {row["case"]: row["events"] for row in cases(self.view).cases.to_dicts()} == {
            name: len(activities) for name, activities in found.items()
        }
        return found

    def derived(self) -> pl.DataFrame:
        text = (
            "SELECT toString(derived_for) AS process, object_id, activity, qualifiers FROM event_objects "
            "WHERE tenant = {tenant:String} AND derived_for != '' ORDER BY ALL"
        )
        return self.warehouse.query(Query("derived", text), {"tenant": self.tenant})


@pytest.fixture
def log(warehouse: Warehouse, clock: Clock, tenant: str) -> Log:
    return Log(warehouse, clock, tenant)


def test_the_events_along_a_path_belong_to_the_case(log: Log) -> None:
    assert log.add(PLACED, PACKED, SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY) == "full"
    assert log.told() == {"O1": ["Placed", "Packed", "Scanned"]}
    assert log.derived().rows() == [(PROCESS, "O1", "Packed", []), (PROCESS, "O1", "Scanned", [])]
    found = case(log.view, "O1").events
    assert found["via"].to_list() == [None, {"type": "delivery", "id": "D1"}, {"type": "parcel", "id": "P1"}]
    assert found["wait_s"].to_list() == [None, 600, 600]


def test_a_late_link_rebuilds_the_cases_that_it_reaches_and_no_other(log: Log) -> None:
    log.add(PLACED, of("Placed", "5m", ("order", "O2")), SCANNED, ORDER_TO_DELIVERY)
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed"]}
    versions = Query("versions", "SELECT case_id, version FROM case_paths FINAL WHERE tenant = {tenant:String}")
    before = dict(log.warehouse.read_for_write(versions, {"tenant": log.tenant}).rows())
    assert log.add(PARCEL_TO_DELIVERY) == "touched"
    assert log.told() == {"O1": ["Placed", "Scanned"], "O2": ["Placed"]}
    after = dict(log.warehouse.read_for_write(versions, {"tenant": log.tenant}).rows())
    assert after["O2"] == before["O2"]
    assert log.add(PARCEL_TO_DELIVERY, source="carrier") == "touched"  # told once more
    assert log.told() == {"O1": ["Placed", "Scanned"], "O2": ["Placed"]}


def test_an_older_event_that_a_link_brings_is_ordered_as_in_a_full_build(log: Log) -> None:
    """Of another source and at the same instant: then sources decide, as they never had to in this process."""
    log.add(of("Placed", "20m", ("order", "O1"), sequence=1), ORDER_TO_DELIVERY)
    log.add(of("Scanned", "20m", ("parcel", "P1"), sequence=9, source="carrier"))
    assert log.add(PARCEL_TO_DELIVERY) == "touched"
    refreshed = content(log.warehouse, log.tenant)
    assert [start for start, _ in starts_and_ends(log.view)[0].rows()] == ["Scanned"]
    log.refresh(full=True)
    assert content(log.warehouse, log.tenant) == refreshed


def test_late_events_of_a_reached_object_rebuild_its_case(log: Log) -> None:
    log.add(PLACED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    assert log.add(SCANNED) == "touched"
    assert log.add(of("Weighed", "15m", ("parcel", "P1"))) == "touched"
    assert log.told() == {"O1": ["Placed", "Weighed", "Scanned"]}


def test_an_order_without_events_of_its_own_is_a_case_once_its_parcel_has_some(log: Log) -> None:
    log.add(ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    assert log.told() == {}
    log.add(SCANNED)
    assert log.told() == {"O1": ["Scanned"]}


def test_only_the_links_that_a_path_names_are_crossed(log: Log) -> None:
    hub = ("sku", "hub")
    log.add(
        PLACED,
        of("Counted", "3m", hub),
        of("Placed", "2m", ("order", "O2")),
        of("Scanned", "9m", ("parcel", "P9")),
        Linked(("order", "O1"), hub),
        Linked(("order", "O2"), hub),
        Linked(("parcel", "P9"), ("order", "O1")),
        Linked(("delivery", "D9"), hub),
        Linked(("delivery", "D9"), ("parcel", "P9")),
    )
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed"]}
    log.refresh(ORDERS.model_copy(update={"links": (PATH, ("order", "sku"))}))
    assert log.told() == {"O1": ["Placed", "Counted"], "O2": ["Placed", "Counted"]}


def test_an_event_counts_once_however_often_it_is_reached(log: Log) -> None:
    log.refresh(ORDERS.model_copy(update={"links": (PATH, ("order", "parcel"))}))
    both = of("Loaded", "30m", ("order", "O1"), ("parcel", "P1"), ("delivery", "D1"))
    log.add(
        *(PLACED, SCANNED, both, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY, Linked(("parcel", "P1"), ("order", "O1"))),
        *(Linked(("order", "O1"), ("delivery", "D2")), Linked(("delivery", "D2"), ("parcel", "P1"))),
    )
    assert log.told() == {"O1": ["Placed", "Scanned", "Loaded"]}
    assert case(log.view, "O1").events["via"].to_list() == [None, {"type": "parcel", "id": "P1"}, None]


@pytest.mark.parametrize("full", [False, True], ids=["refresh", "full build"])
def test_objects_of_two_types_may_have_one_id(log: Log, full: bool) -> None:
    paths = (("order", "delivery", "parcel"), ("order", "payment", "parcel"), ("order", "delivery", "box"))
    log.refresh(ORDERS.model_copy(update={"links": paths}))
    log.add(*(of("Placed", "1m", ("order", name)) for name in ("O1", "O2")))
    log.add(
        *(Linked(("order", "O1"), ("delivery", "X")), Linked(("order", "O2"), ("payment", "X"))),
        *(Linked(("delivery", "X"), ("parcel", "P1")), Linked(("payment", "X"), ("parcel", "P2"))),
        *(Linked(("delivery", "X"), ("box", "Q")), of("Lost", "9m", ("parcel", "Q"))),
        *(of("Packed", "2m", ("delivery", "X")), of("Paid", "3m", ("payment", "X"))),
        *(of("Scanned", "4m", ("parcel", "P1")), of("Weighed", "5m", ("parcel", "P2"))),
    )
    if full:
        log.refresh(full=True)
    assert log.told() == {"O1": ["Placed", "Packed", "Scanned"], "O2": ["Placed", "Paid", "Weighed"]}


def test_another_process_of_the_same_objects_does_not_see_them(log: Log) -> None:
    log.add(PLACED, SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    other = Log(log.warehouse, log.clock, log.tenant, UNLINKED)
    other.refresh()
    assert other.told() == {"O1": ["Placed"]}
    assert case(other.view, "O1").events["via"].to_list() == [None]
    assert log_summary(other.view).events == 1
    assert [finding.count for finding in readiness(other.view) if finding.aspect == "linked events"] == [1]
    second = Log(log.warehouse, log.clock, log.tenant, ORDERS.model_copy(update={"id": "second"}))
    second.refresh()
    assert second.told() == log.told() == {"O1": ["Placed", "Scanned"]}


def test_derived_events_follow_the_winning_copy(log: Log) -> None:
    other_way = (Linked(("order", "O2"), ("delivery", "D2")), Linked(("delivery", "D2"), ("parcel", "P2")))
    log.add(PLACED, of("Placed", "1m", ("order", "O2")), SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY, *other_way)
    assert log.told() == {"O1": ["Placed", "Scanned"], "O2": ["Placed"]}
    moved = SCANNED.but(objects=(("parcel", "P2", ""),), revision=1, activity="Scanned again")
    log.add(moved)
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed", "Scanned again"]}
    log.add(SCANNED)  # the old copy once more
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed", "Scanned again"]}
    log.add(moved.but(objects=(("parcel", "P2", ""), ("order", "O2", "")), revision=2))
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed", "Scanned again"]}
    assert log.derived().is_empty()
    log.add(moved.but(objects=(), revision=3))
    assert log.told() == {"O1": ["Placed"], "O2": ["Placed"]}


def test_a_case_that_lost_its_only_event_is_gone(log: Log) -> None:
    log.add(SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    assert log.told() == {"O1": ["Scanned"]}
    log.add(SCANNED.but(objects=(("parcel", "P7", ""),), revision=1))
    assert log.told() == {}


def test_a_changed_definition_takes_its_derived_events_along(log: Log) -> None:
    log.add(PLACED, PACKED, SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    assert log.refresh(ORDERS.model_copy(update={"links": (("order", "delivery"),)})) == "full"
    assert log.told() == {"O1": ["Placed", "Packed"]}
    assert log.refresh(ORDERS.model_copy(update={"activities": ("Placed", "Scanned")})) == "full"
    assert log.told() == {"O1": ["Placed", "Scanned"]}
    assert log.refresh(ORDERS.model_copy(update={"links": ()})) == "full"
    assert log.told() == {"O1": ["Placed"]}
    assert log.derived().is_empty()
    assert log.refresh(ORDERS) == "full"
    assert log.told() == {"O1": ["Placed", "Packed", "Scanned"]}


def test_many_cases_are_joined_part_by_part(
    warehouse: Warehouse, clock: Clock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [f"O{number:02}" for number in range(20)]
    links = [Linked(("order", name), ("delivery", f"D-{name}")) for name in orders]
    links += [Linked(("delivery", f"D-{name}"), ("parcel", f"P-{name}")) for name in orders]
    scans = [of("Scanned", f"{number}m", ("parcel", f"P-{name}")) for number, name in enumerate(orders)]
    expected = {name: ["Scanned"] for name in orders}
    monkeypatch.setattr(link_paths, "RANGE_LINKS", 7)
    monkeypatch.setattr(projection, "RANGE_ROWS", 6)
    log = Log(warehouse, clock, tenant)
    log.add(*links[:3])
    log.add(*links[3:], *scans)
    assert log.told() == expected
    log.refresh(full=True)
    assert log.told() == expected


class Killed(Exception):
    """What stands for the end of the process."""


@pytest.mark.parametrize("full", [False, True], ids=["refresh", "full build"])
def test_killed_before_any_statement_and_run_again_the_result_is_the_same(
    log: Log, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """The run again is a plain refresh, whatever was killed. Every parcel brings an earlier day to both cases."""
    log.add(PLACED, PACKED, ORDER_TO_DELIVERY, Linked(("order", "O2"), ("delivery", "D1")))
    real = Warehouse.command
    scans: list[str] = []
    finished = False
    while not finished:
        limit = stride(1) * len(scans)
        scans.insert(0, f"Scanned {limit}")
        parcel = ("parcel", f"P{limit}")
        scan = of(scans[0], START - timedelta(days=limit + 1), parcel)
        File(log.warehouse, log.clock, log.tenant).step(
            frame([scan]), links=link_frame([Linked(parcel, ("delivery", "D1"))])
        )
        done: list[str] = []

        def until_killed(
            self: Warehouse, query: Query, parameters: Any = None, done: list[str] = done, limit: int = limit
        ) -> None:
            if len(done) == limit:
                raise Killed
            done.append(query.name)
            real(self, query, parameters)

        with monkeypatch.context() as patched:
            patched.setattr(Warehouse, "command", until_killed)
            try:
                log.refresh(full=full)
                finished = True
            except Killed:
                pass
        log.refresh()
        assert log.told() == {"O1": [*scans, "Placed", "Packed"], "O2": [*scans, "Packed"]}, f"killed after {done}"
        days = Query("days", "SELECT day, cases FROM day_figures FINAL WHERE tenant = {tenant:String}")
        found = log.warehouse.read_for_write(days, {"tenant": log.tenant}).rows()
        assert found == [(scan.occurred_at.date(), 2)], f"killed after {done}"
    assert stride(1) * len(scans) > 10


def test_filters_apply_to_cases_with_reached_events(log: Log) -> None:
    log.add(PLACED, of("Placed", "1m", ("order", "O2")), SCANNED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY)
    scanned = CaseFilter(activities=("Scanned",))
    log.view.check(scanned)
    assert cases(log.view, scanned).cases["case"].to_list() == ["O1"]


def test_readiness_counts_what_is_linked_unlinked_and_multiply_linked(log: Log) -> None:
    carrier = {"source": "carrier"}
    log.add(
        *(PLACED, of("Placed", "1m", ("order", "O2")), PACKED, ORDER_TO_DELIVERY, PARCEL_TO_DELIVERY),
        *(of("Scanned", "3m", ("parcel", name), **carrier) for name in ("P1", "P1", "P2", "P3", "P4", "P5")),
        *(of("Weighed", "4m", ("parcel", "P1")), Linked(("delivery", "D2"), ("parcel", "P2"))),
        *(Linked(("order", name), ("delivery", "D3")) for name in ("O1", "O2")),
        Linked(("delivery", "D3"), ("parcel", "P3")),
    )
    found = {finding.aspect: finding for finding in readiness(log.view) if "linked:" in finding.aspect}
    assert {aspect: (finding.count, finding.share, finding.attention) for aspect, finding in found.items()} == {
        "linked: order → delivery, source 'shop'": (1, 1.0, False),
        "unlinked: order → delivery, source 'shop'": (0, 0.0, False),
        "multiply linked: order → delivery, source 'shop'": (0, 0.0, False),
        "linked: order → delivery → parcel, source 'carrier'": (1, 0.2, False),
        "unlinked: order → delivery → parcel, source 'carrier'": (3, 0.6, True),
        "multiply linked: order → delivery → parcel, source 'carrier'": (1, 0.2, True),
        "linked: order → delivery → parcel, source 'shop'": (1, 1.0, False),
        "unlinked: order → delivery → parcel, source 'shop'": (0, 0.0, False),
        "multiply linked: order → delivery → parcel, source 'shop'": (0, 0.0, False),
    }
    assert found["unlinked: order → delivery → parcel, source 'carrier'"].meaning == (
        "of 5 parcel objects with events of 'carrier': joined to no order; their events are in no case unless they "
        "name it themselves, so cases may look shorter than they were"
    )
    assert log.told() == {
        "O1": ["Placed", "Scanned", "Scanned", "Scanned", "Weighed", "Packed"],
        "O2": ["Placed", "Scanned"],
    }


def test_readiness_says_when_a_path_brings_nothing(log: Log) -> None:
    log.add(PLACED, ORDER_TO_DELIVERY)
    found = [finding for finding in readiness(log.view) if "linked:" in finding.aspect]
    assert [(finding.aspect, finding.count, finding.attention) for finding in found] == [
        ("linked: order → delivery", 0, False),
        ("linked: order → delivery → parcel", 0, True),
    ]
