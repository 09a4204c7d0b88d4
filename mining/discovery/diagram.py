"""A drawn model: nodes with places, flows with lines; and the names of activities as lines of text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

Point = tuple[float, float]

GAP = 28.0
"""Between neighbours on one line."""
ROW = 22.0
"""Between the rows of branches."""
LINE_HEIGHT = 14.0
CHARACTER = 6.6
COLUMNS, LINES = 22, 3
BOX_HEIGHT = LINES * LINE_HEIGHT + 12
RISE = BOX_HEIGHT / 2
"""How far any block reaches above its axis: the first branch stands on the axis, all others below."""


@dataclass(frozen=True, slots=True)
class Node:
    """`x`, `y`: the centre, in points; y goes down. `label` '' for nodes without a name."""

    id: str
    kind: str
    label: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Flow:
    """A line from node to node through `points`."""

    id: str
    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    nodes: tuple[Node, ...]
    flows: tuple[Flow, ...]
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Pen:
    """A flow that has left a node and has not arrived: where it comes from and its line so far."""

    node: str
    points: tuple[Point, ...]


@dataclass(slots=True)
class Canvas:
    """A diagram in the making. Ids count nodes of a kind and flows in the order of drawing."""

    nodes: list[Node] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, x: float, y: float, width: float, height: float, label: str = "") -> Node:
        self._counts[kind] = self._counts.get(kind, 0) + 1
        node = Node(f"{kind}_{self._counts[kind]}", kind, label, x, y, width, height)
        self.nodes.append(node)
        return node

    def reach(self, pen: Pen, node: Node) -> None:
        """End the flow at the node: from the side on its own height, else from below."""
        x, y = pen.points[-1]
        if y == node.y:
            ending = [(node.x - node.width / 2 if x <= node.x else node.x + node.width / 2, y)]
        else:
            ending = [(node.x, y), (node.x, node.y + node.height / 2)]
        points = list(pen.points)
        points += [point for point in ending if point != points[-1]]
        self.flows.append(Flow(f"flow_{len(self.flows) + 1}", pen.node, node.id, tuple(points)))

    def finished(self) -> Diagram:
        """The diagram, moved so that a margin remains on all sides."""
        xs = [node.x + side * node.width / 2 for node in self.nodes for side in (-1, 1)]
        ys = [node.y + side * node.height / 2 for node in self.nodes for side in (-1, 1)]
        xs += [x for flow in self.flows for x, _ in flow.points]
        ys += [y for flow in self.flows for _, y in flow.points]
        left, top, margin = min(xs), min(ys), 12.0

        def moved(x: float, y: float) -> Point:
            return (x - left + margin, y - top + margin)

        nodes = tuple(Node(n.id, n.kind, n.label, *moved(n.x, n.y), n.width, n.height) for n in self.nodes)
        flows = tuple(Flow(f.id, f.source, f.target, tuple(moved(*point) for point in f.points)) for f in self.flows)
        return Diagram(nodes, flows, max(xs) - left + 2 * margin, max(ys) - top + 2 * margin)


def leave(node: Node, y: float, direction: int) -> Pen:
    """A flow out of the node, to the right (1) or left (-1) on its own height, or down to the height of a row."""
    if y == node.y:
        return Pen(node.id, ((node.x + direction * node.width / 2, y),))
    return Pen(node.id, ((node.x, node.y + node.height / 2), (node.x, y)))


def label_lines(label: str) -> list[str]:
    """The name in lines of at most COLUMNS columns, broken at spaces where there are; cut to LINES with an ellipsis."""
    lines: list[str] = []
    line = ""
    for word in label.split():
        for piece in _pieces(word):
            joined = f"{line} {piece}" if line else piece
            if _columns(joined) <= COLUMNS:
                line = joined
            else:
                lines.append(line)
                line = piece
    lines.append(line)
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], lines[LINES - 1] + "\N{HORIZONTAL ELLIPSIS}"]
    return lines


def box_width(label: str) -> float:
    """Width of a box around the name."""
    return max(48.0, 20 + CHARACTER * max(_columns(line) for line in label_lines(label)))


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _pieces(word: str) -> list[str]:
    """A word cut where it is wider than a line."""
    pieces, piece, columns = [], "", 0
    for character in word:
        columns += _columns(character)
        if columns > COLUMNS:
            pieces.append(piece)
            piece, columns = "", _columns(character)
        piece += character
    return [*pieces, piece]
