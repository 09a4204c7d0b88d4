"""Requests that wait together are worked on together: what each costs by itself, they cost once.

While some are worked on, those that come gather; nobody waits for others to come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future as Done
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Got = TypeVar("Got")
Work = Callable[[Sequence[Asked]], Sequence[Got | Exception]]


class Gatherer(Generic[Asked, Got]):
    """Has `work` done in threads, `at_once` times side by side, with at most `most` requests each: it gives a result or
    an exception for each of them, in their order. Belongs to one event loop."""

    def __init__(self, work: Work[Asked, Got], name: str, *, at_once: int, most: int) -> None:
        self._work, self._at_once, self._most = work, at_once, most
        self._pool = ThreadPoolExecutor(at_once, name)
        self._waiting: list[tuple[Asked, asyncio.Future[Got]]] = []
        self._running = 0

    async def of(self, asked: Asked) -> Got:
        """The result for one request; raises the exception that was given for it."""
        found: asyncio.Future[Got] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, found))
        self._begin()
        return await found

    def _begin(self) -> None:
        if self._running >= self._at_once or not self._waiting:
            return
        some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._running += 1
        loop = asyncio.get_running_loop()
        job = self._pool.submit(self._work, [asked for asked, _ in some])
        job.add_done_callback(lambda done: loop.call_soon_threadsafe(partial(self._end, some, done)))

    def _end(self, some: Sequence[tuple[Asked, asyncio.Future[Got]]], done: Done[Sequence[Got | Exception]]) -> None:
        self._running -= 1
        failed = done.exception()
        given: Sequence[Got | BaseException] = [failed] * len(some) if failed is not None else done.result()
        for (_, found), one in zip(some, given, strict=True):
            if found.done():  # whoever asked has gone
                continue
            if isinstance(one, BaseException):
                found.set_exception(one)
            else:
                found.set_result(one)
        self._begin()
