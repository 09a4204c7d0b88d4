"""The words on a map: names broken into lines, sentences for a screen reader, rows of a tooltip.

Names come from the data and are hostile: they may be empty, endless, or full of control characters. What is
made here is plain text for text nodes and attributes; nothing is escaped, because nothing is ever parsed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from dashboards.format import count, duration, plural, share
from dashboards.process_map.graph import END, START, Flow, MapActivity, ProcessGraph

LINE_UNITS = 18
"""Width of a name's line in the units of `text_units`."""
SPOKEN_CHARACTERS = 120
NAMELESS = "(no name)"

# Joiners shape letters of Arabic, Indic and emoji text; other invisible characters only deceive the reader.
_JOINERS = "\u200c\u200d"
_WORD = re.compile(r"[^ _/.:-]*[ _/.:-]+|[^ _/.:-]+")
_NARROW = frozenset("fijlrtI.,:;'|!()[]{}/ -")


def shown_name(activity: str) -> str:
    """The name as one line of visible text: control characters, direction marks, spaces become a space."""
    visible = (
        character if character in _JOINERS or unicodedata.category(character)[0] not in "CZ" else " "
        for character in activity
    )
    return " ".join("".join(visible).split()) or NAMELESS


def text_units(text: str) -> float:
    """The width of a text, measured in average letters of a proportional font."""
    return sum(_units(character) for character in text)


def _units(character: str) -> float:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.9
    if character in _NARROW:
        return 0.6
    return 1.25 if character.isupper() or character in "mwMW@%" else 1.0


MOST_CHARACTERS = 200


def name_lines(activity: str) -> list[str]:
    """The name in one or two lines of about `LINE_UNITS`; what does not fit ends in an ellipsis.

    Lines break after a space or a sign such as `_` or `/` where there is one, as evenly as possible, and
    inside a word where there is none.
    """
    name = shown_name(activity)[:MOST_CHARACTERS]  # two lines never hold more, and a name may be 10 kB long
    if text_units(name) <= LINE_UNITS:
        return [name]
    words = _WORD.findall(name)
    splits = [("".join(words[:at]).strip(), "".join(words[at:])) for at in range(1, len(words))]
    fitting = [split for split in splits if max(map(text_units, split)) <= LINE_UNITS]
    if fitting:
        return list(min(fitting, key=lambda split: max(map(text_units, split))))
    first = max((head for head, _ in splits if text_units(head) <= LINE_UNITS), key=len, default="")
    if text_units(first) < LINE_UNITS / 2:
        first = _cut(name, LINE_UNITS)
    rest = name[len(first) :].strip()
    return [
        first.strip(),
        rest if text_units(rest) <= LINE_UNITS else _cut(rest, LINE_UNITS - 1).rstrip() + "…",
    ]


def _cut(text: str, units: float) -> str:
    width = 0.0
    for place, character in enumerate(text):
        width += _units(character)
        if width > units:
            return text[:place]
    return text


def spoken_name(graph: ProcessGraph, number: int) -> str:
    """The name for sentences and tooltips; names of more than `SPOKEN_CHARACTERS` are cut."""
    if number in (START, END):
        return "Start" if number == START else "End"
    name = shown_name(graph.ordered[number].activity)
    return name if len(name) <= SPOKEN_CHARACTERS else name[: SPOKEN_CHARACTERS - 1] + "…"


def activity_facts(graph: ProcessGraph, row: MapActivity, starts: int, ends: int) -> list[tuple[str, str]]:
    """What a tooltip says of an activity, as (label, value) rows."""
    facts = [("Cases", f"{count(row.cases)} ({share(row.cases, graph.cases)})"), ("Events", count(row.count))]
    if starts:
        facts.append(("Cases start here", count(starts)))
    if ends:
        facts.append(("Cases end here", count(ends)))
    return facts


def flow_facts(graph: ProcessGraph, flow: Flow) -> list[tuple[str, str]]:
    """What a tooltip says of a flow, as (label, value) rows; times only where the data have them."""
    edge = flow.edge
    if edge is None:
        return [("Cases", f"{count(flow.frequency)} ({share(flow.frequency, graph.cases)})")]
    facts = [("Moves", f"{count(edge.frequency)} ({share(edge.frequency, graph.moves)})")]
    if edge.p95_s is None and edge.p50_s is None:
        facts.append(("Wait", "not known"))
    else:
        facts += [
            ("Median wait", duration(edge.p50_s)),
            ("Mean wait", duration(edge.mean_s)),
            ("95th percentile", duration(edge.p95_s)),
        ]
    if edge.assumed:
        facts.append(("Order assumed", share(edge.assumed, edge.frequency)))
    return facts


def activity_sentence(graph: ProcessGraph, number: int, starts: int, ends: int) -> str:
    """`Order placed: 48,210 events in 48,210 cases, 100 % of all cases; 48,210 cases start here.`"""
    row = graph.ordered[number]
    said = (
        f"{spoken_name(graph, number)}: {plural(row.count, 'event')} in {plural(row.cases, 'case')}, "
        f"{share(row.cases, graph.cases)} of all cases"
    )
    if starts:
        said += f"; {plural(starts, 'case starts', 'cases start')} here"
    if ends:
        said += f"; {plural(ends, 'case ends', 'cases end')} here"
    return said + "."


def flow_sentence(graph: ProcessGraph, flow: Flow, rank: int | None) -> str:
    """`Bottleneck 1: Packed to Shipped, 30,660 moves, median wait 9h 30m, 95th percentile 2d.`"""
    edge = flow.edge
    if edge is None:
        part = f"{plural(flow.frequency, 'case')}, {share(flow.frequency, graph.cases)} of all cases"
        if flow.source == START:
            return f"Start with {spoken_name(graph, flow.target)}: {part}."
        return f"End with {spoken_name(graph, flow.source)}: {part}."
    names = f"{spoken_name(graph, flow.source)} to {spoken_name(graph, flow.target)}"
    said = f"Bottleneck {rank}: {names}, " if rank else f"{names}: "
    said += plural(edge.frequency, "move")
    said += f", median wait {duration(edge.p50_s)}" if edge.p50_s is not None else ""
    said += f", 95th percentile {duration(edge.p95_s)}" if edge.p95_s is not None else ""
    said += ", wait not known" if edge.p50_s is None and edge.p95_s is None else ""
    said += f", order assumed in {share(edge.assumed, edge.frequency)}" if edge.assumed else ""
    return said + "."


def widest_units(lines: Sequence[Sequence[str]]) -> float:
    return max((text_units(line) for name in lines for line in name), default=0.0)
