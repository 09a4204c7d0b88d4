"""Discovery by the inductive miner, on variants instead of cases.

Sources: Leemans, Fahland, van der Aalst 2013 (noise 0) and 2014, "Discovering Block-Structured Process Models from
Event Logs Containing Infrequent Behaviour" (noise above 0), as pm4py implements them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from kernel.errors import InputError
from mining.discovery.bpmn import bpmn_diagram, bpmn_xml
from mining.discovery.drawing import svg, tree_diagram
from mining.discovery.petri import petri_diagram, pnml
from mining.discovery.tree import Tree, from_pm4py
from mining.filters import EVERYTHING, CaseFilter
from mining.variants import ALL, variants
from mining.view import ProcessView

KINDS = ("bpmn", "petri", "tree")

EFFORT_LIMIT = 1_000_000_000
"""Units of `_Effort` that one discovery may take: at most two minutes on the machine where they were measured."""


@dataclass(frozen=True, slots=True)
class Model:
    """A discovered model.

    `process_tree`: the tree in pm4py's notation, folded and sorted. `activities`: those in the model, sorted by name
    (noise can leave some out). `cases` and `variants`: what it was mined from. Equal selections give equal models,
    and equal models equal texts, in every process and on every machine.
    """

    process_tree: str
    activities: tuple[str, ...]
    cases: int
    variants: int
    noise: float
    tree: Tree = field(repr=False)

    def bpmn(self) -> str:
        """BPMN 2.0 XML with diagram interchange."""
        return bpmn_xml(bpmn_diagram(self.tree))

    def pnml(self) -> str:
        """The Petri net as PNML: one token in the source place at the beginning, one in the sink at the end."""
        return pnml(petri_diagram(self.tree))

    def svg(self, kind: str = "bpmn") -> str:
        """A drawing: `bpmn`, `petri` or `tree`.

        Raises
        ------
        InputError
            Another kind.
        """
        if kind == "bpmn":
            return svg(bpmn_diagram(self.tree), "BPMN model")
        if kind == "petri":
            return svg(petri_diagram(self.tree), "Petri net")
        if kind == "tree":
            return svg(tree_diagram(self.tree), "Process tree", heads=False)
        raise InputError(f"kind: {kind!r} is not one of {', '.join(KINDS)}")


def discover(view: ProcessView, chosen: CaseFilter = EVERYTHING, *, noise: float = 0.0) -> Model:
    """The model of the selected cases, the same as pm4py's inductive miner finds on their full log.

    `noise` 0 to 1: 0 gives a model that replays every case; above, directly-follows pairs that are rarer than this
    share of the most frequent one out of the same activity may be left out.

    Raises
    ------
    InputError
        Noise out of range, no case selected, or a log too varied to mine in a minute or two.
    """
    if not 0.0 <= noise <= 1.0:
        raise InputError(f"noise: {noise:g} is not between 0 and 1")
    view.check(chosen)
    found = variants(view, chosen, top=ALL)
    if found.is_empty():
        raise InputError(f"{view.definition.id}: no case is selected, so there is nothing to discover a model from")
    return mine(zip(found["activities"].to_list(), found["cases"].to_list(), strict=True), noise)


def mine(weighted: Iterable[tuple[list[str], int]], noise: float = 0.0) -> Model:
    """The model of variants given as (activities in order, number of cases)."""
    paths: Counter[tuple[str, ...]] = Counter()
    for activities, cases in weighted:
        paths[tuple(activities)] += cases
    names = sorted({name for path in paths for name in path})
    # Numbers in the order of names: the miner walks through sets, whose order for text changes with every process.
    keys = {name: place for place, name in enumerate(names, start=1)}
    coded = Counter({tuple(keys[name] for name in path): paths[path] for path in sorted(paths)})
    try:
        mined = _run_miner(coded, noise)
        _rename(mined, names)
        mined = _tidied(mined)
        tree = from_pm4py(mined)
        text = str(mined)
    except RecursionError:
        raise _too_varied(names, paths) from None
    except _TooMuchEffort:
        raise _too_varied(names, paths) from None
    shown = sorted({leaf.label for leaf in tree.leaves() if leaf.label is not None})
    return Model(text, tuple(shown), sum(paths.values()), len(paths), noise, tree)


def _run_miner(coded: Counter[tuple[int, ...]], noise: float) -> Any:
    from pm4py.algo.discovery.inductive.dtypes.im_ds import IMDataStructureUVCL
    from pm4py.algo.discovery.inductive.variants.im import IMUVCL
    from pm4py.algo.discovery.inductive.variants.imf import IMFUVCL

    parameters: dict[str, Any] = {"noise_threshold": noise, "multiprocessing": False}
    miner = (IMFUVCL if noise > 0 else IMUVCL)(parameters)
    effort = _Effort(noise > 0)
    # The miner asks its own methods at every step of the recursion: there the effort is counted, before it is made.
    find_cut, fall_through = miner.find_cut, miner.fall_through

    def counted_cut(log: Any, parameters: Any = None) -> Any:
        effort.cut(log)
        return find_cut(log, parameters)

    def counted_fall_through(log: Any, parameters: Any = None) -> Any:
        effort.fall_through(log)
        return fall_through(log, parameters)

    miner.find_cut, miner.fall_through = counted_cut, counted_fall_through
    return miner.apply(IMDataStructureUVCL(coded), parameters)


def _rename(tree: Any, names: list[str]) -> None:
    """Put names in place of their numbers."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        waiting += node.children
        if node.label is not None:
            node.label = names[node.label - 1]


def _tidied(tree: Any) -> Any:
    """Nested equal operators folded, branches without order sorted: what pm4py does with every mined tree."""
    from pm4py.objects.process_tree.utils.generic import fold, tree_sort

    tree = fold(tree)
    tree_sort(tree)
    return tree


class _TooMuchEffort(Exception):
    pass


@dataclass(slots=True)
class _Effort:
    """The work of the miner, estimated from the sizes of what it looks at, so that a limit holds everywhere alike.

    A search for a cut takes time in the cube of the activities (a sequence of 400 takes 4 s) plus a pass through the
    log; where everything may follow everything, in the edges times the square of the activities. Where no cut is
    found, a search per activity follows. A unit took 20 to 110 ns on the logs where it was measured.
    """

    filters: bool
    spent: int = 0

    def cut(self, log: Any) -> None:
        """One search."""
        activities, edges = self._search(log, 1)
        self._spend(activities**2 * edges // 6 + (edges**2 // 6 if self.filters else 0))

    def fall_through(self, log: Any) -> None:
        """A search without each activity."""
        self._search(log, len({key for path in log.data_structure for key in path}))

    def _search(self, log: Any, times: int) -> tuple[int, int]:
        activities = len({key for path in log.data_structure for key in path})
        events = sum(len(path) for path in log.data_structure)
        self._spend(times * (activities**3 + 10 * events))
        return activities, len(log.dfg.graph)

    def _spend(self, units: int) -> None:
        self.spent += units
        if self.spent > EFFORT_LIMIT:
            raise _TooMuchEffort


def _too_varied(names: list[str], paths: Counter[tuple[str, ...]]) -> InputError:
    return InputError(
        f"discover: {len(names):,} activities in {len(paths):,} variants are too varied for the inductive miner; "
        "select fewer cases (by time, attribute or variant), or name the activities that matter in the process "
        "definition"
    )
