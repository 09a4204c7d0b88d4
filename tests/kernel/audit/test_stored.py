"""The audit in the state database: nobody changes it by mistake, who appends takes turns, and attacks are found."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from audits import ATTACKS, NOON, REPAIRS, Rows
from examples import examples
from sqlalchemy import Connection, Table, delete, insert, inspect, select, text, update
from state_databases import KINDS, empty_database

from kernel.audit.anchors import Anchor, anchor, newest_anchor
from kernel.audit.chain import FIRST, Head, append, entry_hash
from kernel.audit.records import Record, StoredAudit
from kernel.audit.signing import public_keys, sign_head
from kernel.audit.verify import verify
from kernel.clock import FixedClock
from kernel.errors import StateError
from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables import AUDIT_ANCHORS, AUDIT_CHAINS, AUDIT_ENTRIES

Add = Callable[..., Head]


def chained(state: State, tenant: str, chain: str) -> int:
    """How many entries a chain has: numbered without a gap, each following the one before it."""
    of = AUDIT_ENTRIES.c
    with state.reading() as connection:
        asked = select(AUDIT_ENTRIES).where(of.tenant == tenant, of.chain == chain).order_by(of.number)
        rows = connection.execute(asked).all()
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    before = FIRST
    for row in rows:
        assert (row.previous, row.hash) == (before, entry_hash(before, row.content.encode()))
        before = row.hash
    return len(rows)


class Undone(Exception):
    """Ends a transaction whose changes are not kept."""


@contextmanager
def undone(state: State) -> Iterator[Connection]:
    with suppress(Undone), state.writing() as connection:
        yield connection
        raise Undone


# Appending and anchoring together -----------------------------------------------------------------------------


def test_eight_who_append_at_once_leave_no_gap_and_no_fork(database: Settings, state: State, tenant: str) -> None:
    """To one chain that all share, one that two share, and one of each; from two engines, as of two processes."""

    def work(opened: State, worker: int) -> None:
        for step in range(12):
            for chain in ("shared", f"run:{worker}", f"some:{worker // 2}"):
                with opened.writing() as connection:
                    body = {"worker": worker, "step": step}
                    append(connection, tenant, chain, kind="step", actor="ana", body=body, at=NOON)
            if step % 4 == 3:
                anchor(opened, tenant, FixedClock(NOON))

    with State(database) as other, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, (state, other)[worker % 2], worker) for worker in range(8)]:
            done.result()
    assert chained(state, tenant, "shared") == 96
    assert [chained(state, tenant, f"run:{worker}") for worker in range(8)] == [12] * 8
    assert [chained(state, tenant, f"some:{pair}") for pair in range(4)] == [24] * 4
    newest = anchor(state, tenant, FixedClock(NOON))
    assert newest is not None
    assert (newest.chains, newest.entries) == (13, 8 * 36)
    found = verify(StoredAudit(state, tenant), tenant)
    assert (found.breaches, found.entries, found.anchors) == ([], 8 * 36, newest.number)


def test_an_audit_that_grows_while_it_is_verified_is_not_blamed(
    state: State, add: Add, settings: Settings, clock: FixedClock, tenant: str
) -> None:
    """What is read first was recorded first: between any two reads entries and anchors may come."""
    add("users"), add("keys")
    head = sign_head(settings, tenant, anchor(state, tenant, clock), clock.now())

    class Growing(StoredAudit):
        def anchors(self) -> Iterator[Record]:
            yield from list(super().anchors())
            grow()

        def ends(self) -> Iterator[tuple[str, int, str]]:
            yield from list(super().ends())
            grow()

    def grow() -> None:
        add("users"), add("run:1"), add("run:2"), anchor(state, tenant, clock)

    found = verify(Growing(state, tenant), tenant, [head], public_keys(settings))
    assert (found.breaches, found.entries, found.not_covered) == ([], 8, 6)


def test_an_anchor_lists_what_grew_and_nothing_grown_makes_none(
    state: State, add: Add, clock: FixedClock, tenant: str
) -> None:
    assert anchor(state, tenant, clock) is newest_anchor(state, tenant) is None
    add("users"), add("users"), add("keys")
    first = anchor(state, tenant, clock)
    assert first == Anchor(1, first.hash, clock.now(), 2, 3)
    clock.at += timedelta(minutes=1)
    assert anchor(state, tenant, clock) == first == newest_anchor(state, tenant)
    head = add("keys")
    second = anchor(state, tenant, clock)
    assert (second.number, second.chains, second.entries) == (2, 2, 4)
    with state.reading() as connection:
        content = connection.execute(
            select(AUDIT_ANCHORS.c.content).where(AUDIT_ANCHORS.c.tenant == tenant, AUDIT_ANCHORS.c.number == 2)
        ).scalar_one()
    assert f'"heads":[["keys",2,"{head.hash}"]]' in content


def test_many_chains_take_several_anchors(
    state: State, add: Add, clock: FixedClock, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernel.audit.anchors.MOST_HEADS", 3)
    for number in range(7):
        add(f"run:{number}")
    newest = anchor(state, tenant, clock)
    assert (newest.number, newest.chains, newest.entries) == (3, 7, 7)
    assert verify(StoredAudit(state, tenant), tenant).intact


def test_who_anchors_does_not_wait_for_who_appends(
    database: Settings, state: State, add: Add, clock: FixedClock, tenant: str
) -> None:
    """Two who wait for each other would be a deadlock. SQLite has one writer at a time, so there is nobody to wait."""
    if state.is_sqlite:
        pytest.skip("one writer at a time")
    add("run:1"), add("run:2")
    with state.writing() as connection:
        append(connection, tenant, "run:1", kind="step", actor="ana", body={}, at=NOON)
        with State(database) as other:
            assert anchor(other, tenant, clock).entries == 1
        append(connection, tenant, "run:2", kind="step", actor="ana", body={}, at=NOON)
    assert anchor(state, tenant, clock).entries == 4


def test_what_was_rolled_back_left_nothing(state: State, add: Add, clock: FixedClock, tenant: str) -> None:
    add("users")
    with undone(state) as connection:
        append(connection, tenant, "users", kind="step", actor="ana", body={}, at=NOON)
        append(connection, tenant, "keys", kind="step", actor="ana", body={}, at=NOON)
    add("users")
    assert (chained(state, tenant, "users"), chained(state, tenant, "keys")) == (2, 0)
    assert anchor(state, tenant, clock).entries == 2


# What the database refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [AUDIT_ENTRIES, AUDIT_ANCHORS], ids=lambda table: table.name)
def test_the_database_refuses_to_change_or_delete(
    state: State, add: Add, clock: FixedClock, tenant: str, table: Table
) -> None:
    add("users")
    anchor(state, tenant, clock)
    with state.reading() as connection:
        before = connection.execute(select(table).where(table.c.tenant == tenant)).all()
    assert len(before) == 1
    again = dict(before[0]._mapping) | {"content": "{}"}
    attempts = [update(table).values(content="{}"), delete(table), insert(table).values(**again)]
    if state.is_sqlite:
        attempts.append(insert(table).prefix_with("OR REPLACE").values(**again))
    else:
        attempts.append(text(f"TRUNCATE {table.name}"))
    for attempt in attempts:
        with pytest.raises(StateError), state.writing() as connection:
            connection.execute(attempt)
    with state.reading() as connection:
        assert connection.execute(select(table).where(table.c.tenant == tenant)).all() == before


@pytest.mark.parametrize("kind", KINDS)
def test_chains_from_before_there_were_anchors_are_continued(kind: str, tmp_path: Path) -> None:
    with empty_database(kind, tmp_path) as settings, pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "upgrade", partial(older, command.upgrade))
        with State(settings) as state, state.writing() as connection:
            assert not inspect(connection).has_table("audit_chains")
            before = FIRST
            for number in (1, 2):
                row = {"number": number, "previous": before, "content": "{}", "hash": entry_hash(before, b"{}")}
                connection.execute(insert(AUDIT_ENTRIES).values(tenant="local", chain="users", at=NOON, **row))
                before = row["hash"]
        patch.undo()
        with State(settings) as state:
            with state.writing() as connection:
                head = append(connection, "local", "users", kind="step", actor="ana", body={}, at=NOON)
            assert (head.number, chained(state, "local", "users")) == (3, 3)
            assert anchor(state, "local", FixedClock(NOON)).entries == 3


def older(upgrade: Callable[[Config, str], None], config: Config, _: str) -> None:
    upgrade(config, "0003")


# Attacks on the tables ----------------------------------------------------------------------------------------


class Within:
    """Reads what a transaction did that is not over."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self._connection


