"""Discovery: pm4py on the full log is the oracle for trees; bounded languages are the oracle for what is written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import frame, stored, whiteboard

from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.process import ProcessDefinition
from kernel.warehouse import Warehouse
from mining.discovery import Model, discover, inductive
from mining.discovery.bpmn import bpmn_diagram
from mining.discovery.diagram import COLUMNS, Diagram, label_lines
from mining.discovery.inductive import mine
from mining.discovery.petri import petri_diagram
from mining.discovery.tree import CHOICE, LOOP, PARALLEL, SEQUENCE, Tree
from mining.filters import CaseFilter
from mining.projection import refresh
from mining.view import ProcessView

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"
LOGS = ("receipt.csv.gz", "running-example.csv", "Helpdesk.xes.gz", "reviewing.xes.gz")
SVG = "{http://www.w3.org/2000/svg}"
LENGTH = 5

Word = tuple[str, ...]
Language = frozenset[Word]
Marking = frozenset[int]
Markings = frozenset[Marking]


# Logs


def read_with_pm4py(path: Path) -> pd.DataFrame:
    """The log as pm4py's own readers see it."""
    if ".csv" in path.name:
        found = pd.read_csv(path)
        found[TIME] = pd.to_datetime(found[TIME], utc=True, format="ISO8601")
        found[CASE] = found[CASE].astype(str)
        return found
    from pm4py.objects.conversion.log import converter
    from pm4py.objects.log.importer.xes.variants import iterparse

    quiet = {iterparse.Parameters.SHOW_PROGRESS_BAR: False}
    log = iterparse.apply(str(path), parameters=quiet)
    found = converter.apply(log, variant=converter.Variants.TO_DATA_FRAME)
    assert isinstance(found, pd.DataFrame)
    return found


@pytest.fixture(scope="module", params=LOGS)
def public_log(
    request: pytest.FixtureRequest, data_dir: Path, warehouse: Warehouse, clock: FixedClock
) -> tuple[ProcessView, pd.DataFrame]:
    """A public log in the warehouse, and as pm4py reads it."""
    path = data_dir / "logs" / request.param
    tenant, process = "discovery-" + request.param.split(".")[0].lower(), "public"
    asked = LoadRequest(path, process, tenant, mapping=Mapping(timezone="UTC"), accept_guess=True)
    assert Load(warehouse, clock, asked).run().quarantined == 0
    definition = ProcessDefinition(id=process, object_type=asked.object_type)
    refresh(warehouse, clock, tenant, definition)
    return ProcessView(warehouse, tenant, definition), read_with_pm4py(path)


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


# What a written model means


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


# Generated logs and trees

NAMES = "abcde"
CASES = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7).map(tuple), min_size=1, max_size=12)
LEAVES = st.one_of(st.just(Tree()), st.sampled_from(NAMES).map(lambda name: Tree(label=name)))


