"""The spool on both databases: what is on disk when a sender is answered, and an account that is always exact."""

from __future__ import annotations

import random
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sent_events import SENDER, body, event, numbered
from sqlalchemy import inspect, select, update
from state_databases import KINDS, empty_database

from ingest.event_rows import Sent
from ingest.events_json import read_events
from ingest.spool import FILE, KEPT, LEASE, Spool
from ingest.spool_account import Account
from ingest.spool_payload import together, written
from ingest.spool_tables import ENTRIES, SPOOL
from kernel.clock import FixedClock
from kernel.errors import SpoolFull, StateError, StateUnavailable
from kernel.settings import Settings
from kernel.state.database import State

TENANT = "t"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)


def parts(content: bytes, source: str = SENDER) -> list[Sent]:
    return read_events(content, source, NOW)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def spool(settings: Settings, clock: FixedClock) -> Iterator[Spool]:
    with Spool(settings, clock) as opened:
        yield opened


def account(spool: Spool, source: str = SENDER) -> Account:
    return next(found for found in spool.accounts(TENANT) if found.source == source)


def balanced(spool: Spool) -> bool:
    return all(
        found.received == found.stored + found.duplicate + found.quarantined + found.refused + found.in_spool
        and min(found.stored, found.duplicate, found.quarantined, found.refused, found.in_spool, found.spool_bytes) >= 0
        for found in spool.accounts(TENANT)
    )


def test_the_tenant_leads_every_key_and_the_file_is_for_its_owner(settings: Settings, spool: Spool) -> None:
    for table in SPOOL.tables.values():
        assert next(iter(table.primary_key.columns)).name == "tenant"
    names = set(inspect(spool._state.engine).get_table_names())
    assert set(SPOOL.tables) <= names
    if settings.state_url is None:
        assert stat.S_IMODE((settings.home / FILE).stat().st_mode) == 0o600
        with spool._state.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    else:
        with State(settings):  # the same database, with the tables of both
            assert "users" in inspect(spool._state.engine).get_table_names()


def test_opening_together_works(settings: Settings, clock: FixedClock) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in list(pool.map(lambda _: Spool(settings, clock), range(4))):
            opened.close()


def test_what_was_accepted_is_there_for_another_process(settings: Settings, spool: Spool, clock: FixedClock) -> None:
    content = body(event(1), event(2, source="erp", attributes={"x": "y"}), 5)
    receipt = spool.accept(TENANT, parts(content))
    with Spool(settings, clock) as other:
        assert account(other) == Account(
            SENDER,
            received=2,
            quarantined=1,
            in_spool=1,
            spool_bytes=account(other).spool_bytes,
            last_occurred_at=datetime(2026, 2, 2, 10, tzinfo=timezone.utc),
            last_seen_at=NOW,
        )
        assert other.lead(TENANT)
        taken = other.take(TENANT)
        assert taken is not None
        assert (taken.source, taken.events) == ("erp", 1)
        waiting = together(taken.entries)
        assert waiting.events.equals(parts(content)[1].events)
        assert [found for found, _ in taken.entries] == [receipt]


def test_requests_that_come_together_share_a_transaction(spool: Spool) -> None:
    """While some are written, the others wait and are written together."""
    held, count, groups = threading.Event(), 12, []
    original = spool._write

    def slow(group: list[Any]) -> None:
        groups.append(len(group))
        held.wait()
        original(group)

    spool._write = slow  # type: ignore[method-assign]
    with ThreadPoolExecutor(count) as pool:
        sent = [pool.submit(spool.accept, TENANT, parts(numbered([n]))) for n in range(count)]
        while len(spool._queue) + sum(groups) < count:
            pass  # until all are there: in the transaction that is held up, or behind it
        held.set()
        receipts = {one.result() for one in sent}
    assert sum(groups) == count
    assert len(receipts) == count
    assert spool.commits == len(groups) <= 2
    assert account(spool).received == count
    assert balanced(spool)


