"""Whether the engines answered alike: checked before any figure is reported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.answers import SAME_ANSWER, Facts

RELATIVE, ABSOLUTE = 1e-6, 1e-6
"""How far floats may lie apart (seconds, shares): engines add in different orders, and some keep seconds as floats."""


class Disagreement(Exception):
    """Two engines gave different answers; none of their figures means anything."""


class Agreement:
    """All answers of one run to one log, each compared with all that came before."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[str, Facts]]] = {}

    def take(self, engine: str, task: str, facts: Facts) -> None:
        """Compare one answer.

        Raises
        ------
        Disagreement
            Naming the two engines, the task, the fact and both values.
        """
        subject = SAME_ANSWER.get(task, task)
        before = self._seen.setdefault(subject, [])
        for other, known in before:
            for name in facts.keys() & known.keys():
                if not same(facts[name], known[name]):
                    raise Disagreement(
                        f"{task}: {engine} and {other} disagree on {name}: {_shown(facts[name])} and "
                        f"{_shown(known[name])}"
                    )
        if facts not in [known for _, known in before]:
            before.append((engine, facts))


def same(one: Any, two: Any) -> bool:
    """Equal; floats within the tolerance; lists of one length, element by element."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, float) or isinstance(two, float):
        return math.isclose(one, two, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool(one == two)


def _shown(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"{len(value)} values beginning {list(value[:3])}"
    return repr(value)
