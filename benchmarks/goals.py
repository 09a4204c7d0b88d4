"""The goals, each a ratio of two figures of one section: listed as reached or missed, never asserted.

CPU seconds and peak memory only: wall seconds depend on what else the machine does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Figure, Results, Section

LARGE, SMALL = 10_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Goal:
    """`ratio` gives None where it was not measured. `at_least`: the ratio must reach the limit; else not pass it."""

    what: str
    section: str
    events: int
    limit: float
    at_least: bool
    ratio: Callable[[Section], float | None]

    def verdict(self, results: Results) -> tuple[float | None, str]:
        """The ratio and "reached", "missed" or "not measured"."""
        section = results.section(self.section, self.events)
        found = self.ratio(section) if section is not None else None
        if found is None:
            return None, "not measured"
        reached = found >= self.limit if self.at_least else found <= self.limit
        return found, "reached" if reached else "missed"


def _cpu(one: tuple[str, str], two: tuple[str, str]) -> Callable[[Section], float | None]:
    return lambda section: _divided(section, one, two, lambda figure: figure.cpu_s)


def _peak(one: tuple[str, str], two: tuple[str, str]) -> Callable[[Section], float | None]:
    return lambda section: _divided(section, one, two, lambda figure: figure.peak_mb)


def _divided(
    section: Section, one: tuple[str, str], two: tuple[str, str], of: Callable[[Figure], float]
) -> float | None:
    above, below = section.figure(*one), section.figure(*two)
    return of(above) / of(below) if above is not None and below is not None and of(below) else None


def _times_faster(section: str, events: int, task: str, peer: str, limit: float, ours: str = "") -> Goal:
    ours = ours or task
    return Goal(
        f"{ours}: {peer} takes at least {limit:g} times the CPU",
        section,
        events,
        limit,
        True,
        _cpu((task, peer), (ours, "gembascope")),
    )


def _times_slower(section: str, events: int, task: str, peer: str, limit: float, ours: str = "") -> Goal:
    ours = ours or task
    return Goal(
        f"{ours}: at most {limit:g} times the CPU of {peer}",
        section,
        events,
        limit,
        False,
        _cpu((ours, "gembascope"), (task, peer)),
    )


def _memory(section: str, events: int, task: str, peer: str, limit: float) -> Goal:
    what = f"{task}: at most {limit:g} times the memory of {peer}"
    return Goal(what, section, events, limit, False, _peak((task, "gembascope"), (task, peer)))


def _within(section: str, events: int, task: str, limit: float) -> Goal:
    what = f"{task}: at most {limit:g} CPU s"
    return Goal(what, section, events, limit, False, lambda found: _own(found, task))


def _own(section: Section, task: str) -> float | None:
    figure = section.figure(task, "gembascope")
    return figure.cpu_s if figure is not None else None


GOALS: tuple[Goal, ...] = (
    _times_faster("map", LARGE, "map_frequency", "pm4py", 150),
    _times_faster("map", LARGE, "map_frequency", "r4pm", 20),
    _times_slower("map", LARGE, "map_frequency", "polars", 1.5),
    _times_faster("map", LARGE, "map_frequency", "pm4py", 150, "map_frequency_paths"),
    _times_faster("map", LARGE, "map_frequency", "r4pm", 20, "map_frequency_paths"),
    _times_slower("map", LARGE, "map_frequency", "polars", 1.5, "map_frequency_paths"),
    _times_faster("map", LARGE, "map_waits", "pm4py", 60),
    _times_faster("variants", LARGE, "variants", "r4pm", 15),
    _times_faster("durations", LARGE, "durations", "pm4py", 250),
    _times_faster("handover", LARGE, "handover", "pm4py", 300),
    _memory("map", LARGE, "map_waits", "pm4py", 0.2),
    _within("refresh", LARGE, "rebuild", 8),
    _within("refresh", LARGE, "refresh_recent", 1),
    Goal(
        "refresh of scattered cases: at most 0.25 times the CPU of a rebuild",
        "refresh",
        LARGE,
        0.25,
        False,
        _cpu(("refresh_scattered", "gembascope"), ("rebuild", "gembascope")),
    ),
    _times_slower("xes", SMALL, "xes", "r4pm", 2.5),
    _memory("xes", SMALL, "xes", "r4pm", 0.25),
    _times_faster("xes", SMALL, "xes", "pm4py", 2.5),
)
