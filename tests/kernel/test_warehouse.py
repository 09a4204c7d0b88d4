"""The warehouse: one interface, bound values, budgets, honest errors, a schema with a ledger."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from kernel.clock import FixedClock
from kernel.errors import BudgetExceeded, HomeInUse, SettingsError, WarehouseError, WarehouseUnavailable, exit_code
from kernel.schema import FOLDER, migrate, steps
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse, lock_home, parquet

HOSTILE = ["'; DROP TABLE events; --", "\\", "\n", "`x`", '"', "{x:String}", "%s", "🙂", "a\tb", ""]


@pytest.mark.parametrize("value", HOSTILE)
def test_values_are_bound_never_pasted(warehouse: Warehouse, value: str) -> None:
    echoed = warehouse.query(
        Query("echo", "SELECT {x:String} AS x, {xs:Array(String)} AS xs"), {"x": value, "xs": [value]}
    )
    assert echoed.row(0) == (value, [value])


def test_an_empty_answer_keeps_its_columns(warehouse: Warehouse) -> None:
    empty = warehouse.query(Query("empty", "SELECT 1 AS a, 'x' AS b WHERE 0"))
    assert empty.columns == ["a", "b"]
    assert empty.is_empty()


def test_a_query_past_its_rows_ends_with_what_to_do(warehouse: Warehouse) -> None:
    with pytest.raises(BudgetExceeded, match="narrow it by time or filters"):
        warehouse.query(Query("large", "SELECT number FROM numbers(100000000)"))
    assert warehouse.query(Query("after", "SELECT 1 AS x")).item() == 1


def test_an_error_names_the_query_and_never_the_data(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError) as caught:
        warehouse.query(Query("odd", "SELECT toInt32({x:String})"), {"x": "a customer's name"})
    assert "odd: ClickHouse refused" in str(caught.value)
    assert "customer" not in str(caught.value)
    assert exit_code(caught.value) == 7


def test_parquet_goes_in_as_it_is(warehouse: Warehouse) -> None:
    warehouse.command(Query("make", "CREATE TABLE IF NOT EXISTS scratch (a Int64, b String) ENGINE = Memory"))
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "ü"]})
    warehouse.insert_parquet("scratch", parquet(frame))
    assert warehouse.query(Query("all", "SELECT a, b FROM scratch ORDER BY a")).rows() == frame.rows()
    warehouse.command(Query("drop", "DROP TABLE scratch"))


def test_statements_side_by_side_all_run_and_the_first_error_is_told(warehouse: Warehouse) -> None:
    warehouse.command(Query("make", "CREATE TABLE IF NOT EXISTS beside (a Int64) ENGINE = MergeTree ORDER BY a"))
    add = Query("add", "INSERT INTO beside SELECT {a:Int64} + number FROM numbers(1000)")
    wrong = Query("wrong", "INSERT INTO beside SELECT throwIf(1)")
    warehouse.commands(*((add, {"a": number * 1000}) for number in range(5)))
    with pytest.raises(WarehouseError, match="wrong: ClickHouse refused"):
        warehouse.commands((wrong, {}), (add, {"a": 5000}))
    warehouse.commands((add, {"a": 6000}))
    found = warehouse.query(Query("all", "SELECT count(), uniqExact(a) FROM beside"))
    warehouse.command(Query("drop", "DROP TABLE beside"))
    assert found.row(0) == (7000, 7000)


PUT_OFF = """
import sys
from pathlib import Path
from kernel.clock import SystemClock
from kernel.errors import WarehouseError
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse

merge = Query("merge", "OPTIMIZE TABLE events FINAL")
with Warehouse(load_settings(home=Path(sys.argv[1]))) as warehouse:
    migrate(warehouse, SystemClock())
    warehouse.command(Query("add", "INSERT INTO events (tenant, event_id) SELECT 't', 'e'"))
    try:
        with warehouse.merges_put_off():
            warehouse.command(merge)
    except WarehouseError as error:
        print(error)
    warehouse.command(merge)
    print("merged")
    with warehouse.merges_put_off():
        warehouse.delete(Query("forget", "DELETE FROM events WHERE tenant = {tenant:String}"), {"tenant": "t"})
    print(warehouse.query(Query("left", "SELECT count() FROM events")).item())
