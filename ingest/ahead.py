"""Reading ahead: the next piece of a file is parsed while the last is stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Ended:
    pass


def ahead(items: Iterator[Item], depth: int = 1) -> Generator[Item, None, None]:
    """The same items in the same order, made by a thread that is at most `depth` items ahead.

    An error of the iterator is raised where its item would have come. Closing the result ends the thread.
    """
    return _Ahead(items, depth).items()


class _Ahead(Generic[Item]):
    def __init__(self, source: Iterator[Item], depth: int) -> None:
        self._source = source
        self._made: queue.Queue[Item | _Failed | _Ended] = queue.Queue(depth)
        self._stopped = threading.Event()

    def items(self) -> Generator[Item, None, None]:
        worker = threading.Thread(target=self._make, name="read-ahead", daemon=True)
        worker.start()
        try:
            while not isinstance(item := self._made.get(), _Ended):
                if isinstance(item, _Failed):
                    raise item.error
                yield item
        finally:
            self._stopped.set()
            while worker.is_alive():
                try:
                    self._made.get(timeout=0.05)  # room for a last item that nobody wants
                except queue.Empty:
                    continue
            worker.join()

    def _make(self) -> None:
        try:
            for item in self._source:
                self._made.put(item)
                if self._stopped.is_set():
                    return
            self._made.put(_Ended())
        except BaseException as error:
            self._made.put(_Failed(error))
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()
