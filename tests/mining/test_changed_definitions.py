"""A process is a perspective: a new or changed definition answers without loading anything again."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from logs import frame, happened, log, stored

from kernel.clock import FixedClock
from kernel.process import ProcessDefinition, Processes, write_process
from kernel.warehouse import Warehouse
from mining.cases import case
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


def test_a_pack_changes_what_is_answered_until_its_last_day(
    warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path
) -> None:
    at = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
    events = [happened("A", at, name, attributes={"region": name}) for name in ("north", "east")]
    stored(warehouse, clock, tenant, frame([*events, happened("C", at, "east")]))
    today = FixedClock(at)
    views = Views(warehouse, tenant, Processes(tmp_path, tenant, today), clock)
    for folder in (views.processes.folder, views.processes.pack_folder):
        folder.mkdir(parents=True)
    (views.processes.folder / "mine.yaml").write_text(
        "id: mine\nobject_type: case:p\nactivities: [A, B]\ncase_attributes: [{name: region}]\n"
        "promises: [{name: soon, from: A, to: B, within: 2h}]\n"
    )
    (views.processes.pack_folder / "north.yaml").write_text(
        "id: north\nprocess: mine\nowner: us\nreason: a trial\nfrom: 2026-05-01\nuntil: 2026-06-01\n"
        "for: {region: [north]}\nadd: {activities: [C]}\nset: {promises: [{name: soon, to: B, within: 1h}]}\n"
    )

    def answered() -> tuple[int, dict[str, list[int | None]]]:
        view = views.view("mine")
        hours = {
            name: [due and due.hour for due in case(view, name).promises["due"].to_list()] for name in ("north", "east")
        }
        return log_summary(view).events, hours

    for date, expected in (
        ("2026-05-31", (3, {"north": [None, 13], "east": [14, None]})),
        ("2026-06-01", (2, {"north": [14], "east": [14]})),
    ):
        today.at = datetime.fromisoformat(f"{date}T00:00:00+00:00")
        assert answered() == expected, date
