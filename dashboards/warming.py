"""What the first visitor will ask, asked while the service starts.

The questions run in a thread beside the imports of the pages and the start of the server: the engine answers them on
another core. A visitor who comes earlier waits for the same answers and makes none twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dashboards.cache import Asked, Reader
from kernel.errors import GembascopeError

log = logging.getLogger(__name__)


@contextmanager
def warmed(reader: Reader) -> Iterator[Callable[[Any], None]]:
    """Warm up for as long as the block runs; the end waits for the question under way, so that the warehouse may be
    closed then. The block calls what it gets with the application once the pages are mounted on it."""
    ended, mounted = threading.Event(), threading.Event()
    apps: list[Any] = []

    def tell(app: Any) -> None:
        apps.append(app)
        mounted.set()

    def work() -> None:
        try:
            asked = reader.ask("")
            for question in questions(asked):
                if ended.is_set():
                    return
                question()
            mounted.wait()
            if not ended.is_set():
                _draw(asked)
        except GembascopeError as error:
            log.info("nothing was asked beforehand: %s", error.reason)  # the page will say it to who can act
        mounted.wait()
        if apps and not ended.is_set():
            apps[0].state.dash.backend.pack(apps[0].state.dash)

    thread = threading.Thread(target=work, name="warming")
    thread.start()
    try:
        yield tell
    finally:
        ended.set()
        mounted.set()
        thread.join()


def questions(asked: Asked) -> tuple[Callable[[], object], ...]:
    """What the map of all cases asks, the longest first; the head of the page asks the last two."""
    return asked.bottlenecks, asked.map, asked.summary, asked.durations


def _draw(asked: Asked) -> None:
    from dashboards.pages.map import drawing_of  # Dash takes a second to import, and is by now

    drawing_of(asked, None)
