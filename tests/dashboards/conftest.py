"""The small log of the pages, loaded once."""

from __future__ import annotations

import polars as pl
import pytest
from page_parts import DEFINITION, PATHS, TENANT

from dashboards.cache import Reader, Remembered
from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import FixedClock
from kernel.process import Processes, read_process
from kernel.warehouse import Warehouse
from mining.projection import refresh
from mining.view import Views


@pytest.fixture(scope="session")
def views(warehouse: Warehouse, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """Six small cases of one process, two of them hostile, and a second process that has no events."""
    home = tmp_path_factory.mktemp("pages")
    processes = Processes(home, TENANT)
    processes.folder.mkdir(parents=True)
    (processes.folder / "small.yaml").write_text(f"id: small{DEFINITION}", encoding="utf-8")
    (processes.folder / "void.yaml").write_text("id: void\nobject_type: case:void\n", encoding="utf-8")
    rows = [
        {"case_id": name, "activity": activity, "timestamp": f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}
        | {"channel": channel, "note": "same"}
        for name, (path, channel) in PATHS.items()
        for activity, hour in path
    ]
    pl.DataFrame(rows).write_csv(home / "small.csv")
    request = LoadRequest(home / "small.csv", "small", TENANT, mapping=Mapping(timezone="UTC"), accept_guess=True)
    Load(warehouse, clock, request).run()
    refresh(warehouse, clock, TENANT, read_process(processes.folder / "small.yaml"))
    return Views(warehouse, TENANT, processes)


@pytest.fixture
def reader(views: Views) -> Reader:
    return Reader(views, Remembered())