"""


def test_merges_that_were_put_off_are_made_after_an_error_and_before_a_delete(tmp_path: Path) -> None:
    """In a process of its own: there is one embedded engine in each, and a DELETE that waits cannot be interrupted."""
    script = [sys.executable, "-c", PUT_OFF, str(tmp_path)]
    told = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.splitlines() == ["merge: ClickHouse refused (ABORTED, code 236)", "merged", "0"]


def command(warehouse: Warehouse, text: str) -> None:
    warehouse.command(Query("test", text))


def test_a_delete_is_done_when_it_returns_and_one_that_fails_keeps_no_other_from_it(warehouse: Warehouse) -> None:
    count = Query("count", "SELECT count() FROM deleted_test")
    command(warehouse, "CREATE TABLE deleted_test (n UInt64) ENGINE = MergeTree PARTITION BY n % 4 ORDER BY n")
    try:
        for number in range(24):  # a part each: more than the engine has threads for
            warehouse.insert_parquet("deleted_test", parquet(pl.DataFrame({"n": [number]})))
        warehouse.delete(Query("light", "DELETE FROM deleted_test WHERE n < {n:UInt64}"), {"n": 10})
        assert warehouse.query(count).item() == 14
        failing = Query("failing", "ALTER TABLE deleted_test DELETE WHERE throwIf(n = 20, 'no')")
        with pytest.raises(WarehouseError):
            warehouse.delete(failing, {})
        if warehouse.is_alone:
            warehouse.delete(Query("heavy", "ALTER TABLE deleted_test DELETE WHERE n < {n:UInt64}"), {"n": 20})
            assert warehouse.query(count).item() == 4
    finally:
        command(warehouse, "DROP TABLE deleted_test SYNC")


def test_the_schema_is_applied_once(warehouse: Warehouse, clock: FixedClock) -> None:
    assert migrate(warehouse, clock) == []


def test_an_edited_schema_file_is_refused_by_name(warehouse: Warehouse, clock: FixedClock, tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(FOLDER, folder)
    first = steps(folder)[0]
    (folder / f"{first.name}.sql").write_text(first.text + "-- edited\n")
    with pytest.raises(WarehouseError, match=r"schema file 0001_events\.sql was edited after it was applied"):
        migrate(warehouse, clock, folder)


def test_a_warehouse_of_a_newer_version_is_refused(warehouse: Warehouse, clock: FixedClock, tmp_path: Path) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(FOLDER, folder)
    last = steps(folder)[-1]
    (folder / f"{last.name}.sql").unlink()
    with pytest.raises(WarehouseError, match=f"schema step {last.name}, which this gembascope does not know"):
        migrate(warehouse, clock, folder)


def test_schema_files_are_numbered_without_gaps(tmp_path: Path) -> None:
    for name in ("0001_a.sql", "0003_b.sql"):
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="must be numbered"):
        steps(tmp_path)


def test_every_table_survives_a_power_cut() -> None:
    for step in steps():
        if "ENGINE = MergeTree" in step.text or "ReplacingMergeTree" in step.text:
            assert "fsync_after_insert = 1" in step.statement, step.name


def test_a_home_has_one_holder_who_is_named(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from kernel.warehouse import lock_home\n"
    code += "held = lock_home(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HomeInUse, match=f"in use by process {holder.pid}"):
            lock_home(tmp_path)
        holder.kill()
    lock_home(tmp_path).close()


def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(WarehouseUnavailable, match="the warehouse does not open"):
        Warehouse(load_settings(home=tmp_path, warehouse_url="clickhouse://default:secret@127.0.0.1:1/x"))


def test_a_wrong_address_is_a_settings_error_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Warehouse(load_settings(home=tmp_path, warehouse_url="mysql://root:secret@127.0.0.1/x"))
    assert "secret" not in str(caught.value)
