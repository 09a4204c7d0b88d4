"""Two processes load one spool into one warehouse. Either may stand still for longer than its lease at any point, and
go on when the other has done its work: nothing counts twice, and nothing is left half done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from examples import stride
from sent_events import SENDER, body, event, numbered

from ingest.live import LiveIngest
from ingest.spool import LEASE, Spool
from kernel.clock import FixedClock
from kernel.errors import GembascopeError
from kernel.settings import load_settings
from kernel.warehouse import Query, Warehouse

EVENTS = Query(
    "stored_events",
    "SELECT source_event_id, revision, count() AS copies FROM events WHERE tenant = {tenant:String} "
    "GROUP BY ALL ORDER BY ALL",
)
RELATIONS = Query(
    "stored_relations",
    "SELECT object_id, activity, count() AS relations FROM event_objects WHERE tenant = {tenant:String} "
    "GROUP BY ALL ORDER BY ALL",
)
OPEN = Query("open_batches_left", "SELECT count() FROM batches FINAL WHERE tenant = {tenant:String} AND state = 0")

FRESH = [numbered(range(5))]
MIXED = [
    numbered(range(5)),
    body(*(event(number) for number in range(3, 7)), event(1, activity="Return received", revision=1)),
]
"""Requests of which the last one is loaded by two: events that are new, and some that are copies or corrections."""


class Loaders:
    """Two loaders of one tenant, each as a process of its own has it, with one clock."""

    def __init__(self, warehouse: Warehouse, home: Path, stack: ExitStack) -> None:
        self.tenant = f"t{uuid4().hex[:20]}"
        self.clock = FixedClock(datetime(2026, 3, 1, 12, tzinfo=timezone.utc))
        self.warehouse = warehouse
        settings = load_settings(home=home)
        spools = [stack.enter_context(Spool(settings, self.clock)) for _ in range(2)]
        self.first, self.second = (
            LiveIngest(warehouse, self.clock, spool, self.tenant, alone=False) for spool in spools
        )

    def take_over(self) -> None:
        """The second loads what waits, as soon as it may."""
        self.clock.at += LEASE + timedelta(seconds=1)
        self.second.drain()

    def seen(self) -> dict[str, Any]:
        found = {query.name: self._rows(query).rows() for query in (EVENTS, RELATIONS, OPEN)}
        (account,) = self.first.spool.accounts(self.tenant)
        return found | {"account": (account.received, account.stored, account.duplicate, account.in_spool)}

    def _rows(self, query: Query) -> pl.DataFrame:
        return self.warehouse.read_for_write(query, {"tenant": self.tenant})


@contextmanager
def standing_still(
    loaders: Loaders, monkeypatch: pytest.MonkeyPatch, number: int, *, backwards: bool = False
) -> Iterator[list[str]]:
    """Before the call of that number that the first makes of the warehouse or its spool's mark, counted from 0, the
    second takes over. Statements that run side by side are so many calls, in order or `backwards`. Gives the names of
    the calls of the first."""
    calls: list[str] = []
    overtaking = False

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal overtaking
            if not overtaking:
                calls.append(str(getattr(args[0], "name", args[0])) if args else "")
                if len(calls) - 1 == number:
                    overtaking = True
                    loaders.take_over()
                    overtaking = False
            return original(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for name in ("command", "insert_parquet", "read_for_write"):
            patch.setattr(loaders.warehouse, name, counted(getattr(loaders.warehouse, name)))
        patch.setattr(loaders.first.spool, "mark", counted(loaders.first.spool.mark))

        def commands(*statements: tuple[Query, Mapping[str, Any]]) -> None:
            for statement in reversed(statements) if backwards else statements:
                loaders.warehouse.command(*statement)

        patch.setattr(loaders.warehouse, "commands", commands)
        yield calls


def run(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    home: Path,
    requests: list[bytes],
    number: int,
    backwards: bool,
) -> tuple[dict[str, Any], list[str]]:
    """What is seen after all, and the calls of the first in the last request."""
    with ExitStack() as stack:
        loaders = Loaders(warehouse, home, stack)
        for request in requests[:-1]:
            loaders.first.accept(request, SENDER)
        loaders.second.drain()  # it has been the one that loads before
        loaders.clock.at += LEASE + timedelta(seconds=1)
        loaders.first.drain()
        loaders.first.accept(requests[-1], SENDER)
        with standing_still(loaders, monkeypatch, number, backwards=backwards) as calls, suppress(GembascopeError):
            loaders.first.drain()
        loaders.take_over()
        return loaders.seen(), calls


@pytest.mark.parametrize(
    ("requests", "backwards"),
    [(FRESH, False), (FRESH, True), (MIXED, False)],
    ids=["new events", "their relations first", "copies among them"],
)
def test_a_loader_that_stands_still_beyond_its_lease_doubles_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requests: list[bytes], backwards: bool
) -> None:
    expected, calls = run(warehouse, monkeypatch, tmp_path, requests, 10_000, backwards)
    assert expected["open_batches_left"] == [(0,)]
    assert "store_events" in calls
    assert {copies for *_, copies in expected["stored_events"] + expected["stored_relations"]} == {1}
    for number in range(0, len(calls), stride(1)):
        found, _ = run(warehouse, monkeypatch, tmp_path, requests, number, backwards)
        assert found == expected, (number, calls[number])


class Killed(BaseException):
    """The process ends here."""


UNDER_WAY = Query("under_way", "SELECT count() FROM system.processes WHERE query_kind = 'Insert'")


def test_a_statement_that_outlives_who_asked_for_it_doubles_nothing(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has found its step to be held, and stores when another has taken the step over."""
    left: list[threading.Thread] = []
    command = warehouse.command

    def slowly(query: Query, parameters: Mapping[str, Any]) -> None:
        with warehouse._client(reading=False) as client:
            client.command(query.text + " AND sleepEachRow(0.1) = 0", parameters=dict(parameters))

    def killed(events: tuple[Query, Mapping[str, Any]], *others: tuple[Query, Mapping[str, Any]]) -> None:
        command(*events)
        left.append(threading.Thread(target=slowly, args=others[0]))
        left[0].start()
        while not warehouse.read_for_write(UNDER_WAY).item():
            pass
        raise Killed

    def but_nothing_more(query: Query, parameters: Any = None) -> None:
        if not left:
            command(query, parameters)

    with ExitStack() as stack:
        loaders = Loaders(warehouse, tmp_path, stack)
        loaders.first.accept(FRESH[0], SENDER)
        with monkeypatch.context() as patch:
            patch.setattr(warehouse, "commands", killed)
            patch.setattr(warehouse, "command", but_nothing_more)
            with pytest.raises(Killed):
                loaders.first.drain()
        loaders.take_over()
        left[0].join()
        assert {copies for *_, copies in loaders.seen()["stored_relations"]} == {1}
