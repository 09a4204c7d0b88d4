"""Refreshes and rebuilds: what moves, what is left of what was killed, and which pairs are ordered by assumption."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from logs import (
    START,
    File,
    Happened,
    Told,
    frame,
    happened,
    object_frame,
    process,
    stored,
    whiteboard,
)
from projected import content, fresh_tenant

from kernel.clock import Clock, FixedClock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining import projection
from mining.cases import case, cases
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.summary import log_summary
from mining.view import ProcessView


def moving(clock: Clock, warehouse: Warehouse, tenant: str, definition: ProcessDefinition | None = None) -> ProcessView:
    """Case 1 holds A and B, case 2 holds only the event e1, which a newer copy gives to case 3."""
    rows = [*whiteboard("A B"), happened("A", "10m", "2", source_event_id="e1", sequence=7)]
    view = stored(warehouse, clock, tenant, frame(rows), definition=definition)
    moved = happened("A", START + timedelta(days=3), "3", source_event_id="e1", sequence=7, revision=1)
    File(warehouse, clock, tenant).step(frame([moved]))
    refresh(warehouse, clock, tenant, view.definition)
    return view


def test_a_moved_event_leaves_no_ghost(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = moving(clock, warehouse, tenant)
    assert cases(view, order_by="oldest").cases["case"].to_list() == ["1", "3"]
    days = content(warehouse, tenant).figures["day"].to_list()
    assert days == [date(2024, 1, 5), date(2024, 1, 8)]
    assert log_summary(view).events == 3
    # The old copy arriving again changes nothing.
    File(warehouse, clock, tenant).step(frame([happened("A", "10m", "2", source_event_id="e1", sequence=7)]))
    refresh(warehouse, clock, tenant, view.definition)
    assert cases(view, order_by="oldest").cases["case"].to_list() == ["1", "3"]


def test_a_day_that_lost_its_only_case_has_no_figures(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    first = happened("A", "0m", "1", source_event_id="e1")
    view = stored(warehouse, clock, tenant, frame([first]))
    File(warehouse, clock, tenant).step(frame([first.but(occurred_at=START + timedelta(days=2), revision=4)]))
    refresh(warehouse, clock, tenant, view.definition)
    assert content(warehouse, tenant).figures["day"].to_list() == [date(2024, 1, 7)]


def test_a_late_first_event_moves_the_case_out_of_a_window(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame([happened("B", START + timedelta(days=9), "1")]))
    window = CaseFilter(since=START + timedelta(days=8))
    assert log_summary(view, window).cases == 1
    File(warehouse, clock, tenant).step(frame([happened("A", "0m", "1")]))
    refresh(warehouse, clock, tenant, view.definition)
    assert log_summary(view, window).cases == 0


def test_equal_rows_without_an_id_stay_two_beside_rows_with_one(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    twice = happened("A", "0m", "1")
    rows = [twice, twice, happened("B", "1m", "1", source_event_id="e1")]
    assert log_summary(stored(warehouse, clock, tenant, frame(rows))).events == 3


def test_a_revision_without_an_id_makes_no_second_event(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    first = happened("A", "0m", "1")
    view = stored(warehouse, clock, tenant, frame([first]), frame([first.but(revision=1)]))
    assert log_summary(view).events == 1


def test_a_changed_definition_rebuilds(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C", "B", "A C")))
    assert refresh(warehouse, clock, tenant, view.definition).kind == "current"
    narrower = process(activities=("A", "C"), end=("C",))
    assert refresh(warehouse, clock, tenant, narrower).kind == "full"
    found = cases(view, order_by="oldest").cases
    assert found.select("case", "events", "state").rows() == [("1", 2, "complete"), ("3", 2, "complete")]
    assert refresh(warehouse, clock, tenant, view.definition).kind == "full"
    assert cases(view, order_by="oldest").cases["events"].to_list() == [3, 1, 2]


def test_readers_see_the_old_paths_until_a_rebuild_is_whole(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C", "B", "A C")))
    narrower = ProcessView(warehouse, tenant, process(activities=("C",)))
    seen: list[int] = []

    def look(part: int, parts: int) -> None:
        seen.append(log_summary(view).events)

    refresh(warehouse, clock, tenant, narrower.definition, progress=look)
    assert seen == [6]
    assert log_summary(narrower).events == 2
    assert log_summary(narrower).cases == 2


def test_a_killed_rebuild_leaves_nothing_in_the_next(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C", "B", "A C")))

    def stop(part: int, parts: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        refresh(warehouse, clock, tenant, view.definition, full=True, progress=stop)
    assert log_summary(view).events == 6
    narrower = ProcessView(warehouse, tenant, process(activities=("C",)))
    refresh(warehouse, clock, tenant, narrower.definition)
    assert log_summary(narrower).cases == 2


def test_a_refresh_wins_over_a_killed_one_though_the_clock_was_set_back(
    warehouse: Warehouse, clock: Clock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B")))
    File(warehouse, clock, tenant).step(frame([happened("C", "3h", "1")]))
    run = Warehouse.command

    def stopping(self: Warehouse, query: Query, parameters: dict[str, Any] | None = None) -> None:
        if query.name == "record_projection":
            raise KeyboardInterrupt
        run(self, query, parameters)

    later = FixedClock(clock.now() + timedelta(hours=1))
    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "command", stopping)
        with pytest.raises(KeyboardInterrupt):
            refresh(warehouse, later, tenant, view.definition)
    File(warehouse, clock, tenant).step(frame([happened("D", "4h", "1")]))
    assert refresh(warehouse, clock, tenant, view.definition).kind == "touched"
    assert case(view, "1").events["activity"].to_list() == ["A", "B", "C", "D"]
    assert log_summary(view).events == 4


def test_a_large_log_is_built_part_by_part(
    warehouse: Warehouse, clock: Clock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part on disk is cut at its marks, one per 8,192 relations."""
    rows = [
        happened("A", START + timedelta(seconds=n * 7919 % 30_000), f"c{n * 271 % 3_000:04}") for n in range(30_000)
    ]
    view = stored(warehouse, clock, tenant, frame(rows))
    whole = content(warehouse, tenant)
    assert whole.paths["events"].sum() == 30_000
    parts: list[tuple[int, int]] = []
    monkeypatch.setattr(projection, "RANGE_ROWS", 9_000)
    refresh(warehouse, clock, tenant, view.definition, full=True, progress=lambda *done: parts.append(done))
    assert len(parts) >= 3
    assert parts[-1] == (len(parts), len(parts))
    assert content(warehouse, tenant) == whole


