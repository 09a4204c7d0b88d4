"""What a run measured: medians by section, task and engine, kept in results.json."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.measuring import Row


@dataclass(frozen=True, slots=True)
class Figure:
    """Medians of the measured calls of one task by one engine; `peak_mb` is the highest of them."""

    task: str
    engine: str
    calls: int
    cpu_s: float
    wall_s: float
    peak_mb: float


@dataclass(slots=True)
class Section:
    """One section of one run: its engines were measured in turns, in the same minutes, on the same log."""

    name: str
    events: int  # as asked for
    log: dict[str, int]  # events and cases of the log itself, new events of a refresh
    machine: dict[str, str]
    measured_at: str
    load_average: tuple[float, float]  # lowest and highest while measuring
    figures: list[Figure]
    rows: list[Row] = field(default_factory=list)

    def figure(self, task: str, engine: str) -> Figure | None:
        found = [figure for figure in self.figures if (figure.task, figure.engine) == (task, engine)]
        return found[0] if found else None


@dataclass(slots=True)
class Results:
    """The latest section of each name and size."""

    sections: list[Section] = field(default_factory=list)

    def put(self, section: Section) -> None:
        """Keep the section in place of an earlier one of its name and size."""
        key = (section.events, section.name)
        self.sections = [kept for kept in self.sections if (kept.events, kept.name) != key] + [section]

    def section(self, name: str, events: int) -> Section | None:
        found = [section for section in self.sections if (section.name, section.events) == (name, events)]
        return found[0] if found else None


def figures(rows: Iterable[Row]) -> list[Figure]:
    """The medians, in the order in which tasks and engines first appeared."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.task, row.engine), []).append(row)
    return [
        Figure(
            task,
            engine,
            len(found),
            median(row.cpu_s for row in found),
            median(row.wall_s for row in found),
            max(row.peak_mb for row in found),
        )
        for (task, engine), found in grouped.items()
    ]


def read(path: Path) -> Results:
    """The results in a file; none where there is no file."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.is_file() else Results()


def write(results: Results, path: Path) -> None:
    """Write them, readable in a difference."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
