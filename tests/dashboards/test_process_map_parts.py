"""Bands, labels, skeleton, routes and places of labels, each by itself."""

from __future__ import annotations

import random
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.process_map import MapActivity, MapEdge, ProcessGraph, process_map
from dashboards.process_map.bands import LADDER_S, bands_of
from dashboards.process_map.graph import END, START, Flow, strongest_ways
from dashboards.process_map.labels import LINE_UNITS, MOST_CHARACTERS, name_lines, shown_name, text_units
from dashboards.process_map.layout import MARKER_SIZE, Route, lay_out, line_width
from dashboards.process_map.placement import Label, overlap, place_labels
from dashboards.process_map.skeleton import MIDDLE, skeleton_of

DOT_WORDS = {
    *("digraph", "map", "graph", "node", "edge", "rankdir", "TB", "splines", "spline", "line", "nodesep"),
    *("ranksep", "shape", "box", "fixedsize", "true", "false", "label", "width", "height", "group", "ruler"),
    *("id", "weight", "arrowsize", "constraint", "style", "invis", "rank", "same", "source", "sink"),
    *("start", "end", "n", "e"),
}

HOSTILE = [
    '<script>alert("x")</script>',
    "<img src=x onerror=alert(1)>",
    'a"];subgraph{x->y}//',
    "<b>bold</b>&amp;",
    "\\N\\G%s{}",
    "start",
    "__start__",
    "n0",
    "e\u202etxt.exe",
    "null\x00byte",
    "line\nbreak",
    "",
    " ",
    "x" * 5_000,
    "注文を確認しました",
    "👩‍🔧 repair",
    "\ud800",
]


# ---- bands ----


def timed(*p95_s: float, frequency: int = 100) -> list[MapEdge]:
    return [MapEdge("a", str(n), frequency, p95_s=p95) for n, p95 in enumerate(p95_s)]


def test_bands_follow_the_time_scale_of_the_process() -> None:
    minutes = bands_of(timed(*(60.0 * n for n in range(1, 61))))
    weeks = bands_of(timed(*(86_400.0 * n for n in range(1, 61))))
    assert minutes is not None
    assert weeks is not None
    assert minutes.limits_s == (1_200.0, 3_600.0, 10_800.0)
    assert weeks.legend() == ["up to 30d", "30d to 90d", "90d to 365d", "over 365d"]
    assert [minutes.band(s) for s in (0.0, 1_200.0, 1_200.1, 3_600.1, 1e9)] == [0, 0, 1, 2, 3]
    assert minutes.band(None) is None


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=30))
def test_bands_always_part_time_in_four(p95_s: list[float]) -> None:
    bands = bands_of(timed(*p95_s))
    assert bands is not None
    first, second, third = bands.limits_s
    assert first < second < third
    assert set(bands.limits_s) <= set(LADDER_S)


def test_without_times_there_are_no_bands() -> None:
    assert bands_of([MapEdge("a", "b", 3)]) is None


# ---- labels ----


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("Picked", ["Picked"]),
        ("Delivery attempted again", ["Delivery", "attempted again"]),
        ("Donaudampfschifffahrtsgesellschaft", ["Donaudampfschifffah", "rtsgesellschaft"]),
        ("A_PARTLY_SUBMITTED_NOW", ["A_PARTLY_", "SUBMITTED_NOW"]),
        ("a\n\tb", ["a b"]),
        ("", ["(no name)"]),
        ("\u202e\u200b", ["(no name)"]),
    ],
)
def test_names_break_where_people_would(name: str, lines: list[str]) -> None:
    assert name_lines(name) == lines


@given(st.text(max_size=80) | st.sampled_from(HOSTILE))
def test_a_name_is_one_or_two_short_lines_of_visible_text(name: str) -> None:
    lines = name_lines(name)
    assert 1 <= len(lines) <= 2
    for line in lines:
        assert line.strip()
        assert text_units(line) <= LINE_UNITS + 1
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") for c in line)
    assert "\u202e" not in shown_name(name)


def test_hostile_names_stay_text_and_never_reach_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    from dashboards.process_map import layout

    sources: list[str] = []
    run = layout._run_dot

    def listening(source: str) -> bytes:
        sources.append(source)
        return run(source)

    monkeypatch.setattr(layout, "_run_dot", listening)
    graph = ProcessGraph(
        [MapActivity(name, 10, 10) for name in HOSTILE],
        [MapEdge(one, two, 10) for one, two in pairwise(HOSTILE)],
        [(HOSTILE[0], 10)],
        [(HOSTILE[-1], 10)],
        10,
    )
    drawing = process_map(graph, steps=[4])["steps"][4]["drawing"]
    assert {node["activity"] for node in drawing["nodes"]} - {None} == set(HOSTILE)
    title = next(n["title"] for n in drawing["nodes"] if n["activity"] == HOSTILE[0])
    assert title == HOSTILE[0]
    for source in sources:
        letters = "".join(c if c.isalpha() else " " for c in source).split()
        assert set(letters) <= DOT_WORDS


# ---- skeleton and layout ----


def flows_of(*arcs: tuple[int, int, int]) -> list[Flow]:
    return sorted((Flow(*arc) for arc in arcs), key=lambda f: (-f.frequency, f.source, f.target))


