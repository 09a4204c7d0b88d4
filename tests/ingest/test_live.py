"""Events at run time from sender to warehouse, in this process: counted exactly whatever goes wrong on the way."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sent_events import SENDER, body, event, numbered
from state_databases import KINDS, empty_database

from ingest.live import LiveIngest, LoadedStep
from ingest.quarantine import quarantined
from ingest.spool import Spool
from ingest.spool_account import Account
from ingest.staging import Origin, Step
from ingest.store import EventStore, Stored
from ingest.watermarks import WATERMARKS, watermarks
from kernel.clock import Clock
from kernel.errors import InputError, SpoolFull, WarehouseError, WarehouseUnavailable
from kernel.process import ProcessDefinition
from kernel.settings import Settings, load_settings
from kernel.warehouse import Query, Warehouse
from mining.projection import refresh

IDS = Query("ids", "SELECT source_event_id FROM events WHERE tenant = {tenant:String} ORDER BY source_event_id")
RELATIONS = Query("relations", "SELECT count() FROM event_objects WHERE tenant = {tenant:String}")
PATHS = Query(
    "paths",
    "SELECT case_id, length(activities) AS n FROM case_paths FINAL WHERE tenant = {tenant:String} ORDER BY case_id",
)


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    """For what is the same on both databases."""
    return load_settings(home=tmp_path)


@contextmanager
def taking(warehouse: Warehouse, clock: Clock, settings: Settings, tenant: str, **more: Any) -> Iterator[LiveIngest]:
    with Spool(settings, clock) as spool:
        yield LiveIngest(warehouse, clock, spool, tenant, alone=True, **more)


def account(live: LiveIngest, source: str = SENDER) -> tuple[int, int, int, int, int, int]:
    """received, stored, duplicate, quarantined, refused, in_spool"""
    found = next(found for found in live.spool.accounts(live._tenant) if found.source == source)
    return (found.received, found.stored, found.duplicate, found.quarantined, found.refused, found.in_spool)


def balanced(found: Account) -> bool:
    parts = (found.stored, found.duplicate, found.quarantined, found.refused, found.in_spool)
    return found.received == sum(parts) and min(parts) >= 0


def ids(warehouse: Warehouse, tenant: str) -> list[str]:
    return warehouse.read_for_write(IDS, {"tenant": tenant})["source_event_id"].to_list()


def test_events_are_answered_then_loaded_then_told(
    warehouse: Warehouse, clock: Clock, home: Settings, tenant: str
) -> None:
    told: list[LoadedStep] = []
    with taking(warehouse, clock, home, tenant, on_loaded=[told.append]) as live:
        receipt = live.accept(body(event(1), event(2), 5), SENDER)
        assert (receipt.received, receipt.accepted, [one.index for one in receipt.refused]) == (3, 2, [2])
        assert account(live) == (3, 0, 0, 1, 0, 2)
        assert ids(warehouse, tenant) == []
        assert live.drain() == 2
        assert account(live) == (3, 2, 0, 1, 0, 0)
        assert ids(warehouse, tenant) == ["e1", "e2"]
        assert told == [LoadedStep(tenant, None)]  # what an earlier process may not have told
        live.accept(numbered([1, 2, 3]), SENDER)
        live.accept(numbered([3, 4]), SENDER)
        live.drain()
        assert account(live) == (8, 4, 3, 1, 0, 0)
        assert told[1:] == [LoadedStep(tenant, frozenset({"return"}))]
        assert live.drain() == 0
        assert len(told) == 2
        (kept,) = quarantined(warehouse, tenant=tenant).to_dicts()
        assert (kept["raw"], kept["source"], kept["position"]) == ("5", SENDER, f"request {receipt.receipt}, event 2")
        (status,) = live.status()
        assert (status["received"], status["in_spool"], status["last_occurred_at"]) == (8, 0, "2026-02-05T10:00:00Z")
        assert status["lag_s"] == (clock.now() - datetime(2026, 2, 5, 10, tzinfo=timezone.utc)).total_seconds()
        found = watermarks(warehouse, tenant)
        assert found.schema == WATERMARKS
        moment = datetime(2026, 2, 5, 10, tzinfo=timezone.utc)
        assert found.rows() == [(SENDER, 4, moment, clock.now(), True)]
        assert watermarks(warehouse, tenant, ["erp"]).schema == WATERMARKS
        assert watermarks(warehouse, tenant, ["erp"]).is_empty()
        assert live.accept(b"[]").receipt == ""


def test_a_correction_is_stored_beside_what_it_corrects(
    warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str
) -> None:
    with taking(warehouse, clock, plain, tenant) as live:
        live.accept(body(event(1)), SENDER)
        live.drain()
        live.accept(body(event(1, revision=1, objects=[{"type": "return", "id": "R9"}])), SENDER)
        live.drain()
        assert account(live) == (2, 2, 0, 0, 0, 0)
        refresh(warehouse, clock, tenant, ProcessDefinition(id="p", object_type="return"))
        assert warehouse.read_for_write(PATHS, {"tenant": tenant}).rows() == [("R9", 1)]


def test_while_the_warehouse_is_away_senders_are_answered(
    warehouse: Warehouse, clock: Clock, home: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise WarehouseUnavailable("no answer from the warehouse")

    with taking(warehouse, clock, home.model_copy(update={"spool_events": 5}), tenant) as live:
        with monkeypatch.context() as patch:
            patch.setattr(EventStore, "store_step", away)
            live.accept(numbered([1, 2]), SENDER)
            with pytest.raises(WarehouseUnavailable):
                live.drain()
            live.accept(numbered([3, 4]), SENDER)
            with pytest.raises(SpoolFull):
                live.accept(numbered([5, 6]), SENDER)
            live.stop()  # leaves them where they are
            assert account(live) == (6, 0, 0, 0, 2, 4)
        assert live.drain() == 4
        assert account(live) == (6, 4, 0, 0, 2, 0)
        assert ids(warehouse, tenant) == ["e1", "e2", "e3", "e4"]


def refusing(error: Callable[[], Exception], *names: str) -> Callable[..., Stored]:
    """`store_step` of a warehouse that does not take some events."""
    original = EventStore.store_step

    def store_step(self: EventStore, origin: Origin, step: Step, **more: Any) -> Stored:
        if set(names) & set(pl.read_parquet(io.BytesIO(step.events))["source_event_id"]):
            raise error()
        return original(self, origin, step, **more)

    return store_step


@pytest.mark.parametrize(
    "error",
    [lambda: WarehouseError("ClickHouse refused (TYPE_MISMATCH, code 53)", code=53), lambda: InputError("two names")],
    ids=["data", "names"],
)
def test_an_event_that_the_warehouse_does_not_take_holds_up_no_other(
    warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    monkeypatch.setattr(EventStore, "store_step", refusing(error, "e3", "e10"))
    with taking(warehouse, clock, plain, tenant) as live:
        live.accept(numbered(range(7)), SENDER)
        live.accept(numbered(range(5, 12)), SENDER)
        live.drain()
        assert account(live) == (14, 10, 2, 2, 0, 0)
        expected = sorted(f"e{number}" for number in range(12) if number not in (3, 10))
        assert ids(warehouse, tenant) == expected
        assert warehouse.read_for_write(RELATIONS, {"tenant": tenant}).item() == 10
        kept = quarantined(warehouse, tenant=tenant)
        assert kept["position"].sort().to_list() == ["event e10", "event e3"]
        assert set(kept["reason"]) == {str(error())}


def test_a_warehouse_in_trouble_condemns_no_event(
    warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a full disk: an error that says nothing about the data."""

    def full() -> Exception:
        return WarehouseError("ClickHouse refused (NOT_ENOUGH_SPACE, code 243)", code=243)

    with taking(warehouse, clock, plain, tenant) as live:
        live.accept(numbered(range(4)), SENDER)
        with monkeypatch.context() as patch:
            patch.setattr(EventStore, "store_step", refusing(full, "e1"))
            for _ in range(2):
                with pytest.raises(WarehouseError, match="NOT_ENOUGH_SPACE"):
                    live.drain()
        assert account(live) == (4, 0, 0, 0, 0, 4)
        live.drain()
        assert account(live) == (4, 4, 0, 0, 0, 0)


