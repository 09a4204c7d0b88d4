"""Requests that wait together are worked on together: what each costs by itself, they cost once.

While some are worked on, those that come gather. Who comes alone waits for nobody; where several came together more
are on their way, and a moment's wait has them come along.
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
    """Has `work` done in a thread, with at most `most` requests at once: it gives a result or an exception for each of
    them, in their order. After several came together the next are waited for `moment_s`. Belongs to one event loop."""

    def __init__(self, work: Work[Asked, Got], name: str, *, most: int, moment_s: float) -> None:
        self._work, self._most, self._moment_s = work, most, moment_s
        self._pool = ThreadPoolExecutor(1, name)
        self._waiting: list[tuple[Asked, asyncio.Future[Got]]] = []
        self._busy = False  # they are worked on, or it was said when they will be
        self._several = False

    async def of(self, asked: Asked) -> Got:
        """The result for one request; raises the exception that was given for it."""
        found: asyncio.Future[Got] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, found))
        self._begin()
        return await found

    def _begin(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        if self._several and len(self._waiting) < self._most:
            asyncio.get_running_loop().call_later(self._moment_s, self._start)
        else:
            self._start()

    def _start(self) -> None:
        some, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        self._several = len(some) > 1
        loop = asyncio.get_running_loop()
        job = self._pool.submit(self._work, [asked for asked, _ in some])
        job.add_done_callback(lambda done: loop.call_soon_threadsafe(partial(self._end, some, done)))

    def _end(self, some: Sequence[tuple[Asked, asyncio.Future[Got]]], done: Done[Sequence[Got | Exception]]) -> None:
        self._busy = False
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
