"""Where the label of a line goes: beside it, on no node and no other label, on other lines if it must."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dashboards.process_map.curves import Point
from dashboards.process_map.layout import Route

Box = tuple[float, float, float, float]

FRACTIONS = (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78)
SAMPLES_PER_PIECE = 8
CELL = 24.0
GAP = 3.0


@dataclass(frozen=True, slots=True)
class Label:
    """A label that wants a place: the number of its route and its size in points."""

    route: int
    width: float
    height: float


def place_labels(labels: Sequence[Label], routes: Sequence[Route], nodes: Sequence[Box]) -> dict[int, Point]:
    """The centre of each label by its route's number; absent where there is no free place.

    Labels choose in the given order. A place never overlaps a node or a label placed before; among free
    places the one that covers least of other lines wins, then the one nearest the middle of the line, right
    before left.
    """
    lines = [_sampled(route) for route in routes]
    ink: dict[tuple[int, int], list[tuple[Point, int]]] = defaultdict(list)
    for number, line in enumerate(lines):
        for point in line:
            ink[_cell(point)].append((point, number))
    taken: dict[tuple[int, int], list[Box]] = defaultdict(list)
    for box in nodes:
        _take(taken, box)
    placed: dict[int, Point] = {}
    for label in labels:
        best: tuple[int, Point, Box] | None = None
        for centre in _candidates(lines[label.route], routes[label.route].width, label):
            box = (
                centre[0] - label.width / 2,
                centre[1] - label.height / 2,
                centre[0] + label.width / 2,
                centre[1] + label.height / 2,
            )
            if any(overlap(box, other) for cell in _cells(box) for other in taken[cell]):
                continue
            covered = sum(
                box[0] < point[0] < box[2] and box[1] < point[1] < box[3]
                for cell in _cells(box)
                for point, _ in ink[cell]
            )
            if best is None or covered < best[0]:
                best = (covered, centre, box)
            if covered == 0:
                break
        if best is not None:
            placed[label.route] = (round(best[1][0], 1), round(best[1][1], 1))
            _take(taken, best[2])
    return placed


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _candidates(line: Sequence[Point], width: float, label: Label) -> Iterator[Point]:
    """Places beside the line, to its right and left, far enough that the label's corner clears it."""
    for fraction in FRACTIONS:
        (x, y), (across_x, across_y) = _at(line, fraction)
        if across_x < 0 or (across_x == 0 and across_y < 0):
            across_x, across_y = -across_x, -across_y
        reach = width / 2 + GAP + abs(across_x) * label.width / 2 + abs(across_y) * label.height / 2
        yield (x + across_x * reach, y + across_y * reach)
        yield (x - across_x * reach, y - across_y * reach)
    yield _at(line, 0.5)[0]


def _at(line: Sequence[Point], fraction: float) -> tuple[Point, Point]:
    """The point at this part of the length, and the unit vector across the line there."""
    lengths = [math.dist(one, two) for one, two in pairwise(line)]
    left = fraction * sum(lengths)
    for ((x1, y1), (x2, y2)), length in zip(pairwise(line), lengths, strict=True):
        if left <= length and length > 0:
            part = left / length
            across = ((y2 - y1) / length, (x1 - x2) / length)
            return (x1 + part * (x2 - x1), y1 + part * (y2 - y1)), across
        left -= length
    return line[-1], (1.0, 0.0)


def _sampled(route: Route) -> list[Point]:
    """The Bézier pieces as short straight pieces, up to the tip of the head."""
    points = route.points
    line = [points[0]]
    for first in range(0, len(points) - 3, 3):
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = points[first : first + 4]
        for sample in range(1, SAMPLES_PER_PIECE + 1):
            t = sample / SAMPLES_PER_PIECE
            u = 1 - t
            a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            line.append((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
    line.append(route.tip)
    return line


def _cell(point: Point) -> tuple[int, int]:
    return (math.floor(point[0] / CELL), math.floor(point[1] / CELL))


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    left, top = _cell((box[0], box[1]))
    right, bottom = _cell((box[2], box[3]))
    for column in range(left, right + 1):
        for row in range(top, bottom + 1):
            yield (column, row)


def _take(taken: dict[tuple[int, int], list[Box]], box: Box) -> None:
    for cell in _cells(box):
        taken[cell].append(box)
