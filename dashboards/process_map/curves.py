"""Plain curves between nodes, for maps with so many lines that finding ways around nodes takes seconds.

A curve leaves and reaches nodes by their borders but may pass under another node on its way.
"""

from __future__ import annotations

import math

Point = tuple[float, float]
Size = tuple[float, float]
Curve = tuple[Point, Point, Point, Point]

SAME_COLUMN = 12.0
NEXT_RANK = 64.0


def curve(source: Point, source_size: Size, target: Point, target_size: Size) -> Curve:
    """One Bézier piece from border to border. Long ways in a column bulge: down right, up left."""
    (x1, y1), (x2, y2) = source, target
    (width1, height1), (width2, height2) = source_size, target_size
    if source == target:
        edge, reach = x1 + width1 / 2, x1 + width1 / 2 + 34
        return ((edge, y1 - 7), (reach, y1 - 16), (reach, y1 + 16), (edge, y1 + 7))
    away = y2 - y1
    if abs(x2 - x1) < SAME_COLUMN and abs(away) > NEXT_RANK:
        side = 1 if away > 0 else -1
        edge1, edge2 = x1 + side * width1 / 2, x2 + side * width2 / 2
        reach = (max if side > 0 else min)(edge1, edge2) + side * (18 + 0.12 * abs(away))
        return ((edge1, y1), (reach, y1 + 0.15 * away), (reach, y2 - 0.15 * away), (edge2, y2))
    if abs(away) < (height1 + height2) / 2:
        side = 1 if x2 > x1 else -1
        start, end = x1 + side * width1 / 2, x2 - side * width2 / 2
        third = (end - start) / 3
        return ((start, y1), (start + third, y1), (end - third, y2), (end, y2))
    side = 1 if away > 0 else -1
    top, bottom = y1 + side * height1 / 2, y2 - side * height2 / 2
    lean = 0.4 * (bottom - top)
    port = math.copysign(min(width1, width2) / 4, x2 - x1) if abs(x2 - x1) >= SAME_COLUMN else 0.0
    return ((x1 + port, top), (x1 + port, top + lean), (x2 - port, bottom - lean), (x2 - port, bottom))


def with_head(line: Curve, length: float) -> tuple[Curve, Point]:
    """The curve cut short by the length of an arrow head, and the tip of that head."""
    start, first, second, tip = line
    along = math.dist(second, tip) or 1.0
    length = min(length, math.dist(start, tip) / 2)
    base = (tip[0] - (tip[0] - second[0]) / along * length, tip[1] - (tip[1] - second[1]) / along * length)
    return (start, first, second, base), tip
