"""Positions of activities and routes of flows, computed by Graphviz dot.

The layout keeps the backbone as a straight ruler from top to bottom. The skeleton says on which rank and
side every other activity goes; no other flow has a say in the ranks, since each could stretch the map.
Graphviz gets numbers and sizes only and never a label, so no name from the data reaches its parser.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pygraphviz

from dashboards.process_map.curves import Point, Size, curve, with_head
from dashboards.process_map.graph import END, START, Flow, arcs_of
from dashboards.process_map.skeleton import LEFT, RIGHT, Skeleton

POINTS_PER_INCH = 72.0
MARKER_SIZE: Size = (28.0, 28.0)
NODE_GAP = 40.0
RANK_GAP = 28.0
MIN_WIDTH, MAX_WIDTH = 1.6, 11.0

ROUTED_FLOWS = 150
"""Up to here Graphviz finds ways around nodes (half a second at worst); beyond, lines are plain curves."""

# The Graphviz C library keeps its state in globals: two layouts at once crash the process.
_graphviz = threading.Lock()


@dataclass(frozen=True, slots=True)
class Route:
    """The drawn line of one flow: its first point and three per Bézier piece, then the tip of its head."""

    points: tuple[Point, ...]
    tip: Point
    width: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of activities and markers, and a route per flow in their order. Units: points; y goes down."""

    size: Size
    centres: Mapping[int, Point]
    routes: tuple[Route, ...]


def line_width(frequency: int, most: int) -> float:
    """Width of a line in points. It grows with the square root, so that rare flows stay visible."""
    return round(MIN_WIDTH + (MAX_WIDTH - MIN_WIDTH) * math.sqrt(frequency / most), 1)


def lay_out(skeleton: Skeleton, flows: Sequence[Flow], sizes: Mapping[int, Size]) -> Layout:
    """Lay out the flows between the nodes of `sizes` (activities and markers), most frequent flow first.

    Equal input gives equal output. Raises ValueError for a flow between nodes without a size.
    """
    if not sizes:
        return Layout((0.0, 0.0), {}, ())
    missing = {number for flow in flows for number in flow.arc} - sizes.keys()
    if missing:
        raise ValueError(f"no size for {sorted(missing)}")
    most = max((flow.frequency for flow in flows), default=1)
    widths = [line_width(flow.frequency, most) for flow in flows]
    drawn = json.loads(_run_dot(_dot_source(skeleton, flows, sizes, widths)))
    left, low, right, high = _numbers(drawn["bb"])
    names = {node["_gvid"]: node for node in drawn["objects"] if "pos" in node}

    def down(x: float, y: float) -> Point:
        return (round(x - left, 1), round(high - y, 1))

    centres = {_number(node["name"]): down(*_numbers(node["pos"])) for node in names.values()}
    routes: dict[int, Route] = {}
    for edge in drawn.get("edges", ()):
        if "id" not in edge:
            continue  # an invisible edge that only holds something in place
        place = int(edge["id"].removeprefix("e"))
        routes[place] = _route(edge["pos"], widths[place], down)
    if len(flows) > ROUTED_FLOWS:
        for place, (flow, width) in enumerate(zip(flows, widths, strict=True)):
            line = curve(centres[flow.source], sizes[flow.source], centres[flow.target], sizes[flow.target])
            points, tip = with_head(line, 10 * _head(width))
            routes[place] = Route(points, tip, width)
    size = (right - left, high - low)
    if len(flows) > ROUTED_FLOWS:
        size, centres, routes = _enclosed(size, centres, routes)
    size = (round(size[0], 1), round(size[1], 1))
    return Layout(size, centres, tuple(routes[place] for place in range(len(flows))))


def _enclosed(
    size: Size, centres: dict[int, Point], routes: dict[int, Route]
) -> tuple[Size, dict[int, Point], dict[int, Route]]:
    """Widen the drawing to the middles of all curves, which Graphviz has not seen."""
    middles = [(r.points[0][0] + 3 * r.points[1][0] + 3 * r.points[2][0] + r.points[3][0]) / 8 for r in routes.values()]
    shift = max(0.0, -min(middles, default=0.0))
    width = max([size[0], *middles]) + shift

    def aside(point: Point) -> Point:
        return (round(point[0] + shift, 1), round(point[1], 1))

    moved = {
        place: Route(tuple(aside(point) for point in route.points), aside(route.tip), route.width)
        for place, route in routes.items()
    }
    return (width, size[1]), {number: aside(centre) for number, centre in centres.items()}, moved


