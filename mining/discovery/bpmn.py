"""The process tree as a BPMN 2.0 diagram (https://www.omg.org/spec/BPMN/2.0.2): layout and XML."""

from __future__ import annotations

from mining.discovery.diagram import BOX_HEIGHT, GAP, RISE, ROW, Canvas, Diagram, Node, Pen, box_width, leave
from mining.discovery.markup import HEADER, element, escape, number
from mining.discovery.tree import LOOP, PARALLEL, SEQUENCE, Tree

GATEWAY = 40.0
EVENT = 30.0

_TAGS = {
    "start": "bpmn:startEvent",
    "end": "bpmn:endEvent",
    "task": "bpmn:task",
    "choice": "bpmn:exclusiveGateway",
    "parallel": "bpmn:parallelGateway",
}


def bpmn_diagram(tree: Tree) -> Diagram:
    """Tasks for activities, gateways for choices, parallel branches and loops; silent steps are plain flows."""
    canvas = Canvas()
    start = canvas.add("start", 0, 0, EVENT, EVENT)
    pen, x, _ = _draw(canvas, tree, EVENT / 2 + GAP, 0, 1, leave(start, 0, 1))
    canvas.reach(pen, canvas.add("end", x + GAP + EVENT / 2, 0, EVENT, EVENT))
    return canvas.finished()


def _draw(canvas: Canvas, tree: Tree, x: float, y: float, direction: int, pen: Pen) -> tuple[Pen, float, float]:
    """Draw a block from `x` on, in the direction of its flow; gives the flow out of it, where it ends, its bottom."""
    if tree.is_silent:
        return pen, x, y
    if tree.label is not None:
        width = box_width(tree.label)
        task = canvas.add("task", x + direction * width / 2, y, width, BOX_HEIGHT, tree.label)
        canvas.reach(pen, task)
        return leave(task, y, direction), x + direction * width, y + RISE
    if tree.operator == SEQUENCE:
        bottom = y
        for place, child in enumerate(tree.children):
            pen, x, reached = _draw(canvas, child, x + (direction * GAP if place else 0), y, direction, pen)
            bottom = max(bottom, reached)
        return pen, x, bottom
    if tree.operator == LOOP:
        return _draw_loop(canvas, tree, x, y, direction, pen)
    kind = "parallel" if tree.operator == PARALLEL else "choice"
    split = _gateway(canvas, kind, x, y, direction, pen)
    inner = x + direction * (GATEWAY + GAP)
    far, bottom, row, pens = inner, y + GATEWAY / 2, y, []
    # Branches that do nothing go below, so that the straight line shows the activities.
    for place, child in enumerate(sorted(tree.children, key=lambda child: child.is_silent)):
        row = bottom + ROW + RISE if place else y
        out, end, reached = _draw(canvas, child, inner, row, direction, leave(split, row, direction))
        far = direction * max(direction * far, direction * end)
        bottom = max(bottom, reached)
        pens.append(out)
    join = canvas.add(kind, far + direction * (GAP + GATEWAY / 2), y, GATEWAY, GATEWAY)
    for out in pens:
        canvas.reach(out, join)
    return leave(join, y, direction), far + direction * (GAP + GATEWAY), bottom


def _draw_loop(canvas: Canvas, tree: Tree, x: float, y: float, direction: int, pen: Pen) -> tuple[Pen, float, float]:
    body, *returns = tree.children
    join = _gateway(canvas, "choice", x, y, direction, pen)
    inner = x + direction * (GATEWAY + GAP)
    out, end, bottom = _draw(canvas, body, inner, y, direction, leave(join, y, direction))
    far = inner + direction * max(direction * (end - inner), *(_width(child) for child in returns))
    split = _gateway(canvas, "choice", far + direction * GAP, y, direction, out)
    bottom = max(bottom, y + GATEWAY / 2)
    for child in returns:
        row = bottom + ROW + RISE
        out, _, reached = _draw(canvas, child, far, row, -direction, leave(split, row, -direction))
        canvas.reach(out, join)
        bottom = max(row, reached)
    return leave(split, y, direction), far + direction * (GAP + GATEWAY), bottom


def _gateway(canvas: Canvas, kind: str, x: float, y: float, direction: int, pen: Pen) -> Node:
    gateway = canvas.add(kind, x + direction * GATEWAY / 2, y, GATEWAY, GATEWAY)
    canvas.reach(pen, gateway)
    return gateway


def _width(tree: Tree) -> float:
    if tree.operator is None:
        return 0.0 if tree.label is None else box_width(tree.label)
    widths = [_width(child) for child in tree.children]
    if tree.operator == SEQUENCE:
        return sum(widths) + GAP * (len(widths) - 1)
    return 2 * (GATEWAY + GAP) + max(widths)


def bpmn_xml(diagram: Diagram) -> str:
    """The diagram as BPMN 2.0 XML with diagram interchange."""
    incoming: dict[str, list[str]] = {}
    outgoing: dict[str, list[str]] = {}
    for flow in diagram.flows:
        outgoing.setdefault(flow.source, []).append(flow.id)
        incoming.setdefault(flow.target, []).append(flow.id)
    elements = [_node_xml(node, incoming.get(node.id, []), outgoing.get(node.id, [])) for node in diagram.nodes]
    elements += [
        element("bpmn:sequenceFlow", {"id": flow.id, "sourceRef": flow.source, "targetRef": flow.target})
        for flow in diagram.flows
    ]
    shapes = [
        element("bpmndi:BPMNShape", {"id": f"{node.id}_shape", "bpmnElement": node.id}, _bounds(node))
        for node in diagram.nodes
    ]
    shapes += [
        element(
            "bpmndi:BPMNEdge",
            {"id": f"{flow.id}_edge", "bpmnElement": flow.id},
            *(element("di:waypoint", {"x": number(x), "y": number(y)}) for x, y in flow.points),
        )
        for flow in diagram.flows
    ]
    plane = element("bpmndi:BPMNPlane", {"id": "plane", "bpmnElement": "process"}, *shapes)
    return HEADER + element(
        "bpmn:definitions",
        {
            "xmlns:bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
            "xmlns:bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
            "xmlns:dc": "http://www.omg.org/spec/DD/20100524/DC",
            "xmlns:di": "http://www.omg.org/spec/DD/20100524/DI",
            "id": "definitions",
            "targetNamespace": "urn:gembascope:discovered",
        },
        element("bpmn:process", {"id": "process", "isExecutable": "false"}, *elements),
        element("bpmndi:BPMNDiagram", {"id": "diagram"}, plane),
    )


def _node_xml(node: Node, incoming: list[str], outgoing: list[str]) -> str:
    attributes = {"id": node.id}
    if node.label:
        attributes["name"] = node.label
    if node.kind in ("choice", "parallel"):
        attributes["gatewayDirection"] = "Diverging" if len(outgoing) > 1 else "Converging"
    flows = [element("bpmn:incoming", {}, escape(flow)) for flow in incoming]
    flows += [element("bpmn:outgoing", {}, escape(flow)) for flow in outgoing]
    return element(_TAGS[node.kind], attributes, *flows)


def _bounds(node: Node) -> str:
    left, top = node.x - node.width / 2, node.y - node.height / 2
    size = {"width": number(node.width), "height": number(node.height)}
    return element("dc:Bounds", {"x": number(left), "y": number(top)} | size)