def test_an_answer_comes_only_after_the_commit(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise StateUnavailable("the state database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(spool, "_add", lost)  # the last statement of the transaction
        with pytest.raises(StateUnavailable):
            spool.accept(TENANT, parts(numbered([1])))
    assert spool.accounts(TENANT) == []
    assert spool.lead(TENANT)
    assert spool.take(TENANT) is None
    spool.accept(TENANT, parts(numbered([1])))
    assert account(spool).in_spool == 1


@pytest.mark.parametrize("bound", [{"spool_events": 5}, {"spool_bytes": 1 << 20}], ids=["events", "bytes"])
def test_past_its_bound_senders_are_put_off_and_counted(
    settings: Settings, clock: FixedClock, bound: dict[str, int]
) -> None:
    noise = "".join(map(chr, random.Random(1).choices(range(0x100, 0xD000), k=12_000)))
    more = {} if "spool_events" in bound else {"attributes": {"x": noise}}
    bounded = settings.model_copy(update=bound)
    with Spool(bounded, clock) as spool:
        number = 0
        while True:
            content = parts(numbered([2 * number, 2 * number + 1], **more))
            waiting = account(spool) if number else Account(SENDER)
            if waiting.in_spool + 2 > bounded.spool_events or waiting.spool_bytes + len(written(content[0])) > (
                bounded.spool_bytes
            ):
                break
            spool.accept(TENANT, content)
            number += 1
        with pytest.raises(SpoolFull, match="send these again in a while") as refused:
            spool.accept(TENANT, content)
        assert refused.value.retryable
        found = account(spool)
        assert (found.in_spool, found.refused) == (2 * number, 2)
        assert found.spool_bytes <= bounded.spool_bytes
        assert balanced(spool)
        assert spool.lead(TENANT)
        taken = spool.take(TENANT)
        assert taken is not None
        assert spool.mark(TENANT, taken, stored=taken.events)
        spool.accept(TENANT, parts(numbered([1, 2])))
        assert balanced(spool)


def test_a_step_stays_the_same_until_it_is_marked(settings: Settings, spool: Spool, clock: FixedClock) -> None:
    spool.accept(TENANT, parts(numbered(range(3))))
    spool.accept(TENANT, parts(numbered(range(3)), "erp"))
    assert spool.lead(TENANT)
    first = spool.take(TENANT)
    spool.accept(TENANT, parts(numbered(range(3, 9))))
    assert first is not None
    with Spool(settings, clock) as other:
        assert not other.lead(TENANT)
        assert other.take(TENANT) is None
        assert other.lead(TENANT, alone=True)  # the first was killed
        assert other.take(TENANT) == replace(first, again=True)
        assert not spool.mark(TENANT, first, stored=3)  # it was not, and comes too late
        assert other.mark(TENANT, first, stored=2)
        assert not other.mark(TENANT, first, stored=2)  # once
        assert (account(other).stored, account(other).duplicate, account(other).in_spool) == (2, 1, 6)
        rest = [other.take(TENANT) for _ in range(2)]
        assert [taken.source for taken in rest if taken is not None] == ["erp", "erp"]
        assert balanced(other)


def test_who_loads_is_one_until_it_is_silent_or_resigns(settings: Settings, spool: Spool, clock: FixedClock) -> None:
    with Spool(settings, clock) as other:
        assert spool.lead(TENANT)
        assert spool.lead(TENANT)
        assert not other.lead(TENANT)
        assert other.lead("another tenant")
        clock.at += LEASE + timedelta(seconds=1)
        assert other.lead(TENANT)
        assert not spool.lead(TENANT)
        other.resign(TENANT)
        assert spool.lead(TENANT)


def test_a_marked_entry_keeps_no_events_and_goes_after_a_day(spool: Spool, clock: FixedClock) -> None:
    def lines() -> list[tuple[bytes | None]]:
        with spool._state.reading() as connection:
            return [(row.payload,) for row in connection.execute(select(ENTRIES.c.payload))]

    for _ in range(2):
        spool.accept(TENANT, parts(numbered([1])))
        assert spool.lead(TENANT)
        taken = spool.take(TENANT)
        assert taken is not None
        assert spool.mark(TENANT, taken, stored=0)
        assert lines() == [(None,)]
        clock.at += KEPT + timedelta(seconds=1)


def test_a_step_takes_as_much_as_fits(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.spool.STEP_EVENTS", 5)
    for start in range(0, 12, 3):
        spool.accept(TENANT, parts(numbered(range(start, start + 3))))
    assert spool.lead(TENANT)
    sizes = []
    while (taken := spool.take(TENANT)) is not None:
        sizes.append(taken.events)
        assert spool.mark(TENANT, taken, stored=taken.events)
    assert sizes == [3, 3, 3, 3]
    monkeypatch.setattr("ingest.spool.STEP_EVENTS", 6)
    for start in range(0, 12, 3):
        spool.accept(TENANT, parts(numbered(range(start, start + 3))))
    assert spool.lead(TENANT)
    taken = spool.take(TENANT)
    assert taken is not None
    assert taken.events == 6


def test_tenants_are_apart(spool: Spool) -> None:
    spool.accept("a", parts(numbered([1])))
    assert spool.lead("b")
    assert spool.take("b") is None
    assert spool.accounts("b") == []


def test_a_damaged_entry_is_noticed() -> None:
    content = written(parts(numbered([1]))[0])
    for position in range(0, len(content), 97):
        changed = bytearray(content)
        changed[position] ^= 1
        with pytest.raises(StateError, match="was damaged after it was written"):
            together([("r", bytes(changed))])
    with pytest.raises(StateError, match="was damaged"):
        together([("r", content[:-1])])


def test_a_damaged_entry_is_not_lost(spool: Spool) -> None:
    spool.accept(TENANT, parts(numbered([1])))
    with spool._state.writing() as connection:
        connection.execute(update(ENTRIES).values(payload=b"x" * 100))
    assert spool.lead(TENANT)
    for _ in range(2):
        taken = spool.take(TENANT)
        assert taken is not None
        with pytest.raises(StateError):
            together(taken.entries)
    assert account(spool).in_spool == 1


def test_objects_and_links_follow_their_events() -> None:
    def linked(number: int) -> dict[str, object]:
        link = {"from": {"type": "r", "id": str(number)}, "to": {"type": "p", "id": str(number)}}
        return event(number, objects=[{"type": "r", "id": str(number), "attributes": {"n": number}}], links=[link])

    entries = [(str(k), written(parts(body(linked(2 * k), linked(2 * k + 1), 5))[0])) for k in range(3)]
    whole = together(entries)
    assert whole.events["source_event_id"].to_list() == [f"e{n}" for n in range(6)]
    assert [(receipt, one.index) for receipt, one in whole.refused] == [("0", 2), ("1", 2), ("2", 2)]
    part = whole.rows(3, 5)
    assert part.events["source_event_id"].to_list() == ["e3", "e4"]
    assert part.objects.select("id", "row").rows() == [("3", 0), ("4", 1)]
    assert part.links.select("to_id", "row").rows() == [("3", 0), ("4", 1)]


def test_an_error_nobody_thought_of_gives_nobody_a_receipt(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests share a transaction: all of a group are told, not only the one that wrote."""

    def breaks(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(spool, "_write_for", breaks)
    with ThreadPoolExecutor(4) as pool:
        with spool._turn:  # they come together
            sent = [pool.submit(spool.accept, TENANT, parts(body(event(f"e{number}")))) for number in range(4)]
            while len(spool._queue) < len(sent):
                pass
        answers = [one.exception() for one in sent]
    assert [type(answer) for answer in answers if not isinstance(answer, MemoryError)] == [StateError] * 3
