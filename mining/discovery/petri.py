"""The process tree as a workflow net: layout and PNML (ISO/IEC 15909-2, http://www.pnml.org).

One transition per activity; silent transitions start and end parallel branches and loops. The net has one source
and one sink place, is sound, and has the language of the tree.
"""

from __future__ import annotations

from mining.discovery.diagram import BOX_HEIGHT, GAP, RISE, ROW, Canvas, Diagram, Node, Pen, box_width, leave
from mining.discovery.markup import HEADER, element, escape
from mining.discovery.reduction import without_needless_steps
from mining.discovery.tree import CHOICE, PARALLEL, SEQUENCE, Tree

PLACE = 26.0
SILENT = 12.0

_Drawn = tuple[list[Pen], float, float]


def petri_diagram(tree: Tree) -> Diagram:
    """Places and transitions; the source comes first and the sink last."""
    canvas = Canvas()
    source = canvas.add("source", 0, 0, PLACE, PLACE)
    pens, x, _ = _draw(canvas, tree, PLACE / 2 + GAP, 0, 1, source, own=False)
    _gather(canvas, pens, canvas.add("sink", x + GAP + PLACE / 2, 0, PLACE, PLACE))
    return without_needless_steps(canvas.finished())


def _draw(canvas: Canvas, tree: Tree, x: float, y: float, direction: int, source: Node, *, own: bool) -> _Drawn:
    """Draw a block behind its source place, from `x` on in the direction of its flow.

    `own`: nothing else takes from the source, so a loop may return to it. Gives the flows out of the block's last
    transitions, where it ends, and its bottom.
    """
    if tree.operator is None:
        transition = _transition(canvas, x, y, direction, tree.label)
        canvas.reach(leave(source, y, direction), transition)
        return [leave(transition, y, direction)], x + direction * transition.width, y + transition.height / 2
    if tree.operator == SEQUENCE:
        bottom, pens = y, list[Pen]()
        for place, child in enumerate(tree.children):
            if place:
                source, own = canvas.add("place", x + direction * (GAP + PLACE / 2), y, PLACE, PLACE), True
                _gather(canvas, pens, source)
                x += direction * (2 * GAP + PLACE)
            pens, x, reached = _draw(canvas, child, x, y, direction, source, own=own)
            bottom = max(bottom, reached)
        return pens, x, bottom
    if tree.operator == CHOICE:
        far, bottom, pens = x, y, []
        for place, child in enumerate(sorted(tree.children, key=lambda child: child.is_silent)):
            row = bottom + ROW + RISE if place else y
            out, end, reached = _draw(canvas, child, x, row, direction, source, own=False)
            far = direction * max(direction * far, direction * end)
            bottom = max(bottom, reached)
            pens += out
        return pens, far, bottom
    if tree.operator == PARALLEL:
        return _draw_parallel(canvas, tree, x, y, direction, source)
    return _draw_loop(canvas, tree, x, y, direction, source, own=own)


def _draw_parallel(canvas: Canvas, tree: Tree, x: float, y: float, direction: int, source: Node) -> _Drawn:
    split = _transition(canvas, x, y, direction, None)
    canvas.reach(leave(source, y, direction), split)
    middle = x + direction * (SILENT + GAP + PLACE / 2)
    inner = middle + direction * (PLACE / 2 + GAP)
    far, bottom, branches = inner, y + split.height / 2, []
    for place, child in enumerate(tree.children):
        row = bottom + ROW + RISE if place else y
        begin = canvas.add("place", middle, row, PLACE, PLACE)
        canvas.reach(leave(split, row, direction), begin)
        pens, end, reached = _draw(canvas, child, inner, row, direction, begin, own=True)
        far = direction * max(direction * far, direction * end)
        bottom = max(bottom, reached)
        branches.append((row, pens))
    middle = far + direction * (GAP + PLACE / 2)
    join = _transition(canvas, middle + direction * (PLACE / 2 + GAP), y, direction, None)
    for row, pens in branches:
        done = canvas.add("place", middle, row, PLACE, PLACE)
        _gather(canvas, pens, done)
        canvas.reach(leave(done, row, direction), join)
    return [leave(join, y, direction)], join.x + direction * SILENT / 2, bottom