def _operators(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(children, min_size=2, max_size=3).map(tuple)
    return st.builds(Tree, st.sampled_from([SEQUENCE, CHOICE, PARALLEL, LOOP]), st.none(), several)


TREES = st.recursive(LEAVES, _operators, max_leaves=7)


def model_for(tree: Tree) -> Model:
    return Model("", (), 1, 1, 0.0, tree)


# The tree


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_a_public_log_gives_the_tree_that_pm4py_finds_on_all_its_events(
    public_log: tuple[ProcessView, pd.DataFrame], noise: float
) -> None:
    view, log = public_log
    model = discover(view, noise=noise)
    assert model.process_tree == pm4py_tree(log, noise)
    assert model.cases == log[CASE].nunique()
    assert set(model.activities) <= set(log[ACTIVITY])
    if noise == 0:
        assert list(model.activities) == sorted(log[ACTIVITY].unique())


def test_the_written_models_of_a_public_log_replay_it(public_log: tuple[ProcessView, pd.DataFrame]) -> None:
    view, log = public_log
    model = discover(view)
    ordered = log.sort_values([CASE, TIME], kind="stable")
    paths = {tuple(case[ACTIVITY]) for _, case in ordered.groupby(CASE)}
    for net in (net_of_pnml(model.pnml()), net_of_bpmn(model.bpmn())):
        game = TokenGame(net)
        assert all(game.accepts(path) for path in paths)


@settings(max_examples=60, deadline=None)
@given(cases=CASES, noise=st.sampled_from([0.0, 0.1, 0.2, 0.5, 1.0]))
def test_any_log_gives_the_tree_that_pm4py_finds(cases: list[Word], noise: float) -> None:
    assert model_of(cases, noise).process_tree == pm4py_tree(log_of(cases), noise)


@settings(max_examples=40, deadline=None)
@given(cases=CASES)
def test_without_noise_every_case_is_a_word_of_the_model(cases: list[Word]) -> None:
    words = words_of_tree(model_of(cases).tree)
    assert {case for case in cases if len(case) <= LENGTH} <= words


@settings(max_examples=40, deadline=None)
@given(cases=CASES, data=st.data())
def test_the_order_of_variants_changes_nothing(cases: list[Word], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(cases))
    assert model_of(shuffled) == model_of(cases)


def test_the_filter_chooses_what_is_mined(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B C", "A C", "A B C", "A D")))
    model = discover(view, CaseFilter(activities=("C",)))
    assert (model.process_tree, model.cases, model.variants) == ("->( 'A', X( tau, 'B' ), 'C' )", 3, 2)
    assert model.activities == ("A", "B", "C")


def test_noise_leaves_out_what_is_rare() -> None:
    cases = [tuple("abcd")] * 50 + [tuple("abd")] * 2
    assert model_of(cases).process_tree == "->( 'a', 'b', X( tau, 'c' ), 'd' )"
    assert model_of(cases, 0.2).process_tree == "->( 'a', 'b', 'c', 'd' )"


# What is refused


@pytest.mark.parametrize("noise", [-0.1, 1.1, float("nan")])
def test_noise_is_a_share(noise: float, warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B")))
    with pytest.raises(InputError, match="is not between 0 and 1"):
        discover(view, noise=noise)


def test_no_case_gives_no_model(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("A B")))
    with pytest.raises(InputError, match="p: no case is selected"):
        discover(view, CaseFilter(until=datetime(2000, 1, 1, tzinfo=timezone.utc)))


def test_an_unknown_activity_is_not_an_empty_selection(warehouse: Warehouse, clock: FixedClock, tenant: str) -> None:
    view = stored(warehouse, clock, tenant, frame(whiteboard("Approve Pay")))
    with pytest.raises(NotFound, match="Approve"):
        discover(view, CaseFilter(activities=("Aprove",)))


def test_what_would_take_too_long_is_refused_before_it_is_begun() -> None:
    with pytest.raises(InputError, match=r"1,200 activities in 1 variants are too varied"):
        model_of([tuple(f"step {number}" for number in range(1200))])


def test_effort_adds_up_over_the_steps_of_the_miner(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four activities, six events and three pairs take 132 units; the choice of x or y within takes 28 more.
    cases = [tuple("abx"), tuple("aby")]
    monkeypatch.setattr(inductive, "EFFORT_LIMIT", 160)
    assert model_of(cases).process_tree == "->( 'a', 'b', X( 'y', 'x' ) )"
    monkeypatch.setattr(inductive, "EFFORT_LIMIT", 159)
    with pytest.raises(InputError, match="4 activities"):
        model_of(cases)


def test_a_tree_too_deep_for_the_miner_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls(coded: object, noise: float) -> None:
        raise RecursionError

    monkeypatch.setattr(inductive, "_run_miner", falls)
    with pytest.raises(InputError, match="too varied"):
        model_of([tuple("ab")])


def test_an_unknown_kind_of_drawing_is_refused() -> None:
    with pytest.raises(InputError, match="'png' is not one of bpmn, petri, tree"):
        model_of([tuple("ab")]).svg("png")


# The written forms


@settings(max_examples=120, deadline=None)
@given(tree=TREES)
def test_pnml_has_the_language_of_the_tree(tree: Tree) -> None:
    assert words_of_net(net_of_pnml(model_for(tree).pnml())) == words_of_tree(tree)


@settings(max_examples=30, deadline=None)
@given(cases=CASES)
def test_bpmn_has_the_language_of_the_tree(cases: list[Word]) -> None:
    model = model_of(cases)
    assert words_of_net(net_of_bpmn(model.bpmn())) == words_of_tree(model.tree)


@settings(max_examples=60, deadline=None)
@given(tree=TREES)
def test_the_net_is_a_workflow_net(tree: Tree) -> None:
    diagram = petri_diagram(tree)
    sources = {flow.source for flow in diagram.flows}
    targets = {flow.target for flow in diagram.flows}
    ids = [node.id for node in diagram.nodes]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if name not in targets] == ["source_1"]
    assert [name for name in ids if name not in sources] == ["sink_1"]
    place = {node.id: node.kind in ("source", "place", "sink") for node in diagram.nodes}
    assert all(place[flow.source] != place[flow.target] for flow in diagram.flows)
    assert len({(flow.source, flow.target) for flow in diagram.flows}) == len(diagram.flows)


@settings(max_examples=80, deadline=None)
@given(tree=TREES, draw=st.sampled_from([bpmn_diagram, petri_diagram]))
def test_nodes_stand_apart_and_lines_run_square_between_borders(tree: Tree, draw: Any) -> None:
    diagram: Diagram = draw(tree)
    boxes = {
        node.id: (node.x - node.width / 2, node.y - node.height / 2, node.x + node.width / 2, node.y + node.height / 2)
        for node in diagram.nodes
    }
    placed = list(boxes.values())
    for number, (left, top, right, bottom) in enumerate(placed):
        assert min(left, top, diagram.width - right, diagram.height - bottom) >= 0
        for other in placed[number + 1 :]:
            assert right < other[0] or other[2] < left or bottom < other[1] or other[3] < top
    for flow in diagram.flows:
        for (x, y), (next_x, next_y) in pairwise(flow.points):
            assert x == pytest.approx(next_x) or y == pytest.approx(next_y)
        for (x, y), name in ((flow.points[0], flow.source), (flow.points[-1], flow.target)):
            left, top, right, bottom = boxes[name]
            assert x in (pytest.approx(left), pytest.approx(right)) or y == pytest.approx(bottom)
            assert left - 0.01 <= x <= right + 0.01
            assert top - 0.01 <= y <= bottom + 0.01


# Hostile names

HOSTILE = (
    "<script>alert(1)</script>",
    "<<b>html</b>>",
    "a \"quoted\" & 'single'",
    "line\nend\r\tand tab",
    "party \N{PARTY POPPER} \N{RIGHT-TO-LEFT OVERRIDE}",
    "]]> <!-- --> <?x?>",
    "&#60;&amp;lt;",
    "x" * 500,
    " ",
    "javascript:alert(1)",
    "\\N \\l %s {0}",
)


@pytest.mark.parametrize("kind", ["bpmn", "petri", "tree"])
def test_svg_holds_every_name_as_text_and_nothing_that_acts(kind: str) -> None:
    model = model_of([HOSTILE, HOSTILE[::-1], HOSTILE[:3]])
    root = ElementTree.fromstring(model.svg(kind))
    assert {part.tag.removeprefix(SVG) for part in root.iter()} <= {
        "svg", "title", "rect", "g", "circle", "polygon", "polyline", "text", "tspan",
    }  # fmt: skip
    allowed = {
        "width", "height", "viewBox", "role", "font-family", "font-size", "fill", "stroke", "stroke-width", "points",
        "x", "y", "rx", "cx", "cy", "r", "text-anchor", "dominant-baseline",
    }  # fmt: skip
    assert {name for part in root.iter() for name in part.attrib} <= allowed
    titles = {part.text for part in root.iter(f"{SVG}title")}
    assert set(HOSTILE) <= titles
    shown = {"".join(span.text or "" for span in part) for part in root.iter(f"{SVG}text")}
    for name in HOSTILE:
        assert "".join(label_lines(name)) in {text.strip() for text in shown} | {""}


def test_bpmn_and_pnml_hold_every_name_as_it_is() -> None:
    model = model_of([HOSTILE, HOSTILE[::-1], HOSTILE[:3]])
    bpmn = ElementTree.fromstring(model.bpmn())
    tasks = {part.get("name") for part in bpmn.iter("{http://www.omg.org/spec/BPMN/20100524/MODEL}task")}
    assert tasks == set(HOSTILE)
    pnml = ElementTree.fromstring(model.pnml())
    named = {part.findtext("name/text") for part in pnml.iter("transition") if part.find("toolspecific") is None}
    assert named == set(HOSTILE)


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), min_size=1, max_size=4))
def test_any_name_gives_well_formed_xml(names: list[str]) -> None:
    model = model_of([tuple(names)])
    for text in (model.bpmn(), model.pnml(), *(model.svg(kind) for kind in inductive.KINDS)):
        ElementTree.fromstring(text)


def test_characters_that_xml_forbids_are_replaced() -> None:
    assert "a\ufffdb\ufffd" in model_of([("a\x01b\ufffe",)]).bpmn()


@given(label=st.text(max_size=120))
def test_a_name_on_a_drawing_keeps_to_its_box(label: str) -> None:
    lines = label_lines(label)
    assert 1 <= len(lines) <= 3
    assert all(len(line) <= COLUMNS + 1 for line in lines)
    if not lines[-1].endswith("\N{HORIZONTAL ELLIPSIS}"):
        assert "".join(lines).replace(" ", "") == "".join(label.split())


# The same in every process

SCRIPT = """
from mining.discovery.inductive import mine
model = mine([(list("abcd"), 5), (list("acbd"), 3), (list("aebcd"), 1), (list("aefefd"), 2), (list("gabca"), 1)], 0.1)
print(model.process_tree, model.bpmn(), model.pnml(), *(model.svg(kind) for kind in ("bpmn", "petri", "tree")))
"""


def test_every_process_writes_the_same_and_nothing_else() -> None:
    root = Path(inductive.__file__).parents[2]
    runs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stdout.startswith(("->(", "X(", "+(", "*("))
    assert "PM4Py" not in runs[0].stdout + runs[0].stderr