def without_triggers(state: State, connection: Connection) -> None:
    """As who may change tables does first."""
    if state.is_sqlite:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
    else:
        for table in ("audit_entries", "audit_anchors"):
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def written(connection: Connection, tenant: str, rows: Rows) -> None:
    """The tables hold these rows of the tenant, and no others."""
    for table in (AUDIT_ENTRIES, AUDIT_ANCHORS, AUDIT_CHAINS):
        connection.execute(delete(table).where(table.c.tenant == tenant))
    fields = ("number", "previous", "hash", "content", "at")
    entries = [{"chain": row.chain} | {name: getattr(row, name) for name in fields} for row in rows.kept]
    anchors = [{name: getattr(row, name) for name in fields} for row in rows.anchored]
    ends = [
        {"chain": chain, "number": number, "hash": hash_, "anchored": number, "grown": 0}
        for chain, (number, hash_) in rows.listed.items()
    ]
    for table, values in ((AUDIT_ENTRIES, entries), (AUDIT_ANCHORS, anchors), (AUDIT_CHAINS, ends)):
        if values:
            connection.execute(insert(table), [{"tenant": tenant} | value for value in values])


def test_hundreds_of_attacks_on_the_tables_are_found(
    state: State, add: Add, settings: Settings, clock: FixedClock, tenant: str
) -> None:
    seed = random.Random(20260302)
    for step in range(16):
        add(("users", "keys", "run:1", "run:2")[step % 4 if step < 4 else seed.randrange(4)], step=step)
        clock.at += timedelta(seconds=1)
        if step % 5 == 4:
            anchor(state, tenant, clock)
    head = sign_head(settings, tenant, anchor(state, tenant, clock), clock.now())
    keys, stored = public_keys(settings), StoredAudit(state, tenant)
    whole = Rows(
        list(stored.entries()), list(stored.anchors()), {chain: (number, end) for chain, number, end in stored.ends()}
    )
    assert (len(whole.kept), len(whole.anchored)) == (16, 4)
    done, wanted = Counter[str](), examples(200)
    with undone(state) as connection:
        without_triggers(state, connection)
        inside = StoredAudit(Within(connection), tenant)
        while done.total() < wanted:
            attack, repair, rows = seed.choice(ATTACKS), seed.choice(REPAIRS), whole.copy()
            attack(rows, seed)
            repair(rows)
            numbers = {(row.chain, row.number) for row in rows.kept + rows.anchored}
            if rows.same(whole) or len(numbers) < len(rows.kept) + len(rows.anchored):  # which the key refuses
                continue
            written(connection, tenant, rows)
            assert not verify(inside, tenant, [head], keys).intact, (attack.__name__, repair.__name__)
            done[attack.__name__] += 1
            if done.total() % 50 == 0:
                written(connection, tenant, whole)
                untouched = verify(inside, tenant, [head], keys)
                assert (untouched.breaches, untouched.not_covered) == ([], 0)
    assert set(done) == {attack.__name__ for attack in ATTACKS}
    assert verify(stored, tenant, [head], keys).intact