def _draw_loop(canvas: Canvas, tree: Tree, x: float, y: float, direction: int, source: Node, *, own: bool) -> _Drawn:
    body, *returns = tree.children
    begin = source
    if not own:
        enter = _transition(canvas, x, y, direction, None)
        canvas.reach(leave(source, y, direction), enter)
        begin = canvas.add("place", x + direction * (SILENT + GAP + PLACE / 2), y, PLACE, PLACE)
        canvas.reach(leave(enter, y, direction), begin)
        x += direction * (SILENT + GAP + PLACE + GAP)
    pens, end, bottom = _draw(canvas, body, x, y, direction, begin, own=True)
    far = x + direction * max(direction * (end - x), *(_width(child) for child in returns))
    done = canvas.add("place", far + direction * (GAP + PLACE / 2), y, PLACE, PLACE)
    _gather(canvas, pens, done)
    for child in returns:
        row = bottom + ROW + RISE
        pens, _, bottom = _draw(canvas, child, far, row, -direction, done, own=False)
        _gather(canvas, pens, begin)
    leaving = _transition(canvas, done.x + direction * (PLACE / 2 + GAP), y, direction, None)
    canvas.reach(leave(done, y, direction), leaving)
    return [leave(leaving, y, direction)], leaving.x + direction * SILENT / 2, max(bottom, y + RISE)


def _transition(canvas: Canvas, x: float, y: float, direction: int, label: str | None) -> Node:
    width = SILENT if label is None else box_width(label)
    kind = "silent" if label is None else "transition"
    return canvas.add(kind, x + direction * width / 2, y, width, BOX_HEIGHT, label or "")


def _gather(canvas: Canvas, pens: list[Pen], place: Node) -> None:
    for pen in pens:
        canvas.reach(pen, place)


def _width(tree: Tree) -> float:
    """Width of a block that enters a loop by a step of its own: the widest it can be."""
    if tree.operator is None:
        return SILENT if tree.label is None else box_width(tree.label)
    widths = [_width(child) for child in tree.children]
    if tree.operator == SEQUENCE:
        return sum(widths) + (len(widths) - 1) * (2 * GAP + PLACE)
    if tree.operator == CHOICE:
        return max(widths)
    return max(widths) + 2 * SILENT + 2 * PLACE + 4 * GAP


def pnml(diagram: Diagram) -> str:
    """The net as PNML, with its final marking and silent transitions in the dialect that ProM and pm4py read."""
    nodes = [_node_xml(node) for node in diagram.nodes]
    arcs = [
        element("arc", {"id": flow.id.replace("flow", "arc"), "source": flow.source, "target": flow.target})
        for flow in diagram.flows
    ]
    sink = next(node.id for node in diagram.nodes if node.kind == "sink")
    final = element("marking", {}, element("place", {"idref": sink}, element("text", {}, "1")))
    return HEADER + element(
        "pnml",
        {},
        element(
            "net",
            {"id": "net", "type": "http://www.pnml.org/version-2009/grammar/pnmlcoremodel"},
            _named("net"),
            element("page", {"id": "page"}, *nodes, *arcs),
            element("finalmarkings", {}, final),
        ),
    )


def _node_xml(node: Node) -> str:
    if node.kind == "transition":
        return element("transition", {"id": node.id}, _named(node.label))
    if node.kind == "silent":
        invisible = {"tool": "ProM", "version": "6.4", "activity": "$invisible$", "localNodeID": node.id}
        return element("transition", {"id": node.id}, _named(node.id), element("toolspecific", invisible))
    marked = [element("initialMarking", {}, element("text", {}, "1"))] if node.kind == "source" else []
    return element("place", {"id": node.id}, _named(node.id), *marked)


def _named(name: str) -> str:
    return element("name", {}, element("text", {}, escape(name)))
