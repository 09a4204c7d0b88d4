"""The projection's law: any order and batching of the same events gives the same paths and day figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise, zip_longest
from typing import Any
from uuid import uuid4

import generated_logs as generated
import polars as pl
import pytest
import reference
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import (
    SOURCE,
    START,
    File,
    Happened,
    Linked,
    Told,
    frame,
    happened,
    link_frame,
    object_frame,
    process,
    stored,
    whiteboard,
)

from kernel.clock import Clock, FixedClock
from kernel.process import CaseAttribute, ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.cases import case, cases
from mining.directly_follows import directly_follows
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.summary import log_summary
from mining.variants import ALL, variants
from mining.view import ProcessView

PATHS = Query(
    "all_case_paths",
    "SELECT * EXCEPT (tenant, version) FROM case_paths FINAL WHERE tenant = {tenant:String} ORDER BY process, case_id",
)
FIGURES = Query(
    "all_day_figures",
    "SELECT * EXCEPT (tenant, version) FROM day_figures FINAL WHERE tenant = {tenant:String} ORDER BY process, day",
)
DEFINITION = process(
    order=("B", "A"),
    end=("C",),
    case_attributes=(CaseAttribute(name="amount", take="max"), CaseAttribute(name="channel", take="last")),
    calendar="berlin",
    promises=generated.PROMISES,
).with_calendars(generated.CALENDARS)
quick = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # every example is several loads: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Content:
    """All that the projection of a tenant holds, versions aside."""

    paths: pl.DataFrame
    figures: pl.DataFrame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and all(
            one.schema == two.schema and one.equals(two)
            for one, two in ((self.paths, other.paths), (self.figures, other.figures))
        )


def content(warehouse: Warehouse, tenant: str) -> Content:
    scope = {"tenant": tenant}
    return Content(warehouse.read_for_write(PATHS, scope), warehouse.read_for_write(FIGURES, scope))


def fresh_tenant() -> str:
    return f"t{uuid4().hex[:20]}"


def one_position_each(rows: list[Happened]) -> list[Happened]:
    """The rows with a sequence of their own, equal rows the same: order by event id alone, which holds the tenant's
    name, is left to the comparison with the reference."""
    numbers: dict[tuple[str, int, str, bytes], int] = {}
    placed = []
    for row in rows:
        revision = row.revision if row.source_event_id else 0
        key = (row.source, revision, row.source_event_id, reference.content_hash(row))
        placed.append(row.but(sequence=numbers.setdefault(key, len(numbers)), revision=revision))
    return placed


@st.composite
def deliveries(draw: st.DrawFn, rows: list[Happened]) -> list[tuple[list[Happened], bool]]:
    """The rows in another order and in several batches, events with ids repeated; True: refresh after the batch."""
    copies = [row for row in rows if row.source_event_id]
    if copies:
        rows = rows + draw(st.lists(st.sampled_from(copies), max_size=4))
    rows = draw(st.permutations(rows))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    bounds = [0, *cuts, len(rows)]
    return [(rows[start:end], draw(st.booleans())) for start, end in pairwise(bounds)]


def deliver(
    warehouse: Warehouse,
    clock: Clock,
    batches: list[tuple[list[Happened], bool]],
    told: list[list[Told]],
    *,
    links: Sequence[list[Linked]] = (),
    definitions: Sequence[ProcessDefinition] = (DEFINITION,),
) -> str:
    """A fresh tenant that got the batches in order, as one file, refreshed at the end at the latest. Of `told` and
    `links` the first part comes with the first batch, and so on."""
    tenant = fresh_tenant()
    file = File(warehouse, clock, tenant)
    parts = zip_longest(batches, told, links)
    for delivered, values, joined in parts:
        rows, refreshing = delivered or ([], False)
        file.step(frame(rows), object_frame(values or []), link_frame(joined or []))
        if refreshing:
            refresh_all(warehouse, clock, tenant, definitions)
    refresh_all(warehouse, clock, tenant, definitions)
    return tenant


def refresh_all(
    warehouse: Warehouse, clock: Clock, tenant: str, definitions: Sequence[ProcessDefinition], *, full: bool = False
) -> None:
    for definition in definitions:
        refresh(warehouse, clock, tenant, definition, full=full)


@quick
@given(rows=generated.events(most=12), told=generated.told(), data=st.data())
def test_order_and_batching_change_nothing(
    warehouse: Warehouse, clock: Clock, rows: list[Happened], told: list[Told], data: st.DataObject
) -> None:
    rows = one_position_each(rows)
    usual = deliver(warehouse, clock, [(rows, False)], [told])
    expected = content(warehouse, usual)
    turned = list(reversed(told))
    half = len(turned) // 2
    other = deliver(warehouse, clock, data.draw(deliveries(rows)), [turned[:half], turned[half:]])
    assert content(warehouse, other) == expected
    # The same file once more, from its beginning, and a rebuild.
    File(warehouse, clock, other).step(frame(data.draw(st.permutations(rows))))
    refresh(warehouse, clock, other, DEFINITION)
    assert content(warehouse, other) == expected
    refresh(warehouse, clock, other, DEFINITION, full=True)
    assert content(warehouse, other) == expected


def with_links(*paths: tuple[str, ...], process_id: str = "linked") -> ProcessDefinition:
    """DEFINITION under another name, with link paths."""
    return DEFINITION.model_copy(update={"id": process_id, "links": paths})


@settings(quick, max_examples=4)  # three processes, each refreshed many times
@given(
    rows=generated.linked_events(),
    links=generated.links(),
    told=generated.told(),
    paths=generated.link_paths(),
    others=generated.link_paths(),
    data=st.data(),
)
def test_order_and_batching_change_nothing_over_links(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    links: list[Linked],
    told: list[Told],
    paths: tuple[tuple[str, ...], ...],
    others: tuple[tuple[str, ...], ...],
    data: st.DataObject,
) -> None:
    rows = one_position_each(rows)
    definitions = (DEFINITION, with_links(*paths), with_links(*others, process_id="other"))
    usual = deliver(warehouse, clock, [(rows, False)], [told], links=[links], definitions=definitions)
    expected = content(warehouse, usual)
    batches = data.draw(deliveries(rows))
    told_again = links + data.draw(st.lists(st.sampled_from(links), max_size=2)) if links else links
    turned = data.draw(st.permutations(told_again))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(turned)), max_size=4)))
    joined = [turned[start:end] for start, end in pairwise([0, *cuts, len(turned)])]
    if data.draw(st.booleans()):
        batches = [([], data.draw(st.booleans())) for _ in joined] + batches  # all links before the first event
    elif data.draw(st.booleans()):
        joined = [[] for _ in batches] + joined  # and after the last
        batches += [([], data.draw(st.booleans())) for _ in range(len(joined) - len(batches))]
    other = deliver(warehouse, clock, batches, [told], links=joined, definitions=definitions)
    assert content(warehouse, other) == expected
    relations = derived(warehouse, other)
    File(warehouse, clock, other).step(frame(data.draw(st.permutations(rows))), links=link_frame(links))
    refresh_all(warehouse, clock, other, definitions)
    assert content(warehouse, other) == expected
    refresh_all(warehouse, clock, other, definitions, full=True)
    assert content(warehouse, other) == expected
    assert derived(warehouse, other) == relations


def derived(warehouse: Warehouse, tenant: str) -> list[tuple[Any, ...]]:
    """Every derived relation: process, case, event and what it says."""
    query = Query(
        "derived_relations",
        "SELECT toString(derived_for), object_id, lower(hex(event_id)), toString(activity), order_at, sequence, "
        "toString(source), qualifiers, attributes FROM event_objects "
        "WHERE tenant = {tenant:String} AND derived_for != '' ORDER BY ALL",
    )
    return warehouse.read_for_write(query, {"tenant": tenant}).rows()


@quick
@given(
    rows=generated.linked_events(most=12),
    links=generated.links(),
    paths=generated.link_paths(),
    cut=st.integers(0, 12),
    link_cut=st.integers(0, 10),
)
def test_reached_events_equal_the_reference(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    links: list[Linked],
    paths: tuple[tuple[str, ...], ...],
    cut: int,
    link_cut: int,
) -> None:
    tenant, linked = fresh_tenant(), with_links(*paths)
    for part, joined in ((rows[cut:], links[:link_cut]), (rows[:cut], links[link_cut:])):
        File(warehouse, clock, tenant).step(frame(part), links=link_frame(joined))
        refresh_all(warehouse, clock, tenant, (linked, DEFINITION))
    names = dictionary(warehouse, tenant)
    found = [readable(row, names) for row in content(warehouse, tenant).paths.to_dicts()]
    files = [rows[cut:], rows[:cut]]
    for definition in (linked, DEFINITION):
        every = reference.paths(tenant, definition, files, links=links)
        expected = [expected_row(path) | {"process": definition.id} for path in every]
        assert [row for row in found if row["process"] == definition.id] == expected


@quick
@given(rows=generated.events(), cut=st.integers(0, 14), kept=st.sets(st.sampled_from(("sources", "days", "starts"))))
def test_a_full_build_of_a_plain_log_equals_the_build_by_touched_cases(
    warehouse: Warehouse, clock: Clock, rows: list[Happened], cut: int, kept: set[str]
) -> None:
    """A full build leaves out what a log does not have; the build of touched cases never does."""
    rows = [plain(row, kept) for row in rows]
    definition = process(end=("C",))
    view = stored(warehouse, clock, fresh_tenant(), frame(rows[:cut]), definition=definition)
    File(warehouse, clock, view.tenant).step(frame(rows[cut:]))
    refresh(warehouse, clock, view.tenant, definition)
    touched = content(warehouse, view.tenant)
    refresh(warehouse, clock, view.tenant, definition, full=True)
    assert content(warehouse, view.tenant) == touched


def plain(row: Happened, kept: set[str]) -> Happened:
    """The row without what is not kept: a source of its own, business dates, starts."""
    if "sources" not in kept:
        row = row.but(source=SOURCE)
    if "days" not in kept and row.precision == "day":
        row = row.but(precision="min")
    return row if "starts" in kept else row.but(started_at=None)


@quick
@given(rows=generated.events(most=14), told=generated.told(), cut=st.integers(0, 14), order=generated.ORDERS)
def test_paths_equal_the_reference_column_by_column(
    warehouse: Warehouse, clock: Clock, rows: list[Happened], told: list[Told], cut: int, order: tuple[str, ...]
) -> None:
    definition = DEFINITION.model_copy(update={"order": order})
    tenant = fresh_tenant()
    file = File(warehouse, clock, tenant)
    file.step(frame(rows[cut:]))
    refresh(warehouse, clock, tenant, definition)
    File(warehouse, clock, tenant).step(frame(rows[:cut]), object_frame(told))
    refresh(warehouse, clock, tenant, definition)
    every = reference.paths(tenant, definition, [rows[cut:], rows[:cut]], [(SOURCE, value) for value in told])
    names = dictionary(warehouse, tenant)
    found = [readable(row, names) for row in content(warehouse, tenant).paths.to_dicts()]
    assert [row["case_id"] for row in found] == [path.case for path in every]
    for row, path in zip(found, every, strict=True):
        assert row == expected_row(path)


def dictionary(warehouse: Warehouse, tenant: str) -> dict[tuple[str, int], str]:
    query = Query("all_names", "SELECT toString(kind), key, name FROM names FINAL WHERE tenant = {tenant:String}")
    rows = warehouse.read_for_write(query, {"tenant": tenant}).rows()
    return {(kind, key): name for kind, key, name in rows} | {("actor", 0): ""}


def readable(row: dict[str, Any], names: dict[tuple[str, int], str]) -> dict[str, Any]:
    """A row of case_paths with names for keys and without the variant's hash."""
    for kind, column in (("activity", "activities"), ("source", "sources"), ("actor", "actors")):
        row[column] = [names[kind, key] for key in row[column]]
    row["state"] = ("open", "complete", "unknown")[row["state"]]
    del row["variant"]
    return row


