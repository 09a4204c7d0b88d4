"""What every engine is asked, and the form in which answers are compared.

Facts of an answer are whole numbers, texts and lists of floats, by name. Texts include a digest of the whole answer,
so two engines agree only when every row does. An engine leaves out the facts that its answer does not hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Facts = dict[str, Any]

QUESTIONS: dict[str, tuple[str, ...]] = {
    "map": ("map_frequency", "map_frequency_paths", "map_waits"),
    "variants": ("variants",),
    "durations": ("durations",),
    "handover": ("handover",),
}
"""The tasks of each section of questions."""

SAME_ANSWER = {"map_frequency_paths": "map_frequency", "xes_frame": "xes"}
"""Tasks that are another way to an answer: compared as that other task."""


@dataclass(frozen=True, slots=True)
class Question:
    """How an engine is asked (measured), and the facts of what it answered (not measured)."""

    ask: Callable[[], Any]
    facts: Callable[[Any], Facts]


def edge_facts(frequency: Mapping[tuple[str, str], int]) -> Facts:
    """The directly-follows pairs of a log."""
    lines = [f"{source}\x1f{target}\x1f{count}" for (source, target), count in frequency.items()]
    return {"edges": len(lines), "pairs": sum(frequency.values()), "digest": _digest(lines)}


def wait_facts(waits: Mapping[tuple[str, str], Mapping[str, float]]) -> Facts:
    """Waits in seconds by edge: whichever of mean, p50, p95 there are, ordered by edge."""
    ordered = [waits[edge] for edge in sorted(waits)]
    names = ordered[0] if ordered else ()
    return {"edges": len(ordered)} | {f"{name}_s": [float(edge[name]) for edge in ordered] for name in names}


def variant_facts(cases: Iterable[tuple[Sequence[str], int]]) -> Facts:
    """Every variant with its number of cases."""
    lines, total = [], 0
    for activities, count in cases:
        lines.append("\x1f".join(activities) + f"\x1f{count}")
        total += count
    return {"variants": len(lines), "cases": total, "digest": _digest(lines)}


def handover_facts(frequency: Mapping[tuple[str, str], float]) -> Facts:
    """Handovers, as shares of all of them: the form that engines with and without counts have in common."""
    total = sum(frequency.values())
    return {"connections": len(frequency), "shares": [frequency[pair] / total for pair in sorted(frequency)]}


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]
