"""A process is a perspective: a new or changed definition answers without loading anything again."""

from __future__ import annotations

from pathlib import Path

from logs import log, stored

from kernel.clock import FixedClock
from kernel.process import ProcessDefinition, Processes, write_process
from kernel.warehouse import Warehouse
from mining.summary import log_summary
from mining.view import Views


def test_a_definition_written_after_the_load_is_built_when_asked(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    stored(warehouse, clock, tenant, log("A B C", "A C"))
    processes = Processes(tmp_path, tenant)
    path = write_process(processes.folder, ProcessDefinition(id="mine", object_type="case:p", end=("C",)))
    views = Views(warehouse, tenant, processes, clock)
    first = log_summary(views.view("mine"))
    assert (first.cases, first.events, first.complete) == (2, 5, 2)
    path.write_text("id: mine\nobject_type: case:p\nactivities: [A, B]\nend: [B]\n")
    second = log_summary(views.view("mine"))
    assert (second.cases, second.events, second.complete) == (2, 3, 1)
    assert log_summary(Views(warehouse, tenant, processes, clock).view("mine")) == second
