"""The figures as Markdown, and their place in README.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import Figure, Results, Section
from benchmarks.goals import GOALS

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
README = Path(__file__).resolve().parent / "README.md"


def render(results: Results) -> str:
    """All sections, largest log first, then the goals."""
    if not results.sections:
        return "No figures yet.\n"
    parts = []
    machines: list[dict[str, str]] = []
    for events in sorted({section.events for section in results.sections}, reverse=True):
        parts.append(f"### {events:,} events\n")
        for section in results.sections:
            if section.events == events:
                if section.machine not in machines:
                    machines.append(section.machine)
                parts.append(_section(section, machines.index(section.machine) + 1))
    parts.append(_goals(results))
    for number, facts in enumerate(machines, start=1):
        parts.append(f"Machine {number}: " + ", ".join(f"{name} {value}" for name, value in facts.items()) + ".\n")
    return "\n".join(parts)


def put_into(readme: Path, results: Results) -> None:
    """Replace what stands between the two marks of the file.

    Raises
    ------
    ValueError
        The file does not hold both marks, once each and in order.
    """
    text = readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"{readme.name}: expected the marks {BEGIN} and {END}, once each and in this order")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n{render(results)}{END}{after}", encoding="utf-8")


def _section(section: Section, machine: int) -> str:
    size = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in section.log.items())
    low, high = section.load_average
    when = f"Measured {section.measured_at} on machine {machine}, load average {low:.1f} to {high:.1f}."
    head = f"#### {section.name}\n\n{size + '. ' if size else ''}{when}"
    columns = ("task", "engine", "CPU s", "wall s", "peak MB", "CPU beside ours", "calls")
    rows = [_row(section, figure) for figure in section.figures]
    speed = [_speed(section, figure) for figure in section.figures if figure.task.endswith("_queryable")]
    table = _table(columns, rows)
    return "\n".join([f"{head}\n", table, *speed])


def _row(section: Section, figure: Figure) -> tuple[str, ...]:
    ours = section.figure(figure.task, "gembascope")
    beside = f"{figure.cpu_s / ours.cpu_s:.2f}" if ours is not None and ours.cpu_s and ours is not figure else ""
    return (
        figure.task,
        figure.engine,
        f"{figure.cpu_s:.3f}",
        f"{figure.wall_s:.3f}",
        f"{figure.peak_mb:,.0f}",
        beside,
        str(figure.calls),
    )


def _speed(section: Section, figure: Figure) -> str:
    events = section.log.get("events", section.events)
    return (
        f"{figure.engine}, {figure.task}: {events / figure.wall_s:,.0f} events per second, "
        f"{events / figure.cpu_s:,.0f} per CPU second.\n"
    )


def _shown(measured: float) -> str:
    return f"{measured:,.0f}" if measured >= 1_000 else f"{measured:.3g}"


def _goals(results: Results) -> str:
    rows = []
    for goal in GOALS:
        ratio, verdict = goal.verdict(results)
        rows.append((goal.what, f"{goal.events:,}", "" if ratio is None else _shown(ratio), verdict))
    return "### Goals\n\n" + _table(("goal", "events", "measured", ""), rows)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(columns)
    lines = [names, ["---"] * len(names), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
