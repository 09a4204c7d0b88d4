"""The goals, each a figure or a ratio of two: listed as reached or missed, never asserted.

CPU seconds and peak memory, since wall seconds depend on what else the machine does; only the speed of loading goes by
the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.figures import Figure, Results, Section

LARGE, SMALL, SENT = 10_000_000, 1_000_000, 200_000
"""Events of a log; SENT: those that are sent at run time."""


@dataclass(frozen=True, slots=True)
class Goal:
    """`ratio` gives None where it was not measured. `at_least`: the ratio must reach the limit; else not pass it."""

    what: str
    section: str
    events: int
    limit: float
    at_least: bool
    ratio: Callable[[Section, Results], float | None]

    def verdict(self, results: Results) -> tuple[float | None, str]:
        """The measured figure and "reached", "missed" or "not measured"."""
        section = results.section(self.section, self.events)
        found = self.ratio(section, results) if section is not None else None
        if found is None:
            return None, "not measured"
        reached = found >= self.limit if self.at_least else found <= self.limit
        return found, "reached" if reached else "missed"


def _cpu(one: tuple[str, str], two: tuple[str, str]) -> Callable[[Section, Results], float | None]:
    return lambda section, _: _divided(section, one, two, lambda figure: figure.cpu_s)


def _peak(one: tuple[str, str], two: tuple[str, str]) -> Callable[[Section, Results], float | None]:
    return lambda section, _: _divided(section, one, two, lambda figure: figure.peak_mb)


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
    return Goal(what, section, events, limit, False, lambda found, _: _own(found, task, lambda figure: figure.cpu_s))


def _own(section: Section | None, task: str, of: Callable[[Figure], float]) -> float | None:
    figure = section.figure(task, "gembascope") if section is not None else None
    return of(figure) if figure is not None else None


def _events_per_second(section: Section, _: Results) -> float | None:
    return _own(section, "csv_queryable", lambda figure: section.log.get("events", section.events) / figure.wall_s)


def _sent_per_second(section: Section, _: Results) -> float | None:
    return _own(section, "http_queryable", lambda figure: section.log["events"] / figure.wall_s)


def _hooks_per_second(section: Section, _: Results) -> float | None:
    return _own(section, "hooks", lambda figure: section.log["events"] // 10 / figure.wall_s)


def _waited(task: str, limit: float) -> Goal:
    what = f"{task}: at most {limit:g} s"
    return Goal(what, "ingest", SENT, limit, False, lambda found, _: _own(found, task, lambda figure: figure.wall_s))


def _growth_of_recent(section: Section, results: Results) -> float | None:
    """The refresh of recent cases in the large log beside that in the log that it is made of; None where they were
    measured on two machines."""
    smaller = results.section("refresh", LARGE)
    if smaller is None or smaller.machine != section.machine:
        return None
    large = _own(section, "refresh_recent", lambda figure: figure.cpu_s)
    small = _own(smaller, "refresh_recent", lambda figure: figure.cpu_s)
    return large / small if large is not None and small else None


def _above_opened(section: Section, _: Results) -> float | None:
    opened = _own(section, "xes_opened", lambda figure: figure.peak_mb)
    stored = _own(section, "xes_stored", lambda figure: figure.peak_mb)
    return stored - opened if opened is not None and stored is not None else None


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
    Goal("csv_queryable: at least 250,000 events per second", "load", LARGE, 250_000, True, _events_per_second),
    _within("refresh", LARGE, "rebuild", 8),
    Goal(
        "rebuild: at most 1.5 GiB",
        "refresh",
        LARGE,
        1.5 * 1024,
        False,
        lambda found, _: _own(found, "rebuild", lambda figure: figure.peak_mb),
    ),
    _within("refresh", LARGE, "refresh_recent", 1),
    Goal(
        "refresh of scattered cases: at most 0.25 times the CPU of a rebuild",
        "refresh",
        LARGE,
        0.25,
        False,
        _cpu(("refresh_scattered", "gembascope"), ("rebuild", "gembascope")),
    ),
    Goal(
        f"refresh_recent: at most 1.2 times the CPU that it takes at {LARGE:,} events",
        "large",
        5 * LARGE,
        1.2,
        False,
        _growth_of_recent,
    ),
    _times_slower("xes", SMALL, "xes", "r4pm", 2.5),
    _memory("xes", SMALL, "xes", "r4pm", 0.25),
    _times_faster("xes", SMALL, "xes", "pm4py", 2.5),
    Goal("http_queryable: at least 30,000 events per second", "ingest", SENT, 30_000, True, _sent_per_second),
    _times_faster("ingest", SENT, "http_queryable", "pydantic", 1.5),
    _waited("http_ack_p99", 0.15),
    _waited("http_visible_p99", 5),
    Goal("hooks: at least 1,500 signed webhooks per second", "ingest", SENT, 1_500, True, _hooks_per_second),
    _waited("hook_ack_p99", 0.05),
    _waited("http_ready", 2),
    Goal(
        "http_queryable: at most 1.5 GiB",
        "ingest",
        SENT,
        1.5 * 1024,
        False,
        lambda found, _: _own(found, "http_queryable", lambda figure: figure.peak_mb),
    ),
    Goal("xes_stored: at most 100 MB above the opened engine", "xes", SMALL, 100, False, _above_opened),
)
