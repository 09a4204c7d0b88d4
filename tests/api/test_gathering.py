"""Requests that are worked on together: who waits for whom, and that each gets what is theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from api.gathering import Gatherer


class Work:
    """Doubles numbers and notes which came together; holds up the first group until it is let go."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.groups.append(list(numbers))
        self.go.wait(10)
        return [number * 2 if number >= 0 else ValueError(number) for number in numbers]


def gatherer(work: Work, *, most: int = 500, moment_s: float = 60.0) -> Gatherer[int, int]:
    return Gatherer(work, "test", most=most, moment_s=moment_s)


def test_who_comes_alone_waits_for_nobody() -> None:
    async def one_by_one() -> list[int]:
        asked = gatherer(work)
        return [await asked.of(number) for number in range(5)]

    work = Work()
    work.go.set()
    assert asyncio.run(one_by_one()) == [0, 2, 4, 6, 8]
    assert work.groups == [[0], [1], [2], [3], [4]]


def test_those_that_come_meanwhile_go_together_and_each_gets_their_own() -> None:
    async def crowd() -> list[int | BaseException]:
        asked = gatherer(work, most=3, moment_s=0.3)
        tasks = [asyncio.ensure_future(asked.of(number)) for number in (0, -1, 2, 3, 4)]
        await asyncio.sleep(0)
        work.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    work = Work()
    first, failed, *others = asyncio.run(crowd())
    assert (first, others) == (0, [4, 6, 8])
    assert isinstance(failed, ValueError)
    # The first came alone. Of the others as many go as may, at once; the last waits for the moment.
    assert work.groups[:2] == [[0], [-1, 2, 3]]


def test_after_several_came_together_more_are_waited_for() -> None:
    async def crowds() -> None:
        asked = gatherer(work, moment_s=0.2)
        await asyncio.gather(*(asked.of(number) for number in range(3)))
        late = asyncio.ensure_future(asked.of(3))
        await asyncio.sleep(0.02)
        await asyncio.gather(late, asked.of(4))
        await asked.of(5)  # waited once more in vain
        await asked.of(6)

    work = Work()
    work.go.set()
    asyncio.run(crowds())
    assert work.groups == [[0], [1, 2], [3, 4], [5], [6]]


def test_work_that_fails_fails_for_all_of_it() -> None:
    def fail(numbers: Sequence[int]) -> list[int | Exception]:
        raise OSError("no")

    async def ask() -> None:
        asked: Gatherer[int, int] = Gatherer(fail, "test", most=5, moment_s=0)
        with pytest.raises(OSError, match="no"):
            await asked.of(1)

    asyncio.run(ask())
