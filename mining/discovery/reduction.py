"""Fewer silent steps in a drawn Petri net, its language unchanged.

Series fusion (Murata 1989, "Petri Nets: Properties, Analysis and Applications", section V): a silent transition
joins the transition before it when the place between the two serves nobody else, or the one after it likewise.
Token replay, which searches for silent steps within bounds, gets by with the net that is left.
"""

from __future__ import annotations

from itertools import pairwise

from mining.discovery.diagram import Diagram, Flow, Node, Point


def without_needless_steps(diagram: Diagram) -> Diagram:
    """The diagram with silent transitions fused into their neighbours; lines run where they ran."""
    net = _Net(diagram)
    changed = True
    while changed:
        changed = any([net.fuse(node) for node in diagram.nodes if node.kind == "silent"])
    nodes = tuple(node for node in diagram.nodes if node.id in net.nodes)
    flows = tuple(
        Flow(f"flow_{place}", flow.source, flow.target, _straightened(flow.points))
        for place, flow in enumerate(net.flows.values(), start=1)
    )
    return Diagram(nodes, flows, diagram.width, diagram.height)


class _Net:
    def __init__(self, diagram: Diagram) -> None:
        self.nodes = {node.id: node for node in diagram.nodes}
        self.flows = {(flow.source, flow.target): flow for flow in diagram.flows}
        self._into: dict[str, list[str]] = {node.id: [] for node in diagram.nodes}
        self._out: dict[str, list[str]] = {node.id: [] for node in diagram.nodes}
        for source, target in self.flows:
            self._out[source].append(target)
            self._into[target].append(source)

    def fuse(self, silent: Node) -> bool:
        """Fuse the transition with the one before or after it, when only a place of their own lies between."""
        if silent.id not in self.nodes:
            return False
        before, after = self._into[silent.id], self._out[silent.id]
        if len(before) == 1 and self._is_private(before[0]):
            place = before[0]
            neighbour = self._into[place][0]
            if neighbour != silent.id and not set(after) & set(self._out[neighbour]):
                for target in list(after):
                    self._connect(neighbour, place, silent.id, target)
                self._remove(place, silent.id)
                return True
        if len(after) == 1 and self._is_private(after[0]):
            place = after[0]
            neighbour = self._out[place][0]
            if neighbour != silent.id and not set(before) & set(self._into[neighbour]):
                for source in list(before):
                    self._connect(source, silent.id, place, neighbour)
                self._remove(place, silent.id)
                return True
        return False

    def _is_private(self, place: str) -> bool:
        return len(self._into[place]) == 1 and len(self._out[place]) == 1

    def _connect(self, *path: str) -> None:
        points: list[Point] = []
        for source, target in pairwise(path):
            points += self.flows[source, target].points
            if target != path[-1]:
                points.append((self.nodes[target].x, self.nodes[target].y))
        first, last = path[0], path[-1]
        self.flows[first, last] = Flow("", first, last, tuple(points))
        self._out[first].append(last)
        self._into[last].append(first)

    def _remove(self, *gone: str) -> None:
        for name in gone:
            for target in self._out.pop(name):
                self._into[target] = [other for other in self._into[target] if other != name]
                del self.flows[name, target]
            for source in self._into.pop(name):
                self._out[source] = [other for other in self._out[source] if other != name]
                del self.flows[source, name]
            del self.nodes[name]


def _straightened(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Without points that lie on the line of their neighbours."""
    kept: list[Point] = []
    for place, point in enumerate(points):
        inner = bool(kept) and place + 1 < len(points)
        if inner and any(kept[-1][axis] == point[axis] == points[place + 1][axis] for axis in (0, 1)):
            continue
        kept.append(point)
    return tuple(kept)
