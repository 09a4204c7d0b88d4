"""Storing one load step: what is kept, what is not kept twice, and that a killed step is finished."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from examples import stride
from logs import (
    CASE_TYPE,
    LOAD_ID,
    NO_LINKS,
    NO_OBJECTS,
    SOURCE,
    START,
    File,
    Told,
    frame,
    happened,
    object_frame,
    process,
    whiteboard,
)

from ingest.occurrences import Occurrences
from ingest.staging import Origin, Step, staged
from ingest.store import EventStore, Stored
from kernel.clock import Clock, FixedClock
from kernel.errors import WarehouseError
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

EVENTS = Query(
    "all_events",
    "SELECT source, source_event_id, activity, occurred_at, order_at, precision, revision, sequence, actor, objects, "
    "attributes FROM events WHERE tenant = {tenant:String} "
    "ORDER BY source, source_event_id, activity, occurred_at, revision, sequence, objects",
)
RELATIONS = Query(
    "all_relations",
    "SELECT object_type, object_id, order_at, source, sequence, activity, qualifiers, attributes FROM event_objects "
    "WHERE tenant = {tenant:String} ORDER BY object_type, object_id, order_at, source, sequence, activity",
)
PATHS = Query(
    "all_case_paths",
    "SELECT * EXCEPT (tenant, version) FROM case_paths FINAL WHERE tenant = {tenant:String} ORDER BY case_id",
)
TOUCHED = Query(
    "touched",
    "SELECT DISTINCT object_id FROM touched_objects FINAL WHERE tenant = {tenant:String} AND batch > {after:UInt64} "
    "ORDER BY object_id",
)
LEFT_OVER = Query(
    "left_over",
    "SELECT count() FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'incoming_')",
)


class Killed(BaseException):
    """The process is gone: nothing handles this."""


@contextmanager
def killed_at(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, number: int, *, backwards: bool = False
) -> Iterator[list[str]]:
    """The call of that number to the warehouse, counted from 0, and all after it do not happen. Gives the names of the
    queries and tables of the calls that do. Statements that run side by side are so many calls, one after the other, or
    `backwards`."""
    calls: list[str] = []

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(asked: Query | str, *args: Any, **more: Any) -> Any:
            if len(calls) >= number:
                raise Killed
            calls.append(asked.partition("_")[0] if isinstance(asked, str) else asked.name)  # a table of the step's own
            return original(asked, *args, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("command", "insert_parquet", "read_for_write"):
            patch.setattr(warehouse, name, counted(getattr(warehouse, name)))

        def commands(*statements: tuple[Query, Mapping[str, Any]]) -> None:
            for statement in reversed(statements) if backwards else statements:
                warehouse.command(*statement)

        patch.setattr(warehouse, "commands", commands)
        yield calls


def seen(warehouse: Warehouse, tenant: str) -> list[pl.DataFrame]:
    return [warehouse.read_for_write(query, {"tenant": tenant}) for query in (EVENTS, RELATIONS, PATHS)]


def first_step(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    rows = [*whiteboard("A B C", "A C"), happened("D", "10m", "4", source_event_id="e1", sequence=90)]
    File(warehouse, clock, tenant).step(frame(rows))
    refresh(warehouse, clock, tenant, process())


def second_step(warehouse: Warehouse, clock: Clock, tenant: str) -> Stored:
    """New events, an object that an event names twice, a copy that wins and moves its event, attributes."""
    twice = ((CASE_TYPE, "1", "of"), (CASE_TYPE, "1", "by"), (CASE_TYPE, "2", ""))
    rows = [
        happened("E", "3h", "3", sequence=20),
        happened("F", "4h", objects=twice, sequence=21),
        happened("D", "11m", "5", source_event_id="e1", sequence=90, revision=1),
    ]
    return File(warehouse, clock, tenant).step(frame(rows), object_frame([Told("2", "region", "north")]))


@pytest.fixture(scope="module")
def undisturbed(warehouse: Warehouse, clock: Clock) -> list[pl.DataFrame]:
    tenant = f"t{uuid4().hex[:20]}"
    first_step(warehouse, clock, tenant)
    assert second_step(warehouse, clock, tenant) == Stored(stored=3, conflicts=1)
    refresh(warehouse, clock, tenant, process())
    return seen(warehouse, tenant)


def calls_of_a_step(warehouse: Warehouse, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tenant = f"t{uuid4().hex[:20]}"
    first_step(warehouse, clock, tenant)
    with killed_at(warehouse, monkeypatch, 10_000) as calls:
        second_step(warehouse, clock, tenant)
    return calls


@pytest.mark.parametrize(
    ("repairing", "every"), [(True, 1), (False, 3)], ids=["repair then again", "again then repair"]
)
def test_a_step_killed_at_any_call_is_finished(
    warehouse: Warehouse,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: list[pl.DataFrame],
    repairing: bool,
    every: int,
) -> None:
    for number in range(0, len(calls_of_a_step(warehouse, clock, monkeypatch)), stride(every)):
        tenant = f"t{uuid4().hex[:20]}"
        first_step(warehouse, clock, tenant)
        with pytest.raises(Killed), killed_at(warehouse, monkeypatch, number) as calls:
            second_step(warehouse, clock, tenant)
        marks = calls.count("mark_batch")  # one: begun, two: stored
        refresh(warehouse, clock, tenant, process())  # sees all of the step or nothing of it
        assert seen(warehouse, tenant)[2].height == (4 if marks == 2 else 3), number
        store = EventStore(warehouse, clock)
        if repairing:
            store.repair(tenant)
        second_step(warehouse, clock, tenant)
        assert store.repair(tenant) == (1 if marks == 1 and not repairing else 0), number
        refresh(warehouse, clock, tenant, process())
        for found, expected in zip(seen(warehouse, tenant), undisturbed, strict=True):
            assert found.equals(expected), number


@pytest.mark.parametrize("backwards", [False, True], ids=["events first", "relations first"])
def test_a_step_of_new_events_killed_at_any_call_is_finished(
    warehouse: Warehouse, clock: Clock, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    """Events and their relations are stored side by side: any of them may be there without the others."""
    rows, told = whiteboard("A B", "A C D"), [Told("2", "region", "north")]

    def step(tenant: str) -> Stored:
        return File(warehouse, clock, tenant).step(frame(rows), object_frame(told))

    whole = f"t{uuid4().hex[:20]}"
    with killed_at(warehouse, monkeypatch, 10_000, backwards=backwards) as calls:
        assert step(whole) == Stored(5, 0)
    assert "batch_outcome" not in calls, "relations are stored beside the events"
    numbers = list(range(0, len(calls), stride(1)))
    if backwards:  # then only what side by side may be there in either order
        with killed_at(warehouse, monkeypatch, 10_000) as forwards:
            assert step(f"t{uuid4().hex[:20]}") == Stored(5, 0)
        numbers = [number for number in numbers if sorted(calls[:number]) != sorted(forwards[:number])]
        assert numbers
    refresh(warehouse, clock, whole, process())
    expected = seen(warehouse, whole)
    for number in numbers:
        tenant = f"t{uuid4().hex[:20]}"
        with pytest.raises(Killed), killed_at(warehouse, monkeypatch, number, backwards=backwards) as made:
            step(tenant)
        begun = "mark_batch" in made
        assert EventStore(warehouse, clock).repair(tenant) == (1 if begun and made.count("mark_batch") == 1 else 0)
        refresh(warehouse, clock, tenant, process())
        step(tenant)
        refresh(warehouse, clock, tenant, process())
        for found, wanted in zip(seen(warehouse, tenant), expected, strict=True):
            assert found.equals(wanted), number


def test_a_repair_that_is_killed_is_repaired(
    warehouse: Warehouse, clock: Clock, monkeypatch: pytest.MonkeyPatch, undisturbed: list[pl.DataFrame]
) -> None:
    """Killed just before its end, then again and again while it is mended."""
    calls = calls_of_a_step(warehouse, clock, monkeypatch)
    last = max(number for number, name in enumerate(calls) if name == "mark_batch")
    tenant = f"t{uuid4().hex[:20]}"
    first_step(warehouse, clock, tenant)
    with pytest.raises(Killed), killed_at(warehouse, monkeypatch, last):
        second_step(warehouse, clock, tenant)
    for number in range(20):
        with killed_at(warehouse, monkeypatch, number):
            try:
                assert EventStore(warehouse, clock).repair(tenant) == 1
                break
            except Killed:
                continue
    refresh(warehouse, clock, tenant, process())
    for found, expected in zip(seen(warehouse, tenant), undisturbed, strict=True):
        assert found.equals(expected)


def test_tables_of_killed_steps_are_dropped_after_a_day(
    warehouse: Warehouse, clock: Clock, monkeypatch: pytest.MonkeyPatch, tenant: str
) -> None:
    number = calls_of_a_step(warehouse, clock, monkeypatch).index("end_incoming")
    before = warehouse.read_for_write(LEFT_OVER).item()
    with pytest.raises(Killed), killed_at(warehouse, monkeypatch, number):
        second_step(warehouse, clock, tenant)
    assert warehouse.read_for_write(LEFT_OVER).item() == before + 1
    EventStore(warehouse, FixedClock(datetime.now(timezone.utc) + timedelta(days=2))).repair(tenant)
    assert warehouse.read_for_write(LEFT_OVER).item() == 0


def test_the_same_rows_again_add_nothing(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    rows = [*whiteboard("A A B"), happened("A", "0m", "1"), happened("C", "9m", "1", source_event_id="e1")]
    assert File(warehouse, clock, tenant).step(frame(rows)).stored == 5
    assert File(warehouse, clock, tenant).step(frame(rows)) == Stored(0, 0)
    assert File(warehouse, clock, tenant).step(frame(rows[2:])) == Stored(0, 0)


def test_a_source_is_searched_for_copies_once_it_holds_more_than_the_file_s_own(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    first, second = frame(whiteboard("A B")), frame(whiteboard("C D"))
    store, origin, occurrences = EventStore(warehouse, clock), Origin(tenant, SOURCE, LOAD_ID), Occurrences()

    def step(events: pl.DataFrame) -> Step:
        now = clock.now()
        return staged(origin, events, occurrences.of(events), NO_OBJECTS, NO_LINKS, now=now)

    assert store.store_step(origin, step(first), own=0).stored == 2
    File(warehouse, clock, tenant).step(second)  # another export, which overlaps
    assert store.store_step(origin, step(second), own=2).stored == 0
    held = Query("held", "SELECT count() FROM event_objects WHERE tenant = {tenant:String}")
    assert warehouse.read_for_write(held, {"tenant": tenant}).item() == 4


def test_equal_rows_of_one_file_are_counted_over_all_its_steps(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    row = happened("A", "0m", "1")
    file = File(warehouse, clock, tenant)
    assert [file.step(frame([row, row])).stored, file.step(frame([row])).stored] == [2, 1]
    assert File(warehouse, clock, tenant).step(frame([row, row, row])).stored == 0
    assert File(warehouse, clock, tenant).step(frame([row, row, row, row])).stored == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_highest_revision_wins_in_any_order(warehouse: Warehouse, clock: Clock, order: tuple[int, ...]) -> None:
    tenant = f"t{uuid4().hex[:20]}"
    copies = [happened("A", f"{n}m", str(n), source_event_id="e1", revision=n) for n in range(3)]
    conflicts = [File(warehouse, clock, tenant).step(frame([copies[n]])).conflicts for n in order]
    assert conflicts == [0, 1, 1]
    assert warehouse.read_for_write(RELATIONS, {"tenant": tenant})["object_id"].to_list() == ["2"]


def test_revisions_of_one_event_in_one_step_are_one_winner(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    copies = [happened("A", f"{n}m", str(n), source_event_id="e1", revision=n) for n in range(3)]
    other = happened("B", "9m", "9", source_event_id="e2")
    assert File(warehouse, clock, tenant).step(frame([*copies, other])) == Stored(stored=4, conflicts=1)
    assert warehouse.read_for_write(RELATIONS, {"tenant": tenant})["object_id"].to_list() == ["2", "9"]


def test_one_id_in_two_sources_is_two_events(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    one = happened("A", "0m", "1", source_event_id="e1")
    assert File(warehouse, clock, tenant).step(frame([one, one.but(source="erp")])) == Stored(2, 0)


def test_a_step_touches_the_objects_whose_paths_may_change(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    first_step(warehouse, clock, tenant)
    query = Query("last_batch_of", "SELECT max(batch) FROM batches WHERE tenant = {tenant:String}")
    after = warehouse.read_for_write(query, {"tenant": tenant}).item()
    second_step(warehouse, clock, tenant)
    touched = warehouse.read_for_write(TOUCHED, {"tenant": tenant, "after": after})
    assert touched["object_id"].to_list() == ["1", "2", "3", "4", "5"]


def test_an_object_named_twice_is_one_relation_with_both_qualifiers(
    warehouse: Warehouse, clock: Clock, tenant: str
) -> None:
    twice = ((CASE_TYPE, "1", "of"), (CASE_TYPE, "1", "by"))
    File(warehouse, clock, tenant).step(frame([happened("A", "0m", objects=twice)]))
    assert warehouse.read_for_write(RELATIONS, {"tenant": tenant})["qualifiers"].to_list() == [["by", "of"]]


@pytest.mark.parametrize(
    ("zone", "end"),
    [
        (None, datetime(2024, 3, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)),
        (ZoneInfo("Europe/Berlin"), datetime(2024, 3, 31, 21, 59, 59, 999999, tzinfo=timezone.utc)),
    ],
)
def test_a_business_date_sorts_at_the_end_of_its_day_where_it_was_written(
    warehouse: Warehouse, clock: Clock, zone: ZoneInfo | None, end: datetime
) -> None:
    """The day of the clock change has 23 hours."""
    tenant = f"t{uuid4().hex[:20]}"
    midnight = datetime(2024, 3, 31, tzinfo=zone or timezone.utc).astimezone(timezone.utc)
    File(warehouse, clock, tenant, zone=zone).step(frame([happened("A", midnight, "1", precision="day")]))
    assert warehouse.read_for_write(EVENTS, {"tenant": tenant})["order_at"].to_list() == [end]


def test_events_that_did_not_arrive_stop_the_step(
    warehouse: Warehouse, clock: Clock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = warehouse.commands

    def losing(*statements: tuple[Query, Mapping[str, Any]]) -> None:
        original(*(statement for statement in statements if statement[0].name != "store_events"))

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "commands", losing)
        with pytest.raises(WarehouseError, match="1 events of a load step are not in the warehouse"):
            File(warehouse, clock, tenant).step(frame([happened("A", "0m", "1")]))
    assert EventStore(warehouse, clock).repair(tenant) == 1
    assert File(warehouse, clock, tenant).step(frame([happened("A", "0m", "1")])).stored == 1


def test_frames_without_a_source_column_take_the_origin_s(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    events = frame([happened("A", START, "1")]).drop("source")
    store = EventStore(warehouse, clock)
    store.store(Origin(tenant, SOURCE, LOAD_ID), events, Occurrences().of(events), object_frame([]), NO_LINKS)
    assert warehouse.read_for_write(EVENTS, {"tenant": tenant})["source"].to_list() == [SOURCE]
