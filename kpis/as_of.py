"""What "now" is for a process."""

from __future__ import annotations

from datetime import datetime

from kernel.clock import Clock
from kernel.warehouse import load_query
from mining.view import ProcessView


def as_of(view: ProcessView, clock: Clock) -> datetime:
    """The business now of a process, aware, in UTC.

    Where one of its sources has ever sent an event live, it is the clock's now. A process of loaded history alone
    stands at its last event: what it promised is judged as of then, and not as if nothing had happened since. A process
    without events is at the clock's now too. All cases count, whatever the view is limited to. Asked anew each time:
    the first live event changes it. Cost: one column of the events of its sources, while none of them was live.
    """
    live, last = _told(view)
    return clock.now() if live or last is None else last


def is_live(view: ProcessView) -> bool:
    """Whether one of the sources of a process has ever sent an event live: of history alone nobody is paged."""
    return _told(view)[0]


def _told(view: ProcessView) -> tuple[bool, datetime | None]:
    found = view.warehouse.query(load_query(__file__, "live_sources"), view.scope).row(0, named=True)
    return bool(found["live"]), found["last_at"]
