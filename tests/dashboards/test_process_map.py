"""The map as a whole: what each step shows and says, and that nothing else has a say in it."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map
from dashboards.process_map.detail import (
    DEFAULT_STEP,
    DRAWN_ACTIVITIES,
    DRAWN_FLOWS,
    KEPT_CASE_SHARES,
    detail_of,
)
from dashboards.process_map.graph import END, START, backbone

HOUR_S = 3_600.0


def graph_of(*traces: tuple[str, int], wait_s: float | None = 60.0) -> ProcessGraph:
    """The directly-follows graph of (activities separated by spaces, number of cases)."""
    events: Counter[str] = Counter()
    cases: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    starts: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for text, number in traces:
        trace = text.split(" ")
        for activity in trace:
            events[activity] += number
        for activity in set(trace):
            cases[activity] += number
        for pair in pairwise(trace):
            pairs[pair] += number
        starts[trace[0]] += number
        ends[trace[-1]] += number
    return ProcessGraph(
        [MapActivity(name, events[name], cases[name]) for name in events],
        [MapEdge(*pair, frequency, wait_s, wait_s, wait_s) for pair, frequency in pairs.items()],
        list(starts.items()),
        list(ends.items()),
        sum(number for _, number in traces),
    )


# Many rare ways to be cancelled: 9 % of the cases, though each line at `cancel` is thin.
MAIN = ["place", "pay", "confirm", "allocate", "pick", "pack", "ship", "deliver"]

ORDERS = graph_of(
    ("place pay confirm allocate pick pack ship deliver", 9_000),
    ("place pay review confirm allocate pick pack ship deliver", 500),
    ("place pay confirm backorder allocate pick pack ship deliver", 300),
    *((f"place pay confirm detour{n} allocate pick pack ship deliver", 210) for n in range(24)),
    *((f"{' '.join(MAIN[:n])} cancel after{n}", 200) for n in range(1, 8)),
    ("place pay pay confirm allocate pick wrong pick pack ship deliver return", 60),
    ("place hold", 3),
)

traces = st.lists(
    st.tuples(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8).map(" ".join), st.integers(1, 500)),
    min_size=1,
    max_size=12,
)


def reached(arcs: Sequence[tuple[Any, Any]], root: Any, backwards: bool = False) -> set[Any]:
    beside = defaultdict(set)
    for source, target in arcs:
        beside[target if backwards else source].add(source if backwards else target)
    found, waiting = {root}, [root]
    while waiting:
        for other in beside[waiting.pop()] - found:
            found.add(other)
            waiting.append(other)
    return found


def shuffled(graph: ProcessGraph, seed: int) -> ProcessGraph:
    rng = random.Random(seed)
    return ProcessGraph(
        rng.sample(graph.activities, len(graph.activities)),
        rng.sample(graph.edges, len(graph.edges)),
        rng.sample(graph.starts, len(graph.starts)),
        rng.sample(graph.ends, len(graph.ends)),
        graph.cases,
    )


def test_equal_rows_give_an_equal_drawing_in_whatever_order_they_come() -> None:
    bottlenecks = [("ship", "deliver")]
    first = json.dumps(process_map(ORDERS, bottlenecks, steps=range(5)))
    assert first == json.dumps(process_map(ORDERS, bottlenecks, steps=range(5)))
    assert first == json.dumps(process_map(shuffled(ORDERS, 3), bottlenecks, steps=range(5)))


def test_the_first_step_is_the_most_frequent_path() -> None:
    step = process_map(ORDERS)["steps"][0]
    names = {node["id"]: node["activity"] for node in step["drawing"]["nodes"]}
    assert [names[key] for key in step["drawing"]["main"]] == [
        None,
        *MAIN,
        None,
    ]
    assert step["name"] == "Main path"


def test_the_backbone_turns_back_where_the_strongest_way_has_no_end() -> None:
    graph = graph_of(("a b c", 5), ("a d a b c", 20), ("a d d a d a b c", 20))
    names = [graph.ordered[n].activity if n >= 0 else n for n in backbone(graph.flows)]
    assert names == [START, "a", "b", "c", END]


def test_an_activity_in_many_cases_is_shown_however_thin_its_connections_are() -> None:
    detail = detail_of(ORDERS)
    cancel = ORDERS.number_of["cancel"]
    assert 0.08 <= ORDERS.ordered[cancel].cases / ORDERS.cases < 0.10
    strongest = max(flow.frequency for flow in ORDERS.flows if cancel in flow.arc)
    assert strongest < 0.02 * ORDERS.cases
    assert cancel in detail.steps[DEFAULT_STEP].activities


@settings(deadline=None)
@given(traces)
def test_laws_of_the_steps(rows: list[tuple[str, int]]) -> None:
    graph = graph_of(*rows)
    detail = detail_of(graph)
    before: set[tuple[int, int]] = set()
    for step in detail.steps:
        arcs = [flow.arc for flow in step.flows]
        assert len(arcs) == len(set(arcs))
        assert before <= set(arcs)
        before = set(arcs)
        assert step.connections == sum(flow.edge is not None for flow in step.flows)
        assert step.moves == sum(flow.frequency for flow in step.flows if flow.edge)
        assert set(step.activities) <= reached(arcs, START) & reached(arcs, END, backwards=True)
    for step, target in zip(detail.steps[1:4], (0.90, 0.95, 0.98), strict=True):
        assert step.moves >= target * graph.moves
    for step, kept in zip(detail.steps[1:4], KEPT_CASE_SHARES, strict=True):
        often = {n for n, row in enumerate(graph.ordered) if row.cases >= kept * graph.cases}
        assert often <= set(step.activities)
    assert before == {flow.arc for flow in graph.flows}
    assert detail.steps[-1].moves == graph.moves
    assert detail.steps[-1].sentence.endswith("Nothing is hidden.")


@settings(deadline=None, max_examples=40)
@given(traces)
def test_the_last_step_draws_every_line_exactly_once(rows: list[tuple[str, int]]) -> None:
    graph = graph_of(*rows)
    drawing = process_map(graph, steps=[4])["steps"][4]["drawing"]
    drawn = Counter((edge["source"], edge["target"]) for edge in drawing["edges"])
    wanted: list[tuple[str | None, str | None]] = [(edge.source, edge.target) for edge in graph.edges]
    wanted += [(None, name) for name, _ in graph.starts] + [(name, None) for name, _ in graph.ends]
    assert drawn == Counter(wanted)
    assert sum(e["frequency"] for e in drawing["edges"] if None not in (e["source"], e["target"])) == graph.moves
    for node in drawing["nodes"]:
        assert 0 <= node["x"] <= drawing["width"]
        assert 0 <= node["y"] <= drawing["height"]


def test_the_sentence_tells_what_is_hidden() -> None:
    graph = graph_of(("a b c", 980), ("a c", 15), ("b x", 5))
    first, *_, last = process_map(graph, [("a", "c")])["steps"]
    moves = 2 * 980 + 15 + 5
    assert first["sentence"] == (
        f"2 of 4 connections, {100 * 1960 / moves:.1f} % of all moves. "
        "Hidden: 2 connections, 1 activity, 1 start, 1 end, bottleneck 1."
    )
    assert last["sentence"] == "4 of 4 connections, 100 % of all moves. Nothing is hidden."


def test_bottlenecks_get_their_badges_and_are_not_hidden() -> None:
    rare = ("place", "hold")
    made = process_map(ORDERS, [rare, ("ship", "deliver"), ("no", "such")])
    ranks = {(e["source"], e["target"]): e["rank"] for e in made["steps"][1]["drawing"]["edges"] if e["rank"]}
    assert ranks == {rare: 1, ("ship", "deliver"): 2}
    sentence = next(e["sentence"] for e in made["steps"][1]["drawing"]["edges"] if e["rank"] == 1)
    assert sentence == ("Bottleneck 1: place to hold, 3 moves, median wait 1m, 95th percentile 1m.")


def test_assumed_order_is_dashed_by_its_share_and_said() -> None:
    def dash_of(assumed: int) -> tuple[str, bool, str | None]:
        graph = ProcessGraph(
            [MapActivity("a", 100, 100), MapActivity("b", 100, 100)],
            [MapEdge("a", "b", 100, assumed=assumed)],
            [("a", 100)],
            [("b", 100)],
            100,
        )
        made = process_map(graph, steps=[4])
        edge = next(e for e in made["steps"][4]["drawing"]["edges"] if e["source"] and e["target"])
        return edge["dash"], "order assumed" in edge["sentence"], made["legend"]["dashed"]

    assert dash_of(0) == ("none", False, None)
    assert dash_of(4) == ("none", True, None)
    assert dash_of(5) == ("partly", True, "Dashed: order partly assumed")
    assert dash_of(50) == ("mostly", True, "Dashed: order partly assumed")


def test_ten_thousand_activities_are_cut_and_the_map_says_so() -> None:
    number = 10_000
    rng = random.Random(7)
    names = [f"activity {n}" for n in range(number)]
    pairs = {(n, n + 1) for n in range(number - 1)}
    pairs |= {(rng.randrange(number), rng.randrange(200)) for _ in range(20_000)}
    graph = ProcessGraph(
        [MapActivity(name, number - n, number - n) for n, name in enumerate(names)],
        [MapEdge(names[s], names[t], 1 + (number - s) // 10) for s, t in sorted(pairs)],
        [(names[0], number)],
        [(names[-1], number)],
        number,
    )
    made = process_map(graph)
    assert all(step["activities"] <= DRAWN_ACTIVITIES for step in made["steps"])
    assert made["steps"][4]["connections"] <= DRAWN_FLOWS
    assert made["steps"][4]["name"] == "Most"
    assert made["default_step"] < DEFAULT_STEP
    assert made["notices"][0].startswith("This process has 10,000 activities. The map draws the 80 that")
    assert "opens at the step" in made["notices"][-1]
    assert "9,920 activities" in made["steps"][4]["sentence"]
    assert made["steps"][made["default_step"]]["drawing"] is not None


def test_a_crowded_map_draws_all_lines_within_its_frame() -> None:
    rng = random.Random(11)
    names = [f"n{n}" for n in range(40)]
    pairs = {(n, n + 1) for n in range(39)} | {(rng.randrange(40), rng.randrange(40)) for _ in range(330)}
    graph = ProcessGraph(
        [MapActivity(name, 500, 500) for name in names],
        [MapEdge(names[s], names[t], 400 - s) for s, t in sorted(pairs)],
        [(names[0], 500)],
        [(names[39], 500)],
        500,
    )
    drawing = process_map(graph, steps=[4])["steps"][4]["drawing"]
    assert len(drawing["edges"]) == len(pairs) + 2
    for edge in drawing["edges"]:
        numbers = [float(number) for number in re.findall(r"-?[0-9.]+", edge["path"])]
        xs, ys = numbers[0::2], numbers[1::2]
        assert len(xs) == len(ys) == 4
        for places, size in ((xs, drawing["width"]), (ys, drawing["height"])):
            middle = (places[0] + 3 * places[1] + 3 * places[2] + places[3]) / 8
            assert all(-0.1 <= place <= size + 0.1 for place in (places[0], middle, places[3]))


def test_a_log_without_moves_still_has_a_map() -> None:
    made = process_map(graph_of(("only", 4)))
    drawing = made["steps"][made["default_step"]]["drawing"]
    assert [node["kind"] for node in drawing["nodes"]] == ["start", "activity", "end"]
    assert made["legend"]["bands"] is None
    assert made["steps"][0]["sentence"] == "0 of 0 connections. Nothing is hidden."


def test_no_rows_give_empty_steps() -> None:
    made = process_map(ProcessGraph([], [], [], [], 0))
    assert all(step["drawing"]["nodes"] == [] for step in made["steps"])


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([MapEdge("a", "x", 1)], "no activity 'x'"),
        ([MapEdge("a", "a", 1), MapEdge("a", "a", 2)], "connection .* twice"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(edges: list[MapEdge], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ProcessGraph([MapActivity("a", 1, 1)], edges, [], [], 1)


def test_impossible_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        MapEdge("a", "b", 0)
    with pytest.raises(ValueError, match="between 0 and 3"):
        MapEdge("a", "b", 3, assumed=4)