def test_who_could_not_be_told_is_told_again(warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str) -> None:
    told: list[LoadedStep] = []
    failing = [WarehouseUnavailable("no answer")]

    def listen(step: LoadedStep) -> None:
        if failing:
            raise failing.pop()
        told.append(step)

    with taking(warehouse, clock, plain, tenant, on_loaded=[listen]) as live:
        live.accept(numbered([1]), SENDER)
        with pytest.raises(WarehouseUnavailable):
            live.drain()
        assert account(live) == (1, 1, 0, 0, 0, 0)
        live.drain()
        assert told == [LoadedStep(tenant, None)]


def test_what_cannot_be_told_keeps_no_event_waiting(
    warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str
) -> None:
    """One process whose cases cannot be brought up to date must not hold up what others wait for."""
    asked: list[int] = []
    third = threading.Event()

    def listen(_: LoadedStep) -> None:
        asked.append(len(ids(warehouse, tenant)))
        if asked[-1] == 3:
            third.set()
        raise WarehouseUnavailable("no answer")

    with taking(warehouse, clock, plain, tenant, on_loaded=[listen]) as live:
        live.start()
        try:
            for number in range(1, 4):
                live.accept(numbered([number]), SENDER)
            assert third.wait(60)
        finally:
            live.stop()
        assert account(live) == (3, 3, 0, 0, 0, 0)


