"""What the pages say of promises: whether each was kept, and due instants to filter by where there are any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from logs import CASE_TYPE, frame, happened, stored

from dashboards.cache import Reader, Remembered
from dashboards.pages import case, filters
from dashboards.pages.reading import read
from kernel.clock import FixedClock
from kernel.process import Processes
from kernel.warehouse import Warehouse
from mining.view import Views

DEFINITION = f"""
object_type: {CASE_TYPE}
promises:
- {{name: answered, to: B, within: 1h}}
- {{name: paid, to: C, within: 2h}}
- {{name: sent, from: D, to: C, within: 3h}}
"""


@pytest.fixture
def reader(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> Reader:
    rows = [happened("A", "0m", "1"), happened("B", "1h30m", "1"), happened("A", "0m", "2"), happened("B", "5m", "2")]
    stored(warehouse, clock, tenant, frame(rows))
    processes = Processes(tmp_path, tenant)
    processes.folder.mkdir(parents=True)
    (processes.folder / "kept.yaml").write_text(f"id: kept{DEFINITION}")
    (processes.folder / "plain.yaml").write_text(f"id: plain\nobject_type: {CASE_TYPE}\n")
    return Reader(Views(warehouse, tenant, processes, clock), Remembered())


def text(component: Any) -> str:
    if isinstance(component, list | tuple):
        return " ".join(text(part) for part in component)
    return str(component) if isinstance(component, str) else text(getattr(component, "children", None) or "")


def test_a_case_tells_what_it_was_promised(reader: Reader) -> None:
    shown = text(case.case_of(reader, "?process=kept&case=1"))
    assert "answered due 5 Jan 2024, 10:00, kept 30m late" in shown
    assert "paid due 5 Jan 2024, 11:00, not kept" in shown
    assert "sent nothing is due" in shown
    assert "kept in time" in text(case.case_of(reader, "?process=kept&case=2"))
    assert "Promises" not in text(case.case_of(reader, "?process=plain&case=1"))


def test_due_is_offered_where_something_is_promised(reader: Reader) -> None:
    assert "'due'" in str(filters.form(read(reader, "?process=kept")))
    assert "'due'" not in str(filters.form(read(reader, "?process=plain")))
