"""What sequences a model allows: process trees, and the nets of written models."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from mining.discovery import Model
from mining.discovery.inductive import mine
from mining.discovery.tree import CHOICE, LOOP, PARALLEL, SEQUENCE, Tree

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"
LENGTH = 5
Word = tuple[str, ...]
Language = frozenset[Word]
Marking = frozenset[int]
Markings = frozenset[Marking]


def log_of(cases: Iterable[Word]) -> pd.DataFrame:
    """The cases as pm4py takes them, events a minute apart."""
    start = datetime(2024, 1, 1, tzinfo=timezone.utc)
    rows = [
        (str(number), activity, start + timedelta(minutes=position))
        for number, case in enumerate(cases)
        for position, activity in enumerate(case)
    ]
    return pd.DataFrame(rows, columns=[CASE, ACTIVITY, TIME])


def model_of(cases: Iterable[Word], noise: float = 0.0) -> Model:
    return mine(((list(path), count) for path, count in Counter(cases).items()), noise)


def pm4py_tree(log: pd.DataFrame, noise: float) -> str:
    import pm4py

    return str(pm4py.discover_process_tree_inductive(log, noise_threshold=noise))


def net_of_pnml(text: str) -> Any:
    from pm4py.objects.petri_net.importer.variants.pnml import import_net_from_string

    return import_net_from_string(text)


def net_of_bpmn(text: str) -> Any:
    import pm4py
    from pm4py.objects.bpmn.importer.variants.lxml import import_from_string

    return pm4py.convert_to_petri_net(import_from_string(text))


class TokenGame:
    """The markings of a safe net, as sets of marked places, after any silent steps."""

    def __init__(self, net: Any) -> None:
        graph, initial, final = net
        assert all(arc.weight == 1 for arc in graph.arcs)
        number = {place: count for count, place in enumerate(graph.places)}
        self.steps = defaultdict[str | None, list[tuple[Marking, Marking]]](list)
        for step in graph.transitions:
            taken = frozenset(number[arc.source] for arc in step.in_arcs)
            self.steps[step.label].append((taken, frozenset(number[arc.target] for arc in step.out_arcs)))
        self.initial = frozenset(number[place] for place in initial)
        self.final = frozenset(number[place] for place in final)
        self._settled: dict[Marking, Markings] = {}
        self.start = self._settle(self.initial)

    def after(self, markings: Markings, label: str) -> Markings:
        """Those after the activity and any silent steps."""
        found = [self._settle(marking) for before in markings for marking in self._fired(before, label)]
        return frozenset().union(*found)

    def _fired(self, marking: Marking, label: str | None) -> set[Marking]:
        found = set()
        for taken, given_ in self.steps.get(label, ()):
            if taken <= marking:
                rest = marking - taken
                assert not rest & given_, "not safe"
                found.add(rest | given_)
        return found

    def _settle(self, marking: Marking) -> Markings:
        if marking not in self._settled:
            found, waiting = {marking}, [marking]
            while waiting:
                more = self._fired(waiting.pop(), None) - found
                found |= more
                waiting += more
            self._settled[marking] = frozenset(found)
        return self._settled[marking]

    def accepts(self, word: Word) -> bool:
        """Whether the word is in the language: a search that goes on with the word wherever it can."""
        waiting, seen = [(0, self.initial)], {(0, self.initial)}
        while waiting:
            place, marking = waiting.pop()
            if place == len(word) and marking == self.final:
                return True
            reached = [(place, after) for after in self._fired(marking, None)]
            if place < len(word):
                reached += [(place + 1, after) for after in self._fired(marking, word[place])]
            waiting += [pair for pair in reached if pair not in seen]
            seen.update(reached)
        return False


def words_of_tree(tree: Tree) -> Language:
    """Every word of the tree of at most LENGTH activities, by the definition of its operators."""
    if tree.operator is None:
        return frozenset({() if tree.label is None else (tree.label,)})
    parts = [words_of_tree(child) for child in tree.children]
    if tree.operator == CHOICE:
        return frozenset().union(*parts)
    if tree.operator == SEQUENCE:
        return _folded(parts, _joined)
    if tree.operator == PARALLEL:
        return _folded(parts, _shuffled)
    assert tree.operator == LOOP
    body, again = parts[0], frozenset[Word]().union(*parts[1:])
    words = body
    while (more := words | _joined(_joined(words, again), body)) != words:
        words = more
    return words


def _folded(parts: list[Language], combine: Any) -> Language:
    words = parts[0]
    for part in parts[1:]:
        words = combine(words, part)
    return words


def _joined(left: Language, right: Language) -> Language:
    return frozenset(one + two for one in left for two in right if len(one) + len(two) <= LENGTH)


def _shuffled(left: Language, right: Language) -> Language:
    return frozenset(w for one in left for two in right if len(one) + len(two) <= LENGTH for w in _merges(one, two))


def _merges(one: Word, two: Word) -> set[Word]:
    if not one or not two:
        return {one + two}
    return {one[:1] + rest for rest in _merges(one[1:], two)} | {two[:1] + rest for rest in _merges(one, two[1:])}


def words_of_net(net: Any) -> Language:
    """Every word of the net of at most LENGTH activities, by playing its tokens."""
    game = TokenGame(net)
    labels = [label for label in game.steps if label is not None]
    waiting: list[tuple[Word, Markings]] = [((), game.start)]
    words = set[Word]()
    while waiting:
        word, markings = waiting.pop()
        if game.final in markings:
            words.add(word)
        if len(word) < LENGTH:
            waiting += [((*word, label), more) for label in labels if (more := game.after(markings, label))]
    return frozenset(words)


NAMES = "abcde"
CASES = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7).map(tuple), min_size=1, max_size=12)
LEAVES = st.one_of(st.just(Tree()), st.sampled_from(NAMES).map(lambda name: Tree(label=name)))


def _operators(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.builds(Tree, st.sampled_from([SEQUENCE, CHOICE, PARALLEL, LOOP]), st.none(), several)


TREES = st.recursive(LEAVES, _operators, max_leaves=7)


def model_for(tree: Tree) -> Model:
    return Model("", (), 1, 1, 0.0, tree)
