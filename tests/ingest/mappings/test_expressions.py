"""Expressions are what jmespath says they are, however they are evaluated."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from examples import examples
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from ingest.event_form import Unfit
from ingest.mappings.expressions import compiled
from ingest.mappings.functions import Functions

TABLES = {"t": {"x": "found", "1": "one"}}
NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, -1, 1.0, "", "a", "x", "1", [], {}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
LEAVES = NAMES | st.sampled_from(
    [
        "'x'",
        "''",
        "`0`",
        "`1`",
        "`true`",
        "`null`",
        "a.b",
        "b.c.a",
        "a[0]",
        "b[-1].a",
        "a[5]",
        "@",
        "a[*].b",
        "b[1:]",
        "*.a",
    ]
)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        pair.map(lambda two: f"({two[0]} || {two[1]})"),
        pair.map(lambda two: f"({two[0]} && {two[1]})"),
        st.tuples(pair, st.sampled_from(["==", "!=", "<", ">="])).map(
            lambda one: f"({one[0][0]} {one[1]} {one[0][1]})"
        ),
        inner.map(lambda one: f"!{one}"),
        inner.map(lambda one: f"lower({one})"),
        inner.map(lambda one: f"({one})[0]"),
        inner.map(lambda one: f"({one} | a)"),
        inner.map(lambda one: f"map(&a, {one})"),
        pair.map(lambda two: f"lookup('t', {two[0]}, {two[1]})"),
        pair.map(lambda two: f"[{two[0]}, {two[1]}]"),
        pair.map(lambda two: f"{{x: {two[0]}, y: {two[1]}}}"),
        inner.map(lambda one: f"a[?{one}]"),
    )


EXPRESSIONS = st.recursive(LEAVES, _combined, max_leaves=6)


def outcome(evaluate: Any) -> tuple[str, Any]:
    try:
        found = evaluate()
    except (Unfit, jmespath.exceptions.JMESPathError):
        return "unfit", None
    return type(found).__name__, found


@settings(max_examples=examples(2_000), deadline=None)
@example("b[-1].a", {"b": [{"a": 1}, {"a": 2}]})
@example("a[1]", {"a": [1]})
@example("a[0]", {"a": {"b": 1}})
@given(EXPRESSIONS, st.dictionaries(NAMES, VALUES, max_size=3))
def test_each_is_what_jmespath_says(text: str, scope: dict[str, Any]) -> None:
    options = jmespath.Options(custom_functions=Functions(TABLES))
    found = outcome(lambda: compiled(text, TABLES)(scope))
    try:
        expected = outcome(lambda: jmespath.compile(text).search(scope, options=options))
    except TypeError:  # it compared a text and a number: see below
        reject()
    assert found == expected


@pytest.mark.parametrize("text", ["a < b", "b >= a", "map(&(x > `1`), c)[0]", "c[?x <= `1`] | [0]"])
def test_a_text_and_a_number_have_no_order(text: str) -> None:
    assert compiled(text, TABLES)({"a": "1", "b": 2, "c": [{"x": "2"}]}) is None