def _dot_source(skeleton: Skeleton, flows: Sequence[Flow], sizes: Mapping[int, Size], widths: Sequence[float]) -> str:
    on_path, ruler = set(skeleton.path), set(arcs_of(skeleton.path))
    most = max((flow.frequency for flow in flows), default=1)
    splines = "spline" if len(flows) <= ROUTED_FLOWS else "line"
    lines = [
        "digraph map {",
        f"graph [rankdir=TB, splines={splines}, nodesep={NODE_GAP / POINTS_PER_INCH:.3f}, "
        f"ranksep={RANK_GAP / POINTS_PER_INCH:.3f}]",
        'node [shape=box, fixedsize=true, label=""]',
    ]
    for number in sorted(sizes):
        width, height = sizes[number]
        group = ", group=ruler" if number in on_path else ""
        shape = f"width={width / POINTS_PER_INCH:.3f}, height={height / POINTS_PER_INCH:.3f}"
        lines.append(f"{_name(number)} [{shape}{group}]")
    anchors = _anchors(skeleton, sizes)
    for place, flow in enumerate(flows):
        ranks = flow.arc in ruler or anchors.get(flow.target) == flow.source
        weight = (60 if flow.arc in ruler else 0) + 1 + int(12 * flow.frequency / most)
        free = "" if ranks else ", constraint=false"
        lines.append(
            f"{_name(flow.source)} -> {_name(flow.target)} "
            f"[id=e{place}, weight={weight}, arrowsize={_head(widths[place]):.2f}{free}]"
        )
    shown = {flow.arc for flow in flows}
    for number, anchor in anchors.items():
        if (anchor, number) not in shown:
            lines.append(f"{_name(anchor)} -> {_name(number)} [style=invis, weight=0]")
    lines += _sides(skeleton, sizes)
    lines += [f"{{rank=source {_name(START)}}}"] if START in sizes else []
    lines += [f"{{rank=sink {_name(END)}}}"] if END in sizes else []
    return "\n".join([*lines, "}"])


def _anchors(skeleton: Skeleton, sizes: Mapping[int, Size]) -> dict[int, int]:
    """For each shown activity beside the backbone the shown node that it stands one rank below.

    That is what it hangs on, or, where the step hides that, the backbone beside it; below the backbone's last
    activity, the nearest shown one up the branch.
    """
    spine = [number for number in skeleton.path if number != END]
    anchors: dict[int, int] = {}
    for number, parent in skeleton.parents.items():
        if number not in sizes:
            continue
        level = skeleton.levels[number]
        while parent not in sizes and parent in skeleton.parents:
            parent = spine[level - 1] if level <= len(spine) else skeleton.parents[parent]
        anchors[number] = parent
    return anchors


def _sides(skeleton: Skeleton, sizes: Mapping[int, Size]) -> list[str]:
    """Invisible flat edges that keep each activity on its side of the backbone."""
    lines = []
    for level, middle in enumerate(skeleton.path):
        if middle in (START, END):
            continue
        beside = [n for n in sorted(sizes) if skeleton.levels.get(n) == level and n in skeleton.parents]
        flat = []
        for side in (LEFT, RIGHT):
            inner = [n for n in beside if skeleton.sides[n] == side and n not in skeleton.shared]
            outer = [n for n in beside if skeleton.sides[n] == side and n in skeleton.shared]
            pairs = [(middle, n) for n in inner] + [(n, out) for n in inner or [middle] for out in outer]
            flat += [f"{_name(one)} -> {_name(two)}" for one, two in (p[::side] for p in pairs)]
        if flat:
            lines.append("{rank=same; edge [style=invis]; " + "; ".join(flat) + "}")
    return lines


def _run_dot(source: str) -> bytes:
    with _graphviz:
        graph = pygraphviz.AGraph(string=source)
        try:
            drawn = graph.draw(prog="dot", format="json0")
        finally:
            graph.close()
    assert isinstance(drawn, bytes)
    return drawn


def _head(width: float) -> float:
    """Size of an arrow head, in units of ten points of length."""
    return min(1.1, 0.65 + width / 25)


def _name(number: int) -> str:
    return {START: "start", END: "end"}.get(number, f"n{number}")


def _number(name: str) -> int:
    return {"start": START, "end": END}.get(name) or int(name.removeprefix("n"))


def _numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _route(pos: str, width: float, down: Callable[[float, float], Point]) -> Route:
    """Read `e,tip first second ...`. A line whose head found no room ends in its last point."""
    tip: Point | None = None
    points: list[Point] = []
    for part in pos.split():
        if part.startswith("e,"):
            x, y = _numbers(part[2:])
            tip = down(x, y)
        elif not part.startswith("s,"):
            x, y = _numbers(part)
            points.append(down(x, y))
    return Route(tuple(points), tip or points[-1], width)
