"""The skeleton of a map: on which rank and on which side of the backbone each activity goes.

It is made once from the flows of the last detail step, so that an activity stays about where it is while the
reader changes the detail.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.process_map.graph import END, Flow

LEFT, MIDDLE, RIGHT = -1, 0, 1


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The backbone, and of each activity its rank (`levels`, START has 0), side, and what it hangs on.

    The backbone has no parents. Activities that no flow joins to it are absent. What many branches lead to
    (`shared`) stands outside of the others of its rank.
    """

    path: tuple[int, ...]
    levels: Mapping[int, int]
    sides: Mapping[int, int]
    parents: Mapping[int, int]
    shared: frozenset[int]


def skeleton_of(path: Sequence[int], flows: Sequence[Flow]) -> Skeleton:
    """Hang every activity on the backbone; `flows` come most frequent first."""
    levels = {number: place for place, number in enumerate(path) if number != END}
    parents = _hang(levels, flows)
    sides = dict.fromkeys(levels.keys() - parents.keys(), MIDDLE)
    shared = _shared(parents, flows)
    sides |= _take_sides(levels, parents, shared, flows)
    return Skeleton(tuple(path), levels, sides, parents, frozenset(shared))


def _hang(levels: dict[int, int], flows: Sequence[Flow]) -> dict[int, int]:
    """Extend `levels` to all activities that flows join to it, and return what each new one hangs on.

    Activities are hung up one by one, along the strongest flow that leads from one that hangs already
    (Prim's algorithm), so the result is a forest and cannot twist the ranks. Among flows at least half as
    strong as the strongest, the lowest source counts: an activity that ends cases, fed from all over the
    map, comes to hang low and its lines go down.
    """
    into: dict[int, list[Flow]] = defaultdict(list)
    for flow in flows:
        if flow.source != flow.target and flow.target != END:
            into[flow.target].append(flow)
    loose = into.keys() - levels.keys()
    candidates = [flow for flow in flows if flow.target in loose and flow.source != flow.target]
    parents: dict[int, int] = {}
    while True:
        strongest = next((f for f in candidates if f.target in loose and f.source in levels), None)
        if strongest is None:
            return parents
        target = strongest.target
        strong = [f for f in into[target] if f.source in levels and 2 * f.frequency >= strongest.frequency]
        lowest = max(strong, key=lambda f: (levels[f.source], f.frequency, -f.source))
        parents[target] = lowest.source
        levels[target] = levels[lowest.source] + 1
        loose.remove(target)


def _shared(parents: Mapping[int, int], flows: Sequence[Flow]) -> set[int]:
    """What gets less than half of its flow from where it hangs, and so belongs to no single branch."""
    received: Counter[int] = Counter()
    from_parent: Counter[int] = Counter()
    for flow in flows:
        if flow.source != flow.target:
            received[flow.target] += flow.frequency
        if parents.get(flow.target) == flow.source:
            from_parent[flow.target] += flow.frequency
    return {number for number in parents if 2 * from_parent[number] < received[number]}


def _take_sides(
    levels: Mapping[int, int], parents: Mapping[int, int], shared: set[int], flows: Sequence[Flow]
) -> dict[int, int]:
    """Put each branch of the backbone wholly left or right; what is shared begins a branch of its own.

    Branches choose in the order of their strongest flow, shared ones last. A branch with more traffic to the
    branches there already than to the backbone follows that traffic, since its lines would cross the backbone
    else. All others take the emptier side of their ranks, and the right where both are equally full.
    """
    branch: dict[int, int] = {}
    for number, parent in parents.items():  # parents come before what hangs on them
        branch[number] = number if number in shared else branch.get(parent, number)
    members: dict[int, list[int]] = defaultdict(list)
    for number in sorted(branch, key=lambda number: branch[number] in shared):
        members[branch[number]].append(number)
    traffic: Counter[tuple[int, int | None]] = Counter()
    for flow in flows:
        one, other = branch.get(flow.source), branch.get(flow.target)
        if one != other:
            if one is not None:
                traffic[one, other] += flow.frequency
            if other is not None:
                traffic[other, one] += flow.frequency
    filled: Counter[tuple[int, int]] = Counter()
    chosen: dict[int, int] = {}
    for root, inside in members.items():
        heights = Counter(levels[number] for number in inside)
        pull = {
            side: sum(traffic[root, other] for other, taken in chosen.items() if taken == side)
            for side in (LEFT, RIGHT)
        }
        crowd = {side: max(filled[side, level] + number for level, number in heights.items()) for side in (LEFT, RIGHT)}
        follows = pull[LEFT] + pull[RIGHT] > traffic[root, None]
        measure = {side: (-pull[side], crowd[side]) if follows else (crowd[side], -pull[side]) for side in pull}
        chosen[root] = LEFT if measure[LEFT] < measure[RIGHT] else RIGHT
        for level, number in heights.items():
            filled[chosen[root], level] += number
    return {number: chosen[root] for number, root in branch.items()}
