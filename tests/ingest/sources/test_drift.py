"""What a source begins to say otherwise is noticed once it is known how it usually speaks, and told until it was looked
at; a restart forgets nothing that was written down."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.mappings.shapes import MOST_FIELDS, shape
from ingest.sources.drift import GONE_AFTER, LEARNT, DriftWatch, drifts, look_at
from ingest.spool import Spool
from kernel.clock import Clock
from kernel.settings import load_settings
from kernel.state.database import State

USUAL = {"id": 1, "at": "noon", "lines": [{"sku": "s"}], "note": None}


@pytest.fixture
def state(tmp_path: Any, clock: Clock) -> Iterator[State]:
    with Spool(load_settings(home=tmp_path), clock) as spool:
        yield spool.state


def watching(state: State, clock: Clock, records: int = LEARNT, usual: Any = USUAL) -> DriftWatch:
    watch = DriftWatch(state, clock, "t")
    for _ in range(records):
        watch.noticed("shop", "orders", usual)
    return watch


def told(state: State) -> list[tuple[str, str, str, str]]:
    return [(one.path, one.change, one.was, one.is_) for one in drifts(state, "t")]


def test_new_missing_and_retyped_fields_are_noticed(state: State, clock: Clock) -> None:
    watch = watching(state, clock)
    watch.keep()
    assert told(state) == []
    changed = {"id": "one", "lines": [{"sku": "s", "price": 3}], "note": "text"}
    for _ in range(GONE_AFTER):
        watch.noticed("shop", "orders", changed)
    watch.keep()
    assert told(state) == [
        ("at", "missing", "text", ""),
        ("id", "retyped", "number", "text"),
        ("lines[].price", "new", "", "number"),
    ]  # that a field which was null is text is what it was there for
    assert look_at(state, clock, "t", "shop") == 3
    assert told(state) == []
    for _ in range(GONE_AFTER):
        watch.noticed("shop", "orders", changed)
    watch.keep()
    assert told(state) == []  # it is how it speaks now


def test_nothing_is_said_while_it_is_learned(state: State, clock: Clock) -> None:
    watch = watching(state, clock, LEARNT - 1)
    watch.noticed("shop", "orders", {"id": "one", "more": 1})
    watch.noticed("shop", "returns", {"id": 5})  # another rule has its own records
    watch.keep()
    assert told(state) == []


def test_what_is_there_now_and_then_is_not_missed(state: State, clock: Clock) -> None:
    watch = DriftWatch(state, clock, "t")
    for number in range(LEARNT):
        watch.noticed("shop", "orders", {"id": 1, **({"coupon": "c"} if number % 3 == 0 else {})})
    for _ in range(2 * GONE_AFTER):
        watch.noticed("shop", "orders", {"id": 1})
    watch.keep()
    assert told(state) == []


def test_a_restart_knows_what_was_learned(state: State, clock: Clock) -> None:
    watching(state, clock).keep()
    watch = DriftWatch(state, clock, "t")
    for _ in range(GONE_AFTER):
        watch.noticed("shop", "orders", {**USUAL, "at": 5})
    watch.keep()
    assert told(state) == [("at", "retyped", "text", "number")]
    assert drifts(state, "other") == []


def test_shapes_are_bounded() -> None:
    assert shape({"a": {"b": [1, "x"]}, "c": []}) == {"a": "object", "a.b": "list", "a.b[]": "number", "c": "list"}
    assert shape([1]) == {"[]": "number"}
    assert shape("x") == {"(all)": "text"}
    assert set(shape({f"id-{number}": 1 for number in range(100)})) == {"{}"}
    wide = {f"a{number}": {f"b{inner}": 1 for inner in range(50)} for number in range(50)}
    assert len(shape(wide)) == MOST_FIELDS
    deep: Any = 1
    for _ in range(30):
        deep = {"x": deep}
    assert max(path.count("x") for path in shape(deep)) == 8