def expected_row(path: reference.Path) -> dict[str, Any]:
    events = [counted.event for counted in path.events]
    services = [
        -1 if item.event.started_at is None else reference.micros(item.order_at - item.event.started_at)
        for item in path.events
    ]
    return {
        "process": "p",
        "case_id": path.case,
        "is_deleted": 0,
        "started_at": path.start,
        "ended_at": path.end,
        "due_at": path.due,
        "dues": [promise.due for promise in path.promises],
        "kept": [promise.kept for promise in path.promises],
        "lates_us": [-1 if item.late is None else reference.micros(item.late) for item in path.promises],
        "state": path.state,
        "population": path.population,
        "events": len(events),
        "activities": [event.activity for event in events],
        "waits_us": [-1 if wait is None else wait for wait in path.waits],
        "services_us": services if any(event.started_at for event in events) else [],
        "sources": [event.source for event in events],
        "actors": [event.actor for event in events],
        "outcomes": [["", "ok", "error", "retry", "timeout", "rejected"].index(event.outcome) for event in events],
        "assumed": sum(path.assumed),
        "date_only": sum(event.precision == "day" for event in events),
        "rework": len(events) - len({event.activity for event in events}),
        "human_touches": sum(event.actor_kind == "human" for event in events),
        "retries": sum(event.outcome == "retry" for event in events),
        "attributes": path.attributes,
    }


@quick
@given(rows=generated.events())
def test_pairs_are_events_less_cases_and_variants_sum_to_cases(
    warehouse: Warehouse, clock: Clock, rows: list[Happened]
) -> None:
    view = stored(warehouse, clock, fresh_tenant(), frame(rows))
    summary = log_summary(view)
    pairs = directly_follows(view)
    found = variants(view, top=ALL)
    assert pairs["frequency"].sum() == summary.events - summary.cases
    assert pairs["assumed"].sum() == summary.assumed_pairs
    assert found["cases"].sum() == summary.cases
    assert found["share"].sum() == pytest.approx(1 if summary.cases else 0)
    assert found.height == summary.variants
    assert (found["activities"].list.len() * found["cases"]).sum() == summary.events


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


def test_a_process_that_lost_all_its_cases_has_none(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    stored(warehouse, clock, tenant, frame(whiteboard("A B C")))
    nothing = ProcessView(warehouse, tenant, process(activities=("D",)))
    refresh(warehouse, clock, tenant, nothing.definition)
    assert log_summary(nothing).cases == 0
    assert content(warehouse, tenant).figures.is_empty()


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
