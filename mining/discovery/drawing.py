"""SVG of models: files that stand alone, without script, style sheet, link or font of their own.

Every name is escaped text: in lines inside its box, and in full as the title of the box.
"""

from __future__ import annotations

import math

from mining.discovery.diagram import (
    BOX_HEIGHT,
    GAP,
    LINE_HEIGHT,
    Canvas,
    Diagram,
    Flow,
    Node,
    Pen,
    Point,
    box_width,
    label_lines,
)
from mining.discovery.markup import HEADER, element, escape, number
from mining.discovery.tree import CHOICE, LOOP, PARALLEL, SEQUENCE, Tree

INK, PAPER = "#1f2933", "#ffffff"
OPERATOR = 34.0
LEVEL = 84.0

_SYMBOLS = {
    "choice": ("\N{MULTIPLICATION SIGN}", "exclusive choice"),
    "parallel": ("+", "parallel"),
    "sequence": ("\N{RIGHTWARDS ARROW}", "sequence"),
    "loop": ("\N{ANTICLOCKWISE OPEN CIRCLE ARROW}", "loop"),
}
_OPERATORS = {SEQUENCE: "sequence", CHOICE: "choice", PARALLEL: "parallel", LOOP: "loop"}
_TITLES = {
    "start": "start",
    "end": "end",
    "source": "start",
    "sink": "end",
    "silent": "silent step",
    "tau": "silent step",
}


def tree_diagram(tree: Tree) -> Diagram:
    """The process tree, root on top, leaves from left to right."""
    canvas = Canvas()
    _hang(canvas, tree, 0.0, 0)
    return canvas.finished()


def _hang(canvas: Canvas, tree: Tree, x: float, depth: int) -> tuple[Node, float]:
    """Draw a subtree from `x` on; gives its top and where its right neighbour begins."""
    y = depth * LEVEL
    if tree.operator is None:
        width = OPERATOR if tree.label is None else box_width(tree.label)
        kind = "tau" if tree.label is None else "leaf"
        height = OPERATOR if tree.label is None else BOX_HEIGHT
        return canvas.add(kind, x + width / 2, y, width, height, tree.label or ""), x + width + GAP / 2
    tops = []
    for child in tree.children:
        top, x = _hang(canvas, child, x, depth + 1)
        tops.append(top)
    middle = (tops[0].x + tops[-1].x) / 2
    node = canvas.add(f"{_OPERATORS[tree.operator]}_operator", middle, y, OPERATOR, OPERATOR)
    for top in tops:
        line: tuple[Point, ...] = ((middle, y + OPERATOR / 2), (top.x, top.y - top.height / 2))
        canvas.flows.append(Flow(f"flow_{len(canvas.flows) + 1}", node.id, top.id, Pen(node.id, line).points))
    return node, x


def svg(diagram: Diagram, title: str, *, heads: bool = True) -> str:
    """The diagram as an SVG document; `heads`: with arrow heads."""
    width, height = number(diagram.width), number(diagram.height)
    return HEADER + element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": width,
            "height": height,
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "font-family": "sans-serif",
            "font-size": "12",
        },
        element("title", {}, escape(title)),
        element("rect", {"width": width, "height": height, "fill": PAPER}),
        *(part for flow in diagram.flows for part in _flow(flow, heads)),
        *(_node(node) for node in diagram.nodes),
    )


def _flow(flow: Flow, heads: bool) -> list[str]:
    points = " ".join(f"{number(x)},{number(y)}" for x, y in flow.points)
    line = element("polyline", {"points": points, "fill": "none", "stroke": INK, "stroke-width": "1.2"})
    return [line, _head(flow)] if heads else [line]


def _head(flow: Flow) -> str:
    (from_x, from_y), (x, y) = flow.points[-2:] if len(flow.points) > 1 else (flow.points[0], flow.points[0])
    angle = math.atan2(y - from_y, x - from_x)
    corners = [(x, y)]
    for side in (-1, 1):
        turn = angle + math.pi + side * 0.4
        corners.append((x + 8 * math.cos(turn), y + 8 * math.sin(turn)))
    return element("polygon", {"points": " ".join(f"{number(a)},{number(b)}" for a, b in corners), "fill": INK})


def _node(node: Node) -> str:
    operator = node.kind.removesuffix("_operator")
    symbol, meaning = _SYMBOLS.get(operator, ("", ""))
    title = node.label or meaning or _TITLES.get(node.kind, "")
    parts = [element("title", {}, escape(title))] if title else []
    parts.append(_shape(node))
    if node.kind == "source":
        parts.append(element("circle", {"cx": number(node.x), "cy": number(node.y), "r": "4", "fill": INK}))
    if symbol:
        parts.append(_text([symbol], node, "18"))
    elif node.kind == "tau":
        parts.append(_text(["\N{GREEK SMALL LETTER TAU}"], node, "16"))
    elif node.label:
        parts.append(_text(label_lines(node.label), node, "12"))
    return element("g", {}, *parts)


def _shape(node: Node) -> str:
    stroke = {"stroke": INK, "stroke-width": "3" if node.kind == "end" else "1.2"}
    left, top = node.x - node.width / 2, node.y - node.height / 2
    if node.kind in ("choice", "parallel"):
        corners = [(node.x, top), (left + node.width, node.y), (node.x, top + node.height), (left, node.y)]
        points = " ".join(f"{number(x)},{number(y)}" for x, y in corners)
        return element("polygon", {"points": points, "fill": PAPER} | stroke)
    if node.kind in ("task", "transition", "leaf", "silent"):
        box = {"x": number(left), "y": number(top), "width": number(node.width), "height": number(node.height)}
        if node.kind == "task":
            box["rx"] = "8"
        return element("rect", box | {"fill": INK if node.kind == "silent" else PAPER} | stroke)
    circle = {"cx": number(node.x), "cy": number(node.y), "r": number(node.width / 2), "fill": PAPER}
    return element("circle", circle | stroke)


def _text(lines: list[str], node: Node, size: str) -> str:
    first = node.y - (len(lines) - 1) * LINE_HEIGHT / 2
    spans = [
        element("tspan", {"x": number(node.x), "y": number(first + place * LINE_HEIGHT)}, escape(line) or " ")
        for place, line in enumerate(lines)
    ]
    centred = {"text-anchor": "middle", "dominant-baseline": "central", "font-size": size, "fill": INK}
    return element("text", centred, *spans)
