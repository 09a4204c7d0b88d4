"""What each of the five detail steps of a map shows, and what it hides.

The steps grow: each shows all that the step before it shows. A step is chosen by *coverage*, the share of all
moves (directly-follows pairs) that the shown connections carry, because people ask how much of the work they
see and not for a threshold. Starts and ends are drawn too, but are neither connections nor moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dashboards.format import count, plural, share
from dashboards.process_map.graph import (
    END,
    START,
    Arc,
    Flow,
    ProcessGraph,
    arcs_of,
    backbone,
    strongest_ways,
)

DEFAULT_STEP = 2
STEP_TARGETS = (0.90, 0.95, 0.98)
"""Coverage that steps 1, 2 and 3 reach at least. Step 0 is the backbone, step 4 is everything."""
KEPT_CASE_SHARES = (0.10, 0.08, 0.05)
"""Steps 1, 2 and 3 never hide an activity that occurs in at least this share of the cases."""
GROWTH_LIMIT = 12
"""Steps 1 to 3 add a quarter of the hidden flows at least, or this many where a quarter is more."""

DRAWN_ACTIVITIES = 80
DRAWN_FLOWS = 500
"""What a map draws at most. Beyond, the layout takes seconds and nobody can read the picture."""
STEP_FLOWS = (100, 200, 350)
"""Steps 1, 2 and 3 stop adding flows by frequency here; the name of the step tells the coverage reached."""
LEGIBLE_ACTIVITIES = 60
LEGIBLE_FLOWS = 250
"""A map opens at the highest step up to the default one that keeps within these."""


@dataclass(frozen=True, slots=True)
class Step:
    """One detail step.

    `flows` are most frequent first and `activities` ascend (numbers of `ProcessGraph.ordered`). `connections`
    and `moves` count what is shown, without starts and ends. `sentence` says so, and what is hidden.
    """

    index: int
    name: str
    flows: tuple[Flow, ...]
    activities: tuple[int, ...]
    connections: int
    moves: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Detail:
    """All steps of a map, the backbone as numbers, the step to open at, and what to say about limits."""

    steps: tuple[Step, ...]
    backbone: tuple[int, ...]
    default_step: int
    notices: tuple[str, ...]


def detail_of(graph: ProcessGraph, bottlenecks: Sequence[tuple[str, str]] = ()) -> Detail:
    """Choose the five steps.

    Step 0 is the backbone. Steps 1 to 3 add flows by frequency until they reach their coverage and look
    different from the step before; then the bottlenecks; then the activities no such step may hide, with
    their strongest flows; then the strongest way from START and to END for whatever still hangs loose. Step
    4 adds the rest. A graph beyond the drawing limits is first cut to the activities in most cases, and a
    notice says so.
    """
    drawn = _drawn_activities(graph, bottlenecks)
    flows = graph.flows
    if len(drawn) < len(graph.ordered):
        flows = tuple(flow for flow in flows if {flow.source, flow.target} <= drawn | {START, END})
    path = backbone(flows)
    number = graph.number_of
    ranked = [(number.get(source), number.get(target)) for source, target in bottlenecks]
    selection = _Selection(flows, drawn)
    selection.add_arcs(arcs_of(path))
    selection.activities |= set(path) & drawn
    steps = [selection.step(graph, 0, "Main path", ranked)]
    for index, (target, kept, most) in enumerate(zip(STEP_TARGETS, KEPT_CASE_SHARES, STEP_FLOWS, strict=True), start=1):
        selection.add_frequent(target * graph.moves, most)
        selection.add_arcs(ranked)
        selection.add_activities(
            number for number in sorted(drawn) if graph.ordered[number].cases >= kept * graph.cases > 0
        )
        selection.connect()
        steps.append(selection.step(graph, index, _step_name(selection.moves, graph.moves), ranked))
    selection.add_everything()
    complete = len(selection.shown) == len(graph.flows)
    steps.append(selection.step(graph, len(steps), "All" if complete else "Most", ranked))
    opened = next((index for index in range(DEFAULT_STEP, 0, -1) if is_legible(steps[index])), 0)
    return Detail(tuple(steps), path, opened, tuple(_notices(graph, steps, opened)))


def _step_name(moves: int, all_moves: int) -> str:
    """The share of moves that a step shows: `98 %`, or `99.7 %` near the whole, where steps would else look alike."""
    near = 0.99 <= moves / all_moves < 1 if all_moves else False
    return share(moves, all_moves, digits=1 if near else 0)


def _drawn_activities(graph: ProcessGraph, bottlenecks: Sequence[tuple[str, str]]) -> set[int]:
    """The numbers of the activities a map may draw: all, or those of bottlenecks and those in most cases."""
    numbers = range(len(graph.ordered))
    if len(numbers) <= DRAWN_ACTIVITIES:
        return set(numbers)
    kept = {graph.number_of[name] for pair in bottlenecks for name in pair if name in graph.number_of}
    by_cases = sorted(numbers, key=lambda number: (number not in kept, -graph.ordered[number].cases, number))
    return set(by_cases[:DRAWN_ACTIVITIES])


@dataclass
class _Selection:
    """The flows shown so far, grown step by step. `flows` are all that may be drawn, most frequent first."""

    flows: Sequence[Flow]
    drawn: set[int]
    shown: dict[Arc, Flow] = field(default_factory=dict)
    activities: set[int] = field(default_factory=set)
    moves: int = 0

    def __post_init__(self) -> None:
        self.by_arc = {flow.arc: flow for flow in self.flows}
        self.ways_in = strongest_ways(self.flows, START)
        self.ways_out = strongest_ways(self.flows, END, backwards=True)

    def add(self, flow: Flow) -> None:
        if flow.arc not in self.shown:
            self.shown[flow.arc] = flow
            self.activities |= {flow.source, flow.target} - {START, END}
            self.moves += flow.frequency if flow.edge else 0

    def add_arcs(self, arcs: Iterable[tuple[int | None, int | None]]) -> None:
        for source, target in arcs:
            if source is not None and target is not None and (source, target) in self.by_arc:
                self.add(self.by_arc[source, target])

    def add_frequent(self, moves: float, most: int) -> None:
        """Add flows by frequency until `moves` are covered and the picture has grown, or `most` are shown."""
        hidden = len(self.flows) - len(self.shown)
        enough = len(self.shown) + min(GROWTH_LIMIT, -(-hidden // 4))
        for flow in self.flows:
            if (self.moves >= moves and len(self.shown) >= enough) or len(self.shown) >= most:
                return
            self.add(flow)

    def add_activities(self, numbers: Iterable[int]) -> None:
        """Show these activities, each with its strongest flow in and out (itself apart)."""
        between = [flow for flow in self.flows if flow.source != flow.target]
        strongest_in: dict[int, Flow] = {}
        strongest_out: dict[int, Flow] = {}
        for flow in between:
            strongest_in.setdefault(flow.target, flow)
            strongest_out.setdefault(flow.source, flow)
        for number in numbers:
            self.activities.add(number)
            for strongest in (strongest_in, strongest_out):
                if number in strongest:
                    self.add(strongest[number])

    def connect(self) -> None:
        """Give every shown activity a way from START and one to END, where the drawable graph has one."""
        for ways, backwards in ((self.ways_in, False), (self.ways_out, True)):
            joined = self._joined(backwards)
            for number in sorted(self.activities):
                at = number
                while at not in joined and at in ways:
                    joined.add(at)
                    self.add(ways[at])
                    at = ways[at].target if backwards else ways[at].source

    def _joined(self, backwards: bool) -> set[int]:
        beside: dict[int, list[int]] = {}
        for source, target in self.shown:
            near, far = (target, source) if backwards else (source, target)
            beside.setdefault(near, []).append(far)
        root = END if backwards else START
        joined, waiting = {root}, [root]
        while waiting:
            for reached in beside.get(waiting.pop(), ()):
                if reached not in joined:
                    joined.add(reached)
                    waiting.append(reached)
        return joined

    def add_everything(self) -> None:
        """Add all flows and activities that may be drawn, up to the limit of flows."""
        for flow in self.flows:
            if len(self.shown) >= DRAWN_FLOWS:
                break
            self.add(flow)
        self.activities |= self.drawn
        self.connect()

    def step(self, graph: ProcessGraph, index: int, name: str, ranked: Sequence[tuple[int | None, int | None]]) -> Step:
        flows = tuple(sorted(self.shown.values(), key=lambda flow: (-flow.frequency, flow.source, flow.target)))
        connections = sum(flow.edge is not None for flow in flows)
        unseen = [rank for rank, arc in enumerate(ranked, start=1) if arc not in self.shown]
        return Step(
            index=index,
            name=name,
            flows=flows,
            activities=tuple(sorted(self.activities)),
            connections=connections,
            moves=self.moves,
            sentence=_coverage_sentence(graph, flows, len(self.activities), connections, self.moves, unseen),
        )


def _coverage_sentence(
    graph: ProcessGraph,
    flows: Sequence[Flow],
    activities: int,
    connections: int,
    moves: int,
    unseen_bottlenecks: Sequence[int],
) -> str:
    """`33 of 60 connections, 97.0 % of all moves. Hidden: 27 connections, 2 activities.`"""
    total = len(graph.edges)
    shown = f"{count(connections)} of {plural(total, 'connection')}"
    if graph.moves:
        shown += f", {share(moves, graph.moves)} of all moves"
    starts = sum(flow.source == START for flow in graph.flows) - sum(flow.source == START for flow in flows)
    ends = sum(flow.target == END for flow in graph.flows) - sum(flow.target == END for flow in flows)
    hidden = [
        plural(number, one, many)
        for number, one, many in (
            (total - connections, "connection", None),
            (len(graph.ordered) - activities, "activity", "activities"),
            (starts, "start", None),
            (ends, "end", None),
        )
        if number
    ]
    if unseen_bottlenecks:
        hidden += [f"bottleneck {rank}" for rank in unseen_bottlenecks]
    return f"{shown}. {'Hidden: ' + ', '.join(hidden) if hidden else 'Nothing is hidden'}."


def is_legible(step: Step) -> bool:
    return len(step.activities) <= LEGIBLE_ACTIVITIES and len(step.flows) <= LEGIBLE_FLOWS


def _notices(graph: ProcessGraph, steps: Sequence[Step], opened: int) -> Iterable[str]:
    if len(graph.ordered) > DRAWN_ACTIVITIES:
        yield (
            f"This process has {plural(len(graph.ordered), 'activity', 'activities')}. "
            f"The map draws the {DRAWN_ACTIVITIES} that occur in most cases; "
            "filter the cases or group activities to see others."
        )
    if len(steps[-1].flows) < len(graph.flows) and len(steps[-1].flows) >= DRAWN_FLOWS:
        yield (
            f"This process has {plural(len(graph.edges), 'connection')}. "
            f"The map draws the most frequent ones, up to about {DRAWN_FLOWS} lines with starts and ends."
        )
    if opened < DEFAULT_STEP:
        usual = steps[DEFAULT_STEP]
        yield (
            f"The map opens at the step “{steps[opened].name}”, because the usual one would draw "
            f"{plural(len(usual.activities), 'activity', 'activities')} "
            f"and {plural(len(usual.flows), 'line')}."
        )
