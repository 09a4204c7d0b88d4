"""Every answer equals the slow reference, on random logs and with random filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Literal
from uuid import uuid4

import generated_logs as generated
import polars as pl
import pytest
import reference
import reference_answers
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from logs import SOURCE, File, Happened, Told, frame, log, object_frame, process, stored

from kernel.clock import Clock
from kernel.process import CaseAttribute, Population, ProcessDefinition
from kernel.promise import problems_of
from kernel.target import Target
from kernel.warehouse import Warehouse
from mining.bottlenecks import bottlenecks
from mining.cases import ORDERS, case, case_part, cases
from mining.directly_follows import (
    activities,
    directly_follows,
    directly_follows_frequency,
    process_map,
    starts_and_ends,
)
from mining.durations import durations, service_times
from mining.filters import EVERYTHING, CaseFilter
from mining.handover import handover
from mining.projection import refresh
from mining.rework import rework
from mining.summary import log_summary
from mining.variants import ALL, variants
from mining.view import ProcessView

Row = dict[str, Any]
quick = settings(
    max_examples=examples(4),
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # every example is a load: shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.too_slow],
)


def fresh_tenant() -> str:
    return f"t{uuid4().hex[:20]}"


def same(found: pl.DataFrame, expected: list[Row]) -> None:
    """Equal rows in equal order; figures that are divided may differ in their last bits."""
    rows = found.to_dicts()
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert without_floats(row) == without_floats(wanted)
        for name, value in wanted.items():
            if isinstance(value, float):
                assert row[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


def without_floats(row: Row) -> Row:
    return {name: "a number" if isinstance(value, float) else value for name, value in row.items()}


@st.composite
def definitions(draw: st.DrawFn) -> ProcessDefinition:
    pair = st.tuples(st.sampled_from(generated.ACTIVITIES), st.sampled_from(generated.ACTIVITIES))
    targets = draw(st.lists(pair, unique=True, max_size=3))
    within = draw(st.sampled_from((timedelta(seconds=30), timedelta(minutes=1), timedelta(days=1))))
    takes: Literal["first", "last", "max"] = draw(st.sampled_from(("first", "last", "max")))
    excluded = draw(st.sampled_from(((), (Population(name="test", attribute="channel", values=("web",)),))))
    promises = draw(st.sampled_from(((), generated.PROMISES)))
    ends = draw(st.sampled_from((("C",), ("B", "Ärger 2")) if promises else ((), ("C",))))
    return process(
        order=draw(generated.ORDERS),
        end=ends,
        calendar="berlin",
        promises=tuple(promise for promise in promises if not problems_of(promise, (), ends)),
        lifecycles=draw(st.sampled_from(((), (), ("", "complete")))),
        activities=(),
        targets=tuple(Target(source=one, target=other, within=within) for one, other in targets),
        case_attributes=draw(
            st.sampled_from(
                ((), (CaseAttribute(name="amount", take=takes), CaseAttribute(name="channel", take="first")))
            )
        ),
        excluded=excluded,
    ).with_calendars(generated.CALENDARS)


def held(
    warehouse: Warehouse, clock: Clock, rows: list[Happened], told: list[Told], definition: ProcessDefinition, cut: int
) -> tuple[ProcessView, list[reference.Path]]:
    """The log in the warehouse, loaded in two steps with a refresh between them, and the reference's paths."""
    tenant = fresh_tenant()
    file = File(warehouse, clock, tenant)
    file.step(frame(rows[:cut]), object_frame(told))
    refresh(warehouse, clock, tenant, definition)
    file.step(frame(rows[cut:]))
    refresh(warehouse, clock, tenant, definition)
    every = reference.paths(tenant, definition, [rows], [(SOURCE, value) for value in told])
    return ProcessView(warehouse, tenant, definition), every


def variant_ids(view: ProcessView, every: list[reference.Path]) -> dict[tuple[str, ...], str]:
    """Sequences of activities to the ids that the warehouse gives them; each its own."""
    found = variants(view, top=ALL)
    ids = {tuple(row["activities"]): row["variant"] for row in found.to_dicts()}
    assert len(set(ids.values())) == found.height
    return {path.activities: "e" * 16 for path in every if path.population} | ids


