"""Models as BPMN, PNML and SVG: the language of the tree, a readable drawing, and names that do nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_languages import (
    CASES,
    TREES,
    Word,
    model_for,
    model_of,
    net_of_bpmn,
    net_of_pnml,
    words_of_net,
    words_of_tree,
)

from kernel.errors import InputError
from mining.discovery import inductive
from mining.discovery.bpmn import bpmn_diagram
from mining.discovery.diagram import COLUMNS, Diagram, label_lines
from mining.discovery.petri import petri_diagram
from mining.discovery.tree import Tree

SVG = "{http://www.w3.org/2000/svg}"


def test_an_unknown_kind_of_drawing_is_refused() -> None:
    with pytest.raises(InputError, match="'png' is not one of bpmn, petri, tree"):
        model_of([tuple("ab")]).svg("png")


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