def test_a_process_that_lost_all_its_cases_has_none(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    stored(warehouse, clock, tenant, frame(whiteboard("A B C")))
    nothing = ProcessView(warehouse, tenant, process(activities=("D",)))
    refresh(warehouse, clock, tenant, nothing.definition)
    assert log_summary(nothing).cases == 0
    assert content(warehouse, tenant).figures.is_empty()


@pytest.mark.parametrize("refreshes", [1, 2])
@pytest.mark.parametrize(
    ("told", "values", "column"),
    [
        pytest.param(happened("B", "0m", "1", sequence=9, source="earlier"), [], "sources", id="another source"),
        pytest.param(happened("B", date(2024, 1, 5), "1"), [], "date_only", id="a business date"),
        pytest.param(
            happened("B", "5m", "1", started_at=START + timedelta(minutes=2)), [], "services_us", id="a start"
        ),
        pytest.param(happened("B", "5m", "1"), [Told("1", "channel", "shop")], "attributes", id="an attribute"),
    ],
)
def test_what_only_a_later_load_brings_counts_then_and_in_later_refreshes(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    told: Happened,
    values: list[Told],
    column: str,
    refreshes: int,
) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A", "A")))
    plain = content(warehouse, tenant)
    File(warehouse, clock, tenant, source=told.source).step(frame([told]), object_frame(values))
    for number in range(refreshes):
        if number > 0:
            File(warehouse, clock, tenant).step(frame([happened("Read", "8m", objects=(("note", "N1", ""),))]))
            assert refresh(warehouse, clock, tenant, view.definition).kind == "current"
            File(warehouse, clock, tenant).step(frame([happened("C", "9m", "1")]))
        assert refresh(warehouse, clock, tenant, view.definition).kind == "touched"
    refreshed = content(warehouse, tenant)
    assert refreshed.paths[column].to_list() != plain.paths[column].to_list()
    refresh(warehouse, clock, tenant, view.definition, full=True)
    assert content(warehouse, tenant) == refreshed


def test_only_touched_cases_are_rebuilt(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B", "A C")))
    query = Query("versions", "SELECT case_id, version FROM case_paths FINAL WHERE tenant = {tenant:String}")
    before = dict(warehouse.read_for_write(query, {"tenant": tenant}).rows())
    File(warehouse, clock, tenant).step(frame([happened("D", "3h", "2")]))
    assert refresh(warehouse, clock, tenant, view.definition).kind == "touched"
    after = dict(warehouse.read_for_write(query, {"tenant": tenant}).rows())
    assert after["1"] == before["1"]
    assert after["2"] > before["2"]


def test_a_case_ends_no_sooner_than_it_began(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    rows = [happened("A", "0m", "1"), happened("B", START.date(), "1")]
    found = case(stored(warehouse, clock, tenant, frame(rows)), "1")
    assert found.events["activity"].to_list() == ["A", "B"]
    assert found.events["assumed"].to_list() == [False, True]
    view = stored(warehouse, clock, tenant, definition=process())
    assert cases(view).cases.item(0, "duration_s") == 0


@pytest.mark.parametrize(
    ("one", "other", "assumed"),
    [
        (happened("A", "0m", "1"), happened("B", "1m", "1"), False),
        (happened("C", "0m", "1"), happened("D", "0m", "1", sequence=1), False),  # by the sequence of the source
        (happened("C", "0m", "1"), happened("D", "0m", "1"), True),  # by event id alone
        (happened("A", "0m", "1", sequence=1), happened("B", "0m", "1"), True),  # by rank
        (happened("A", "0m", "1", source="erp"), happened("A", "0m", "1", sequence=1), True),  # by source
        (happened("A", "0m", "1", source="erp", precision="min"), happened("A", "30s", "1"), True),
        (happened("A", "0m", "1", source="erp", precision="min"), happened("A", "60s", "1"), False),
        (happened("A", "0m", "1", precision="min"), happened("C", "30s", "1"), False),  # one source knows its order
        (happened("A", "0m", "1"), happened("C", START.date(), "1", sequence=1), True),  # within the day
        (happened("A", START.date(), "1"), happened("C", "24h", "1"), False),
    ],
    ids=str,
)
def test_a_pair_is_assumed_where_nothing_but_convention_orders_it(
    warehouse: Warehouse, clock: Clock, one: Happened, other: Happened, assumed: bool
) -> None:
    tenant = fresh_tenant()
    definition = process(order=("B", "A"))
    view = stored(warehouse, clock, tenant, frame([one, other]), definition=definition)
    assert case(view, "1").events["assumed"].to_list() == [False, assumed]
    assert log_summary(view).assumed_pairs == int(assumed)
