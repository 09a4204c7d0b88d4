"""The projection's law: any order and batching of the same events gives the same paths and day figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from typing import Any

import generated_logs as generated
import pytest
import reference
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import (
    SOURCE,
    File,
    Happened,
    Linked,
    Told,
    frame,
    link_frame,
    object_frame,
    process,
    stored,
)
from projected import content, fresh_tenant

from kernel.clock import Clock
from kernel.process import CaseAttribute, ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.directly_follows import directly_follows
from mining.projection import refresh
from mining.summary import log_summary
from mining.variants import ALL, variants

DEFINITION = process(
    order=("B", "A"),
    end=("C",),
    case_attributes=(CaseAttribute(name="amount", take="max"), CaseAttribute(name="channel", take="last")),
    calendar="berlin",
    promises=generated.PROMISES,
).with_calendars(generated.CALENDARS)
quick = settings(
    max_examples=examples(4),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # every example is several loads: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.too_slow],
)


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


@settings(quick, max_examples=examples(2))  # three processes, each refreshed many times
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
    """A build leaves out what the events that it reads do not have, and the touched cases may have less than all."""
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
        "paused_since": [item.paused_since for item in path.promises],
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
