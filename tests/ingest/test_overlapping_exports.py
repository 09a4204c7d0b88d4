"""Exports overlap: rows told twice count once, and which file came first changes nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import FixedClock
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

MAPPING = Mapping(case="case", activity="activity", time="time", timezone="UTC")
PATHS = Query(
    "paths",
    "SELECT * EXCEPT (tenant, version) FROM case_paths FINAL WHERE tenant = {tenant:String} ORDER BY case_id",
)
STORED = Query("stored", "SELECT count() FROM events WHERE tenant = {tenant:String}")
TABLES = ("events", "event_objects", "touched_objects", "batches", "loads", "day_figures", "projections")
FORGET = Query("forget", "DELETE FROM {table:Identifier} WHERE tenant = {tenant:String}")
FORGET_PATHS = Query("forget_paths", "ALTER TABLE case_paths DROP PARTITION ({tenant:String}, 'p')")
HEADER = "case,activity,time\n"

rows = st.lists(st.tuples(st.sampled_from("12"), st.sampled_from("ABC"), st.integers(0, 2)), min_size=1, max_size=8)


def csv(part: list[tuple[str, str, int]]) -> str:
    return HEADER + "".join(f"{case},{activity},2026-01-01 00:00:0{second}\n" for case, activity, second in part)


def paths(warehouse: Warehouse, clock: FixedClock, tenant: str, folder: Path, files: list[str]) -> pl.DataFrame:
    # The same tenant for every order: ids, which settle what nothing else does, hold the tenant.
    for table in TABLES:
        warehouse.delete(FORGET, {"table": table, "tenant": tenant})
    warehouse.command(FORGET_PATHS, {"tenant": tenant})
    for number, content in enumerate(files):
        path = folder / f"{tenant}-{number}.csv"
        path.write_text(content)
        Load(warehouse, clock, LoadRequest(path=path, process="p", tenant=tenant, mapping=MAPPING)).run()
    refresh(warehouse, clock, tenant, ProcessDefinition(id="p", object_type="case:p"))
    return warehouse.query(PATHS, {"tenant": tenant})


# The fixtures are the same for every example on purpose: each example has tenants of its own.
@settings(
    max_examples=examples(2),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(log=rows, cuts=st.tuples(st.integers(0, 8), st.integers(0, 8)), data=st.data())
def test_the_order_of_overlapping_files_changes_no_path(
    warehouse: Warehouse,
    clock: FixedClock,
    tmp_path: Path,
    log: list[tuple[str, str, int]],
    cuts: tuple[int, int],
    data: st.DataObject,
) -> None:
    example = data.draw(st.uuids()).hex[:12]
    low, high = sorted(cuts)
    files = [csv(log[:high]), csv(log[low:]), csv(log)]
    found = [
        paths(warehouse, clock, f"o{example}", tmp_path, [files[position] for position in order])
        for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2))
    ]
    for other in found[1:]:
        assert other.equals(found[0])


def test_a_later_export_of_the_same_rows_stores_nothing(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    log = [(str(1 + row // 3), "ABC"[row % 3], row % 2) for row in range(9)]
    paths(warehouse, clock, tenant, tmp_path, [csv(log), csv(log[3:])])
    assert warehouse.query(STORED, {"tenant": tenant}).item() == 9
