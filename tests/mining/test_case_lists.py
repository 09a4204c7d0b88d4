"""The orders of a list of cases, and one case read in parts."""

from __future__ import annotations

import pytest
from logs import File, frame, happened, stored

from kernel.clock import Clock
from kernel.warehouse import Warehouse
from mining.cases import ORDERS, case_part, cases
from mining.view import ProcessView

EXPECTED = {
    "longest": "ACB",
    "shortest": "BCA",
    "newest": "BCA",
    "oldest": "ACB",
    "events": "CAB",
    "fewest": "BAC",
    "recent": "BAC",
    "stalest": "CAB",
    "due": "ABC",  # nothing is: by case id
    "case": "ABC",
}


def a_log(warehouse: Warehouse, clock: Clock, tenant: str) -> ProcessView:
    """A: 2 events from 0 to 60 minutes; B: 1 event at 90 minutes; C: 3 events from 20 to 40 minutes."""
    rows = [happened("go", "0m", "A"), happened("stop", "60m", "A"), happened("go", "90m", "B")]
    rows += [happened(activity, f"{minute}m", "C") for activity, minute in (("go", 20), ("wait", 30), ("stop", 40))]
    return stored(warehouse, clock, tenant, frame(rows))


@pytest.fixture(scope="module")
def view(warehouse: Warehouse, clock: Clock, shared_tenant: str) -> ProcessView:
    return a_log(warehouse, clock, shared_tenant)


@pytest.mark.parametrize("order_by", ORDERS)
@pytest.mark.parametrize("page", [1, 2, 50])
def test_a_list_has_the_order_asked_for(view: ProcessView, order_by: str, page: int) -> None:
    found = [cases(view, order_by=order_by, page=page)]
    while found[-1].next is not None:
        found.append(cases(view, order_by=order_by, page=page, after=found[-1].next))
    assert "".join(name for part in found for name in part.cases["case"]) == EXPECTED[order_by]


def test_parts_of_a_case_are_the_case(view: ProcessView) -> None:
    first, second = case_part(view, "C", first=0, most=2), case_part(view, "C", first=2, most=2)
    assert first.events["activity"].to_list() == ["go", "wait"]
    assert second.events["activity"].to_list() == ["stop"]
    assert second.events["wait_s"].to_list() == [600.0]
    for part in (first, second, case_part(view, "C", first=7, most=2)):
        assert part.total == 3
        assert part.activities == ["go", "wait", "stop"]
        assert part.waits_s == [None, 600.0, 600.0]
        assert (part.ended - part.began).total_seconds() == 1200


def test_an_event_ahead_of_the_projection_is_there_without_a_wait(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    view = a_log(warehouse, clock, tenant)
    File(warehouse, clock, tenant).step(frame([happened("late", "200m", "C")]))
    part = case_part(view, "C", first=2, most=2)
    assert part.total == 4
    assert part.events["activity"].to_list() == ["stop", "late"]
    assert part.events["wait_s"].to_list() == [600.0, None]
    assert part.waits_s == [None, 600.0, 600.0]