def test_what_ends_cases_from_everywhere_hangs_low() -> None:
    path = (START, 0, 1, 2, 3, END)
    flows = flows_of(
        (START, 0, 90),
        (0, 1, 80),
        (1, 2, 70),
        (2, 3, 60),
        (3, END, 60),
        (0, 4, 10),
        (1, 4, 9),
        (2, 4, 6),
        (4, END, 25),
    )
    skeleton = skeleton_of(path, flows)
    assert skeleton.parents == {4: 2}
    assert skeleton.levels[4] == skeleton.levels[2] + 1
    assert skeleton.shared == {4}
    assert skeleton.sides[2] == MIDDLE
    assert skeleton.sides[4] != MIDDLE


def test_branches_of_one_rank_take_both_sides() -> None:
    flows = flows_of((START, 0, 90), (0, 1, 70), (1, END, 90), (0, 2, 10), (2, 1, 10), (0, 3, 10), (3, 1, 10))
    skeleton = skeleton_of((START, 0, 1, END), flows)
    assert {skeleton.sides[2], skeleton.sides[3]} == {-1, 1}


@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.integers(1, 20), max_size=20))
def test_the_strongest_way_is_as_strong_as_its_weakest_flow(found: dict[tuple[int, int], int]) -> None:
    flows = flows_of((START, 0, 9), *((s, t, f) for (s, t), f in found.items()))
    widest = {START: 99}
    for _ in range(8):  # as many rounds as there are nodes: the definition, without any order of search
        for flow in flows:
            strength = min(widest.get(flow.source, 0), flow.frequency)
            widest[flow.target] = max(widest.get(flow.target, 0), strength)
    ways = strongest_ways(flows, START)
    assert ways.keys() == {number for number, strength in widest.items() if strength} - {START}
    for number in ways:
        strength, at = 99, number
        while at != START:
            strength, at = min(strength, ways[at].frequency), ways[at].source
        assert strength == widest[number]


def test_the_strongest_way_can_be_sought_backwards() -> None:
    flows = flows_of((START, 0, 9), (0, 1, 3), (0, 2, 8), (1, END, 3), (2, 1, 6), (2, END, 2))
    ways = strongest_ways(flows, END, backwards=True)
    assert [ways[number].arc for number in (0, 1, 2)] == [(0, 2), (1, END), (2, 1)]


def test_the_backbone_is_a_straight_line_downwards() -> None:
    path = (START, 0, 1, 2, END)
    flows = flows_of((START, 0, 9), (0, 1, 8), (1, 2, 8), (2, END, 9), (0, 3, 2), (3, 2, 2), (1, 1, 3), (2, 0, 1))
    sizes = {n: (200.0, 28.0) for n in range(4)} | {START: MARKER_SIZE, END: MARKER_SIZE}
    layout = lay_out(skeleton_of(path, flows), flows, sizes)
    assert len({layout.centres[n][0] for n in path}) == 1
    heights = [layout.centres[n][1] for n in path]
    assert heights == sorted(heights)
    assert len(layout.routes) == len(flows)


arcs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 99)), max_size=40)


@settings(deadline=None, max_examples=60)
@given(arcs, st.integers(0, 5))
def test_any_graph_can_be_laid_out_and_no_boxes_overlap(found: list[tuple[int, int, int]], length: int) -> None:
    path = (START, *range(length), END)
    ruler = [(s, t, 100) for s, t in pairwise(path)]
    flows = flows_of(*{(s, t): (s, t, f) for s, t, f in [*found, *ruler]}.values())
    sizes = {n: (150.0, 28.0) for flow in flows for n in flow.arc}
    layout = lay_out(skeleton_of(path, flows), flows, sizes)
    assert layout.centres.keys() == sizes.keys()
    boxes = [(x - 75, y - 14, x + 75, y + 14) for x, y in layout.centres.values()]
    for at, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[at + 1 :])


def test_a_flow_without_a_sized_node_is_refused() -> None:
    flows = flows_of((0, 1, 1))
    with pytest.raises(ValueError, match="no size"):
        lay_out(skeleton_of((0, 1), flows), flows, {0: (10.0, 10.0)})


def test_the_width_of_a_line_follows_the_square_root() -> None:
    least, quarter, most = line_width(0, 100), line_width(25, 100), line_width(100, 100)
    assert quarter - least == pytest.approx((most - least) / 2, abs=0.1)


# ---- placement ----


def test_labels_keep_off_boxes_and_each_other() -> None:
    rng = random.Random(5)
    routes = []
    for _ in range(40):
        x, y = rng.uniform(0, 900), rng.uniform(0, 700)
        end = (x + rng.uniform(-150, 150), y + 80)
        routes.append(Route(((x, y), (x, y + 30), (end[0], end[1] - 30), end), (end[0], end[1] + 8), 3.0))
    boxes = [(x, y, x + 120, y + 28) for x in (50.0, 400.0, 700.0) for y in (100.0, 300.0, 500.0)]
    labels = [Label(n, 44.0, 18.0) for n in range(40)]
    places = place_labels(labels, routes, boxes)
    assert len(places) > 25
    taken = list(boxes)
    for x, y in places.values():
        box = (x - 21.9, y - 8.9, x + 21.9, y + 8.9)
        assert not any(overlap(box, other) for other in taken)
        taken.append(box)


def test_a_label_stands_beside_a_thick_vertical_line() -> None:
    route = Route(((100.0, 0.0), (100.0, 30.0), (100.0, 60.0), (100.0, 90.0)), (100.0, 100.0), 10.0)
    ((x, y),) = place_labels([Label(0, 40.0, 18.0)], [route], []).values()
    assert x - 20 >= 105
    assert y == pytest.approx(50, abs=1)


def test_a_label_of_ten_kilobytes_costs_no_time() -> None:
    lines = name_lines("word " * 2_000)
    assert len(lines) == 2
    assert sum(map(len, lines)) < MOST_CHARACTERS
