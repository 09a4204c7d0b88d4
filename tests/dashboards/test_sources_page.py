"""The page of sources: what is wrong comes first, nothing is lost or it says so, and hostile names are text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sent_events import body, event
from source_desk import Desk, order

from dashboards.pages.sources import sources_of
from ingest.sources.desk import SourceDesk
from ingest.sources.drift import DriftWatch
from kernel.access import Grant, Principal, Role, acting_as
from kernel.clock import FixedClock
from kernel.settings import load_settings
from kernel.warehouse import Warehouse


@pytest.fixture
def desk(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(warehouse, FixedClock(clock.at), load_settings(home=tmp_path), tenant, tmp_path / "definitions")
    with found.spool:
        yield found


def words(shown: Any) -> str:
    """All text of components, in reading order."""
    if isinstance(shown, str | int | float):
        return str(shown)
    if isinstance(shown, list | tuple):
        return " ".join(filter(None, map(words, shown)))
    return words(getattr(shown, "children", "") or "")


def page(desk: Desk) -> str:
    return " ".join(words(sources_of(SourceDesk(desk.sources, desk.warehouse, desk.clock))).split())


def test_what_is_wrong_comes_first(desk: Desk) -> None:
    assert "Not heard yet" in page(desk)
    for number in range(20):
        desk.inlet.take([order(number)])
        desk.clock.at += timedelta(seconds=5)
    desk.live.accept(body(event(1, id="e-7"), event(2)), "a<b>source")
    desk.inlet.take([order(30 + number, created_at="noon") for number in range(3)])
    desk.live.drain()
    told = page(desk)
    assert "Nothing is lost 25 received = 22 stored + 0 repeated + 0 on their way + 3 in quarantine + 0 put off" in told
    assert "2 sources, 1 in trouble" in told
    assert told.index("Failing web 3 of 23 events are in quarantine") < told.index("Healthy a<b>source")
    watch = DriftWatch(desk.spool.state, desk.clock, desk.tenant)
    for number in range(101):
        watch.noticed("web", "orders", {"id": number} if number < 100 else {"id": "<b>"})
    watch.keep()
    assert "1 change of what systems say" in page(desk)
    assert "It is text now; it was number" in page(desk)


def test_what_is_lost_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.inlet.take([order(1)])
    monkeypatch.setattr("ingest.spool.Spool.accounts", lambda *_: [_short(desk)])
    told = page(desk)
    assert "1 event cannot be accounted for" in told
    assert "Nothing is lost" not in told


def _short(desk: Desk) -> Any:
    from ingest.spool_account import Account

    return Account("web", received=2, in_spool=1)


def test_who_may_read_some_stores_sees_no_figures_of_all(desk: Desk) -> None:
    desk.inlet.take([order(1)])
    some = Principal(desk.tenant, "user", "ann", "Ann", frozenset({Grant(Role.VIEWER, "returns", "amber")}))
    with acting_as(some):
        assert "received" not in page(desk)
    everything = Principal(desk.tenant, "user", "bob", "Bob", frozenset({Grant(Role.VIEWER)}))
    with acting_as(everything):
        assert "1 received" in page(desk)