def check_answers(
    view: ProcessView, chosen: CaseFilter, every: list[reference.Path], ids: dict[tuple[str, ...], str]
) -> None:
    sequences = {variant: sequence for sequence, variant in ids.items()}
    wanted = reference_answers.selected(every, chosen, sequences)
    assert asdict(log_summary(view, chosen)) == reference_answers.log_summary(wanted)
    same(directly_follows(view, chosen), reference_answers.directly_follows(wanted))
    same(directly_follows_frequency(view, chosen), reference_answers.directly_follows_frequency(wanted))
    same(activities(view, chosen), reference_answers.activities(wanted))
    starts, ends = starts_and_ends(view, chosen)
    expected_starts, expected_ends = reference_answers.starts_and_ends(wanted)
    same(starts, expected_starts)
    same(ends, expected_ends)
    expected_variants = reference_answers.variants(wanted, ids)
    same(variants(view, chosen, top=ALL), expected_variants)
    same(variants(view, chosen, top=2), expected_variants[:2])
    same(durations(view, chosen), reference_answers.durations(wanted))
    same(service_times(view, chosen), reference_answers.service_times(wanted))
    expected_bottlenecks = reference_answers.bottlenecks(wanted, view.definition)
    same(bottlenecks(view, chosen, top=1_000), expected_bottlenecks)
    same(bottlenecks(view, chosen, top=2), expected_bottlenecks[:2])
    same(rework(view, chosen), reference_answers.rework(wanted))
    for between in ("actors", "sources"):
        expected_handover = reference_answers.handover(wanted, between)
        same(handover(view, chosen, between=between), expected_handover)
        same(handover(view, chosen, between=between, top=2), expected_handover[:2])


def pages(view: ProcessView, chosen: CaseFilter, order_by: str, page: int) -> pl.DataFrame:
    found = [cases(view, chosen, order_by=order_by, page=page)]
    while found[-1].next is not None:
        assert found[-1].cases.height == page
        found.append(cases(view, chosen, order_by=order_by, page=page, after=found[-1].next))
    return pl.concat([part.cases for part in found])


@quick
@given(
    rows=generated.events(),
    told=generated.told(),
    definition=definitions(),
    cut=st.integers(0, 14),
    parts=st.sets(st.sampled_from(generated.FILTER_PARTS), min_size=2, max_size=4),
    data=st.data(),
)
def test_every_answer_equals_the_reference(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    told: list[Told],
    definition: ProcessDefinition,
    cut: int,
    parts: set[str],
    data: st.DataObject,
) -> None:
    view, every = held(warehouse, clock, rows, told, definition, cut)
    ids = variant_ids(view, every)
    check_answers(view, EVERYTHING, every, ids)
    check_answers(view, data.draw(generated.filters(every, ids, parts)), every, ids)


