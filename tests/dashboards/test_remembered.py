"""What is remembered of answers, and the blocks of a list of cases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from dashboards import cache
from dashboards.cache import Reader, Remembered
from mining.attribute_values import attribute_values
from mining.cases import cases as cases_of
from mining.filters import EVERYTHING
from mining.view import Views


def test_an_answer_is_made_once_and_the_oldest_is_forgotten() -> None:
    kept, made = Remembered(most=2), []

    def make(name: str) -> Callable[[], str]:
        return lambda: made.append(name) or name  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, make(name)) == name
    assert made == ["a", "b", "c", "b"]
    assert len(kept) == 2


def test_an_error_is_not_remembered() -> None:
    kept = Remembered()
    with pytest.raises(ZeroDivisionError):
        kept.get("x", lambda: 1 // 0)
    assert kept.get("x", lambda: 7) == 7


def test_two_who_ask_the_same_wait_for_one_answer() -> None:
    kept, made, begun, go = Remembered(), [], threading.Event(), threading.Event()

    def slow() -> str:
        made.append(threading.get_ident())
        begun.set()
        assert go.wait(30)
        return "answer"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("x", slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert found == ["answer"] * 3
    assert len(made) == 1


def test_answers_of_other_data_or_another_definition_are_not_taken(reader: Reader) -> None:
    asked = reader.ask("small")
    others = [
        replace(asked, version=asked.version + 1),
        replace(asked, view=replace(asked.view, tenant="other")),
        replace(asked, view=replace(asked.view, definition=asked.view.definition.model_copy(update={"targets": ()}))),
        asked.with_edge("Pay", "Ship"),
    ]
    keys = [one._key("summary") for one in (asked, *others)]
    assert len(set(keys)) == 5


def test_attribute_values_are_the_commonest(views: Views) -> None:
    rows = attribute_values(views.view("small"), top=2).rows()
    assert rows == [
        ("channel", "store", 2, 4),
        ("channel", "web", 2, 4),
        ("note", "same", 6, 1),
    ]


def test_blocks_of_cases_are_the_list(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in turn, read by a jump with nothing remembered, or read beyond the end: the same list."""
    monkeypatch.setattr(cache, "BLOCK", 2)
    for order in ("longest", "newest", "events"):
        whole = cases_of(reader.views.view("small"), EVERYTHING, order_by=order, page=100).cases["case"].to_list()
        asked = reader.ask("small")
        in_turn = [asked.block(order, start).cases["case"].to_list() for start in (0, 2, 4)]
        assert [name for block in in_turn for name in block] == whole
        jumped = Reader(reader.views, Remembered()).ask("small").block(order, 4)
        assert jumped.cases["case"].to_list() == whole[4:]
        assert jumped.next is None
        assert asked.block(order, 8).cases.is_empty()
