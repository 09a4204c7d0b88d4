"""The directly-follows graph of a map: its input rows, its flows, its backbone.

Inside the map an activity is a number: its place in the order by count descending, then name. START and END
are negative numbers, so no activity name can be mistaken for a marker.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

START = -1
END = -2

T = TypeVar("T")

Arc = tuple[int, int]
"""Source and target of a flow, as numbers of activities, START or END."""


@dataclass(frozen=True, slots=True)
class MapEdge:
    """One connection: `target` directly followed `source` `frequency` times.

    Times are seconds from one event to the next, None where no pair has a wait. `assumed` of the pairs have
    an order that the data do not prove (same time, or the time of a whole day).
    """

    source: str
    target: str
    frequency: int
    mean_s: float | None = None
    p50_s: float | None = None
    p95_s: float | None = None
    assumed: int = 0

    def __post_init__(self) -> None:
        if self.frequency < 1:
            raise ValueError(f"the frequency of a connection is at least 1, not {self.frequency}")
        if not 0 <= self.assumed <= self.frequency:
            raise ValueError(f"assumed pairs are between 0 and {self.frequency}, not {self.assumed}")


@dataclass(frozen=True, slots=True)
class MapActivity:
    """One activity: `count` events of it, in `cases` different cases."""

    activity: str
    count: int
    cases: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A line of the map: a connection, or a start or an end (then `edge` is None)."""

    source: int
    target: int
    frequency: int
    edge: MapEdge | None = None

    @property
    def arc(self) -> Arc:
        return (self.source, self.target)


@dataclass(frozen=True)
class ProcessGraph:
    """Everything a map is drawn from. The order of the rows has no influence on the map.

    `starts` and `ends` are (activity, cases that begin or end with it); `cases` is the number of all cases.
    Raises ValueError for an activity, connection, start or end given twice, and for one that names an
    activity that `activities` does not have.
    """

    activities: Sequence[MapActivity]
    edges: Sequence[MapEdge]
    starts: Sequence[tuple[str, int]]
    ends: Sequence[tuple[str, int]]
    cases: int

    def __post_init__(self) -> None:
        known = _once("activity", (row.activity for row in self.activities))
        pairs = _once("connection", ((edge.source, edge.target) for edge in self.edges))
        starts = _once("start", (activity for activity, _ in self.starts))
        ends = _once("end", (activity for activity, _ in self.ends))
        strange = ({name for pair in pairs for name in pair} | starts | ends) - known
        if strange:
            raise ValueError(f"the graph has no activity {min(strange)!r}, but a connection, start or end does")

    @cached_property
    def ordered(self) -> tuple[MapActivity, ...]:
        """The activities by count descending, then name; the place of one is its number."""
        return tuple(sorted(self.activities, key=lambda row: (-row.count, row.activity)))

    @cached_property
    def number_of(self) -> Mapping[str, int]:
        return {row.activity: number for number, row in enumerate(self.ordered)}

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """Lines by frequency descending, then source and target. Starts and ends of no case are not there."""
        number = self.number_of
        found = [Flow(number[e.source], number[e.target], e.frequency, e) for e in self.edges]
        found += [Flow(START, number[name], count) for name, count in self.starts if count > 0]
        found += [Flow(number[name], END, count) for name, count in self.ends if count > 0]
        return tuple(sorted(found, key=lambda flow: (-flow.frequency, flow.source, flow.target)))

    @cached_property
    def moves(self) -> int:
        """All directly-follows pairs."""
        return sum(edge.frequency for edge in self.edges)


def _once(what: str, names: Iterable[T]) -> set[T]:
    seen: set[T] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"the graph has the {what} {name!r} twice")
        seen.add(name)
    return seen


def backbone(flows: Sequence[Flow]) -> tuple[int, ...]:
    """The most frequent path: from START always on by the most frequent flow to an activity not yet passed.

    Where that leads to no end, the walk goes back to the last activity with another way on. The path begins
    with START and finishes with END wherever the graph allows it. `flows` come most frequent first, which
    also decides ties. Empty without flows.
    """
    onward: dict[int, list[int]] = defaultdict(list)
    for flow in flows:
        onward[flow.source].append(flow.target)
    if not flows:
        return ()
    root = START if START in onward else flows[0].source
    path, passed, first_dead_end = [root], {root}, None
    while path and path[-1] != END:
        following = next((target for target in onward[path[-1]] if target not in passed), None)
        if following is None:
            first_dead_end = first_dead_end or tuple(path)
            path.pop()
        else:
            passed.add(following)
            path.append(following)
    return tuple(path) or first_dead_end or ()


def strongest_ways(flows: Iterable[Flow], root: int, *, backwards: bool = False) -> dict[int, Flow]:
    """For each activity the last flow of the strongest way to it from `root` (backwards: from it to `root`).

    A way is as strong as its weakest flow (the widest path problem). Always taking the most frequent flow out
    of what is reached finds such ways: while an activity is out of reach, each way to it has yet to pass one
    of those flows. Activities without a way are absent.
    """
    beside: dict[int, list[Flow]] = defaultdict(list)
    for flow in flows:
        beside[flow.target if backwards else flow.source].append(flow)
    found: dict[int, Flow] = {}
    done: set[int] = set()
    queue: list[tuple[int, int, int, Flow | None]] = [(0, root, root, None)]
    while queue:
        _, reached, _, last = heapq.heappop(queue)
        if reached in done:
            continue
        done.add(reached)
        if last is not None:
            found[reached] = last
        for flow in beside[reached]:
            following = flow.source if backwards else flow.target
            if following not in done:
                heapq.heappush(queue, (-flow.frequency, following, reached, flow))
    return found


def arcs_of(path: Sequence[int]) -> list[Arc]:
    return list(pairwise(path))