@quick
@given(
    rows=generated.events(most=20),
    told=generated.told(),
    definition=definitions(),
    data=st.data(),
)
def test_every_filter_alone_selects_what_the_reference_selects(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    told: list[Told],
    definition: ProcessDefinition,
    data: st.DataObject,
) -> None:
    view, every = held(warehouse, clock, rows, told, definition, len(rows) // 2)
    ids = variant_ids(view, every)
    sequences = {variant: sequence for sequence, variant in ids.items()}
    for part in generated.FILTER_PARTS:
        chosen = data.draw(generated.filters(every, ids, {part}), label=part)
        expected = reference_answers.cases(reference_answers.selected(every, chosen, sequences), "oldest", ids)
        same(cases(view, chosen, order_by="oldest").cases, expected)


def listed(selection: list[reference.Path], order_by: str, ids: dict[tuple[str, ...], str]) -> list[Row]:
    """The reference's list of cases; orders that it does not have are made from one that it has."""
    ranks: dict[str, Callable[[Row], Any]] = {
        "fewest": lambda row: row["events"],
        "recent": lambda row: -reference.micros(row["end"] - reference.EPOCH),
        "stalest": lambda row: row["end"],
        "case": lambda row: 0,
    }
    if order_by not in ranks:
        return reference_answers.cases(selection, order_by, ids)
    rows = reference_answers.cases(selection, "oldest", ids)
    return sorted(rows, key=lambda row: (ranks[order_by](row), row["case"].encode()))


@quick
@given(
    rows=generated.events(),
    definition=definitions(),
    order_by=st.sampled_from(ORDERS),
    page=st.integers(1, 3),
    data=st.data(),
)
def test_pages_of_cases_and_single_cases_equal_the_reference(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    definition: ProcessDefinition,
    order_by: str,
    page: int,
    data: st.DataObject,
) -> None:
    view, every = held(warehouse, clock, rows, [], definition, len(rows))
    ids = variant_ids(view, every)
    chosen = data.draw(generated.filters(every, ids, {"until"}))
    expected = listed(reference_answers.selected(every, chosen), order_by, ids)
    same(pages(view, chosen, order_by, page), expected)
    for path in every:
        found = case(view, path.case)
        same(found.events.select(list(reference_answers.case_events(path)[0])), reference_answers.case_events(path))
        assert found.events.drop("via").width == len(reference_answers.case_events(path)[0])
        assert (found.case, found.state, found.assumed) == (path.case, path.state, sum(path.assumed))
        assert found.attributes == path.attributes
        part = case_part(view, path.case, first=1, most=2)
        assert part.events.to_dicts() == found.events[1:3].to_dicts()
        stamps = found.events["occurred_at"]
        assert (part.total, part.began, part.ended) == (found.events.height, stamps.min(), stamps.max())
        assert part.activities == found.events["activity"].to_list()
        assert part.waits_s == found.events["wait_s"].to_list()
        if not path.population:
            assert found.variant == ids[path.activities]


@quick
@given(
    rows=generated.events(),
    definition=definitions(),
    since=st.sampled_from((None, 0, 1)),
    length=st.sampled_from((None, 1, 2)),
)
def test_frequencies_and_durations_from_day_figures_equal_those_from_paths(
    warehouse: Warehouse,
    clock: Clock,
    rows: list[Happened],
    definition: ProcessDefinition,
    since: int | None,
    length: int | None,
) -> None:
    view, every = held(warehouse, clock, rows, [], definition, len(rows) // 2)
    first = None if since is None else generated.MIDNIGHT + since * reference.DAY
    last = None if length is None else (first or generated.MIDNIGHT) + length * reference.DAY
    by_days = CaseFilter(since=first, until=last)
    by_paths = CaseFilter(since=first, until=last, min_duration=0 * reference.DAY)
    from_days = directly_follows_frequency(view, by_days)
    assert from_days.equals(directly_follows_frequency(view, by_paths))
    assert from_days.schema == directly_follows_frequency(view, by_paths).schema
    same(from_days, reference_answers.directly_follows_frequency(reference_answers.selected(every, by_days)))
    assert durations(view, by_days).equals(durations(view, by_paths))
    assert durations(view, by_days).schema == durations(view, by_paths).schema


def test_the_map_is_its_four_parts(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, log("A B C", "A C", step="1m"))
    found = process_map(view)
    rows = found.edges.select("source", "target", "frequency", "mean_s", "p50_s", "p95_s").rows()
    assert rows == [("A", "B", 1, 60.0, 60.0, 60.0), ("A", "C", 1, 60.0, 60.0, 60.0), ("B", "C", 1, 60.0, 60.0, 60.0)]
    assert found.activities.rows() == [("A", 2, 2), ("C", 2, 2), ("B", 1, 1)]
    assert found.starts.rows() == [("A", 2)]
    assert found.ends.rows() == [("C", 2)]


def test_quantiles_are_interpolated_between_order_statistics(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    logs = [log("A B", step=step).with_columns(objects_of(step)) for step in ("1m", "2m", "4m", "10m")]
    row = directly_follows(stored(warehouse, clock, tenant, *logs)).row(0, named=True)
    assert row["p50_s"] == 180.0
    assert row["p95_s"] == pytest.approx((4 + 0.85 * 6) * 60)
    assert row["mean_s"] == 255.0


def objects_of(case_name: str) -> pl.Expr:
    """A column of references to the one case named."""
    reference_to = pl.struct(
        pl.lit("case:p").alias("type"), pl.lit(case_name).alias("id"), pl.lit("").alias("qualifier")
    )
    return pl.concat_list(reference_to).alias("objects")


def test_a_process_without_cases_answers_with_empty_frames(warehouse: Warehouse, clock: Clock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant)
    check_answers(view, EVERYTHING, [], {})
    assert cases(view).cases.is_empty()
    assert cases(view).next is None
