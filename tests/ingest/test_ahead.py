"""Reading ahead changes nothing but the time it takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from ingest.ahead import ahead


def counted(made: list[int], upto: int, fail_at: int | None = None) -> Iterator[int]:
    for number in range(upto):
        if number == fail_at:
            raise ValueError(f"broken at {number}")
        made.append(number)
        yield number


def test_items_come_in_order_and_all_of_them() -> None:
    assert list(ahead(counted([], 100))) == list(range(100))


def test_an_error_comes_where_its_item_would_have() -> None:
    items = ahead(counted([], 10, fail_at=3))
    assert [next(items), next(items), next(items)] == [0, 1, 2]
    with pytest.raises(ValueError, match="broken at 3"):
        next(items)


def test_stopping_early_ends_the_thread_and_reads_little_more() -> None:
    made: list[int] = []
    with closing(ahead(counted(made, 1_000_000))) as items:
        assert next(items) == 0
    assert len(made) <= 5
    assert not any(thread.name == "read-ahead" for thread in threading.enumerate())
