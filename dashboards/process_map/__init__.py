"""The process map: from a directly-follows graph to a drawing that a browser only has to paint.

`process_map(graph, bottlenecks, steps)` is all a page needs. Behind it, in this order:

- `graph`: the input rows, the backbone, the strongest ways.
- `detail`: five steps of detail by coverage; what each hides is always said.
- `bands`: four colour bands of waiting times, from the process's own time scale.
- `labels`: names in lines, sentences for screen readers, rows of tooltips.
- `layout`: positions by Graphviz, which sees numbers and sizes only.
- `placement`: free places for the labels of the lines.
- `drawing`: all of it as one JSON-able structure; its docstring is the contract with `assets/process_map.js`.

Everything is a pure function: no database, no clock, and equal input gives equal output.
"""

from __future__ import annotations

from dashboards.process_map.drawing import process_map
from dashboards.process_map.graph import MapActivity, MapEdge, ProcessGraph

__all__ = ["MapActivity", "MapEdge", "ProcessGraph", "process_map"]