def test_it_loads_in_the_background_until_it_is_stopped(
    warehouse: Warehouse, clock: Clock, plain: Settings, tenant: str
) -> None:
    loaded = threading.Event()

    def listen(_: LoadedStep) -> None:
        if ids(warehouse, tenant):
            loaded.set()

    with taking(warehouse, clock, plain, tenant, on_loaded=[listen]) as live:
        live.start()
        try:
            live.accept(numbered([1]), SENDER)
            assert loaded.wait(60)
            live.accept(numbered([2]), SENDER)
        finally:
            live.stop()
        assert ids(warehouse, tenant) == ["e1", "e2"]
        assert account(live) == (2, 2, 0, 0, 0, 0)


class Killed(BaseException):
    """The process is gone: nothing handles this."""


def killed_before(warehouse: Warehouse, patch: pytest.MonkeyPatch, number: int) -> None:
    """The call of that number to the warehouse, and those after it, do not happen."""
    calls = iter(range(number))

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if next(calls, None) is None:
                raise Killed
            return original(*args, **more)

        return call

    for name in ("command", "commands", "insert_parquet", "read_for_write"):
        patch.setattr(warehouse, name, counted(getattr(warehouse, name)))


sends = st.tuples(
    st.just("send"), st.sampled_from((SENDER, "erp")), st.lists(st.integers(0, 9), max_size=6), st.integers(0, 2)
)
acts = st.one_of(sends, sends, st.tuples(st.just("drain")), st.tuples(st.just("kill"), st.integers(0, 40)))


# The fixtures are the same for every example on purpose: each example has a tenant of its own.
@settings(
    max_examples=examples(4),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(acts, min_size=3, max_size=8))
def test_received_is_what_became_of_it_at_every_moment(
    warehouse: Warehouse, clock: Clock, home: Settings, steps: list[Any]
) -> None:
    """Whatever is sent, loaded, refused for want of room, or killed in the middle."""
    tenant = f"t{uuid4().hex[:20]}"
    received: dict[str, int] = {}
    bad: dict[str, int] = {}
    refused: dict[str, int] = {}
    new: dict[str, set[int]] = {}
    live = LiveIngest(
        warehouse, clock, Spool(small := home.model_copy(update={"spool_events": 6}), clock), tenant, alone=True
    )

    def check() -> None:
        for found in live.spool.accounts(tenant):
            assert balanced(found), found
            assert found.received == received[found.source]
            assert found.refused == refused.get(found.source, 0)
            assert found.quarantined == bad.get(found.source, 0)

    for kind, *what in [*steps, ("drain",)]:
        if kind == "send":
            source, numbers, wrong = what
            if not numbers and not wrong:
                continue
            received[source] = received.get(source, 0) + len(numbers) + wrong
            try:
                live.accept(body(*(event(number) for number in numbers), *[{}] * wrong), source)
                bad[source] = bad.get(source, 0) + wrong
                new.setdefault(source, set()).update(numbers)
            except SpoolFull:
                refused[source] = refused.get(source, 0) + len(numbers) + wrong
        elif kind == "drain":
            live.drain()
        else:
            with pytest.MonkeyPatch.context() as patch:
                killed_before(warehouse, patch, what[0])
                with suppress(Killed):
                    live.drain()
            live.spool.close()
            live = LiveIngest(warehouse, clock, Spool(small, clock), tenant, alone=True)
        check()
    for found in live.spool.accounts(tenant):
        assert (found.in_spool, found.spool_bytes) == (0, 0)
        assert found.stored == len(new.get(found.source, ()))
    stored = sorted(f"e{number}" for numbers in new.values() for number in numbers)
    assert ids(warehouse, tenant) == stored
    assert warehouse.read_for_write(RELATIONS, {"tenant": tenant}).item() == len(stored)
    live.spool.close()
