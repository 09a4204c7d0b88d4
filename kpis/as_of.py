"""What "now" is for a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from kernel.clock import Clock
from kernel.warehouse import load_query
from kpis.told import Told, told
from mining.view import ProcessView


def as_of(view: ProcessView, clock: Clock) -> datetime:
    """The business now of a process, aware, in UTC.

    Where one of its sources has ever sent an event live, it is the clock's now. A process of loaded history alone
    stands at its last event: what it promised is judged as of then, and not as if nothing had happened since. A process
    without events is at the clock's now too. All cases count, whatever the view is limited to. Asked anew each time:
    the first live event changes it. Cost: one column of the events of its sources, while none of them was live.
    """
    live, last = _live_and_last(view)
    return clock.now() if live or last is None else last


def as_of_each(
    views: Sequence[ProcessView], clock: Clock, known: Mapping[str, Told] | None = None
) -> dict[str, datetime]:
    """The business now of several processes of one tenant, by process, as `as_of` has it, in three questions whatever
    their number. `known`: what `told` says of them, where that was asked already."""
    if not views:
        return {}
    now, found = clock.now(), known if known is not None else told(views)
    standing = [view.definition.id for view in views if not found[view.definition.id].live]
    last: dict[str, datetime] = {}
    if standing:
        scope = {"tenant": views[0].tenant, "processes": standing}
        last = dict(views[0].warehouse.query(load_query(__file__, "last_events"), scope).iter_rows())
    return {view.definition.id: last.get(view.definition.id, now) for view in views}


def is_live(view: ProcessView) -> bool:
    """Whether one of the sources of a process has ever sent an event live: of history alone nobody is paged."""
    return _live_and_last(view)[0]


def _live_and_last(view: ProcessView) -> tuple[bool, datetime | None]:
    found = view.warehouse.query(load_query(__file__, "live_sources"), view.scope).row(0, named=True)
    return bool(found["live"]), found["last_at"]
