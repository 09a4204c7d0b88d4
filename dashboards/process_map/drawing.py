"""The drawing of a process map: one JSON-able structure that holds all a renderer needs.

Shape of the result of `process_map` (units are points of the drawing unless the name says otherwise)::

    {steps: [{index, name, sentence, connections, moves, activities, drawing or null}],
     default_step, notices: [text], cases,
     legend: {bands: [text] or null, width, time, numbers: {frequency, time}, badge or null, dashed or null}}
    drawing: {width, height, text_size, main: [node id], nodes: [node], edges: [edge]}
    node: {id, kind: activity|start|end, activity or null, x, y, width, height, lines: [text], count,
           count_text, cases, case_share, starts, ends, sentence, title, facts: [[label, value]]}
    edge: {id, source, target (activity or null for start and end), from, to (node ids), path (SVG), head (SVG
           points), width, frequency, mean_s, p50_s, p95_s, assumed, band: 0..3 or null, dash:
           none|partly|mostly, rank: 1.. or null, label: {x, y, width} or null, text: {frequency, time},
           sentence, title, facts}

An id stands for the same activity in all steps of one map, so a renderer can let nodes glide from step to
step.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from dashboards.format import duration, short_count
from dashboards.process_map import labels
from dashboards.process_map.bands import Bands, bands_of
from dashboards.process_map.curves import Point, Size
from dashboards.process_map.detail import Step, detail_of, is_legible
from dashboards.process_map.graph import END, START, Flow, ProcessGraph
from dashboards.process_map.layout import MARKER_SIZE, Layout, Route, lay_out
from dashboards.process_map.placement import Box, Label, place_labels
from dashboards.process_map.skeleton import skeleton_of

Json = dict[str, Any]

TEXT_SIZE = 16.0
UNIT_WIDTH = 8.6
LINE_HEIGHT = 18.0
NODE_HEIGHT = 28.0
COUNT_UNITS = 6.2
NODE_PADDING = 12.0
LABEL_HEIGHT = 18.0
BADGE_WIDTH = 22.0

MOSTLY_ASSUMED = 0.5
PARTLY_ASSUMED = 0.05


def process_map(
    graph: ProcessGraph,
    bottlenecks: Sequence[tuple[str, str]] = (),
    steps: Collection[int] | None = None,
) -> Json:
    """Draw a process map.

    Parameters
    ----------
    graph
        The rows to draw. Equal rows give an equal drawing, whatever their order.
    bottlenecks
        Connections that get the badges 1, 2, 3 in this order. One that the graph does not have is passed
        over.
    steps
        The detail steps to lay out. By default the step the map opens at and all others that stay legible;
        the largest of these takes about a second, all of them together on a usual map some 50 ms.
    """
    detail = detail_of(graph, bottlenecks)
    wanted = (
        {detail.default_step} | {step.index for step in detail.steps if is_legible(step)}
        if steps is None
        else set(steps)
    )
    bands = bands_of(graph.edges)
    ranks = {arc: rank for rank, arc in reversed(list(enumerate(bottlenecks, start=1)))}
    names = {number: labels.name_lines(graph.ordered[number].activity) for number in detail.steps[-1].activities}
    width = round(UNIT_WIDTH * (labels.widest_units(list(names.values())) + COUNT_UNITS) + 2 * NODE_PADDING)
    assumed = any(edge.assumed / edge.frequency >= PARTLY_ASSUMED for edge in graph.edges)

    skeleton = skeleton_of(detail.backbone, detail.steps[-1].flows)

    def drawing(step: Step) -> Json:
        sizes = {
            number: (float(width), NODE_HEIGHT + LINE_HEIGHT * (len(names[number]) - 1)) for number in step.activities
        }
        sizes |= {marker: MARKER_SIZE for marker in (START, END) if _touches(step, marker)}
        layout = lay_out(skeleton, step.flows, sizes)
        return _drawing(graph, step, layout, sizes, names, bands, ranks, detail.backbone)

    return {
        "steps": [
            {
                "index": step.index,
                "name": step.name,
                "sentence": step.sentence,
                "connections": step.connections,
                "moves": step.moves,
                "activities": len(step.activities),
                "drawing": drawing(step) if step.index in wanted else None,
            }
            for step in detail.steps
        ],
        "default_step": detail.default_step,
        "notices": list(detail.notices),
        "cases": graph.cases,
        "legend": {
            "bands": bands.legend() if bands else None,
            "time": "Colour: wait, 95th percentile",
            "width": "Line width: number of moves",
            "numbers": {
                "time": "On a line: wait, 95th percentile. In a box: events.",
                "frequency": "On a line: moves. In a box: events.",
            },
            "badge": "Where the most time is lost" if ranks else None,
            "dashed": "Dashed: order partly assumed" if assumed else None,
        },
    }


def _touches(step: Step, marker: int) -> bool:
    return any(marker in flow.arc for flow in step.flows)


def _drawing(
    graph: ProcessGraph,
    step: Step,
    layout: Layout,
    sizes: dict[int, Size],
    names: dict[int, list[str]],
    bands: Bands | None,
    ranks: dict[tuple[str, str], int],
    path: Sequence[int],
) -> Json:
    starts, ends = dict(graph.starts), dict(graph.ends)
    nodes = []
    for number in sorted(sizes, key=lambda number: (layout.centres[number][1], layout.centres[number][0])):
        x, y = layout.centres[number]
        node = {"id": _id(number), "x": x, "y": y, "width": sizes[number][0], "height": sizes[number][1]}
        nodes.append(node | _node_facts(graph, number, names, starts, ends))
    edges = [_edge(graph, flow, route, bands, ranks) for flow, route in zip(step.flows, layout.routes, strict=True)]
    boxes = [_box(layout.centres[number], size) for number, size in sizes.items()]
    order = sorted(range(len(edges)), key=lambda place: (edges[place]["rank"] or len(edges) + 1, place))
    wanted = {place: _label(place, edge) for place, edge in enumerate(edges)}
    spots = place_labels(
        [wanted[place] for place in order],
        layout.routes,
        boxes,
    )
    for place, edge in enumerate(edges):
        spot = spots.get(place)
        edge["label"] = {"x": spot[0], "y": spot[1], "width": wanted[place].width} if spot else None
    height_of = {_id(number): layout.centres[number][1] for number in sizes}
    edges.sort(key=lambda e: (height_of[e["from"]], e["from"], height_of[e["to"]], e["to"]))
    return {
        "width": layout.size[0],
        "height": layout.size[1],
        "text_size": TEXT_SIZE,
        "main": [_id(number) for number in path],
        "nodes": nodes,
        "edges": edges,
    }


def _node_facts(
    graph: ProcessGraph,
    number: int,
    names: dict[int, list[str]],
    starts: dict[str, int],
    ends: dict[str, int],
) -> Json:
    if number in (START, END):
        cases = sum((starts if number == START else ends).values())
        name = labels.spoken_name(graph, number)
        return {
            "kind": name.lower(),
            "activity": None,
            "lines": [],
            "count": cases,
            "count_text": short_count(cases),
            "cases": cases,
            "case_share": cases / graph.cases if graph.cases else None,
            "starts": 0,
            "ends": 0,
            "sentence": f"{name} of the process.",
            "title": name,
            "facts": [],
        }
    row = graph.ordered[number]
    begun, ended = starts.get(row.activity, 0), ends.get(row.activity, 0)
    return {
        "kind": "activity",
        "activity": row.activity,
        "lines": names[number],
        "count": row.count,
        "count_text": short_count(row.count),
        "cases": row.cases,
        "case_share": row.cases / graph.cases if graph.cases else None,
        "starts": begun,
        "ends": ended,
        "sentence": labels.activity_sentence(graph, number, begun, ended),
        "title": labels.spoken_name(graph, number),
        "facts": labels.activity_facts(graph, row, begun, ended),
    }


def _edge(
    graph: ProcessGraph, flow: Flow, route: Route, bands: Bands | None, ranks: dict[tuple[str, str], int]
) -> Json:
    edge = flow.edge
    rank = ranks.get((edge.source, edge.target)) if edge else None
    assumed = edge.assumed / edge.frequency if edge else 0.0
    return {
        "id": f"{_id(flow.source)}-{_id(flow.target)}",
        "source": None if flow.source == START else graph.ordered[flow.source].activity,
        "target": None if flow.target == END else graph.ordered[flow.target].activity,
        "from": _id(flow.source),
        "to": _id(flow.target),
        "path": _svg_path(route.points),
        "head": _svg_head(route),
        "width": route.width,
        "frequency": flow.frequency,
        "mean_s": edge.mean_s if edge else None,
        "p50_s": edge.p50_s if edge else None,
        "p95_s": edge.p95_s if edge else None,
        "assumed": edge.assumed if edge else 0,
        "band": bands.band(edge.p95_s) if bands and edge else None,
        "dash": "mostly" if assumed >= MOSTLY_ASSUMED else "partly" if assumed >= PARTLY_ASSUMED else "none",
        "rank": rank,
        "text": {
            "frequency": short_count(flow.frequency),
            "time": duration(edge.p95_s) if edge and edge.p95_s is not None else "",
        },
        "sentence": labels.flow_sentence(graph, flow, rank),
        "title": f"{labels.spoken_name(graph, flow.source)} → {labels.spoken_name(graph, flow.target)}",
        "facts": labels.flow_facts(graph, flow),
    }


def _label(place: int, edge: Json) -> Label:
    """The room for the wider of the two texts of a label, so that a change of mode moves nothing."""
    units = max(labels.text_units(text) for text in edge["text"].values())
    return Label(place, round(UNIT_WIDTH * units + 4 + (BADGE_WIDTH if edge["rank"] else 0), 1), LABEL_HEIGHT)


def _id(number: int) -> str:
    return {START: "start", END: "end"}.get(number, f"a{number}")


def _box(centre: Point, size: Size) -> Box:
    (x, y), (width, height) = centre, size
    return (x - width / 2 - 2, y - height / 2 - 1, x + width / 2 + 2, y + height / 2 + 1)


def _svg_path(points: Sequence[Point]) -> str:
    first, rest = points[0], points[1:]
    return f"M{_xy(first)}" + "".join(
        f"C{_xy(rest[at])} {_xy(rest[at + 1])} {_xy(rest[at + 2])}" for at in range(0, len(rest) - 2, 3)
    )


def _svg_head(route: Route) -> str:
    """The triangle from the end of the line to its tip, a little wider than the line."""
    (x, y), (tip_x, tip_y) = route.points[-1], route.tip
    length = ((tip_x - x) ** 2 + (tip_y - y) ** 2) ** 0.5
    if length == 0:
        return ""
    half = (max(4.5, route.width / 2 + 3)) / length
    across_x, across_y = (tip_y - y) * half, (x - tip_x) * half
    corners = ((x + across_x, y + across_y), (tip_x, tip_y), (x - across_x, y - across_y))
    return " ".join(_xy(corner) for corner in corners)


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
