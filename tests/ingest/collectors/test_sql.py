"""Polled databases: no row is missed, whatever the order in which it is committed, and nothing is locked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from collecting import SECRETS, collect_in_process, text_of
from inlets import MemoryInlet, kept
from pydantic import ValidationError
from sql_databases import PORTS, USERS, connected, own_database, run

from ingest.collectors.known_keys import StateKeys, make_key_tables
from ingest.collectors.polled_settings import SqlSettings
from ingest.collectors.sql import SqlCollector
from ingest.sources.delivery import CollectorError
from kernel.errors import SpoolFull
from kernel.settings import load_settings
from kernel.state.database import State

DIALECTS = ("postgresql", "mariadb")


@dataclass
class Database:
    dialect: str
    table: str
    stack: ExitStack
    database: str

    def open(self) -> Any:
        session = connected(self.dialect, self.database)
        self.stack.callback(session.close)
        return session

    def settings(self, **changes: Any) -> SqlSettings:
        plain: dict[str, Any] = {"kind": "sql", "dialect": self.dialect, "host": "127.0.0.1", "table": self.table}
        plain |= {"port": PORTS[self.dialect], "key": ["id"], "poll_s": 0.05, "batch": 4, "timezone": "Europe/Berlin"}
        plain |= {"user": USERS[self.dialect], "database": self.database}
        watermark = {"column": "changed", "type": "timestamp", "overlap": 60}
        return SqlSettings.model_validate(plain | {"watermark": watermark} | changes)

    def collector(self, **changes: Any) -> SqlCollector:
        return SqlCollector(self.settings(**changes), SECRETS)


@contextmanager
def database(dialect: str) -> Iterator[Database]:
    with ExitStack() as stack:
        made = Database(dialect, f"Orders {uuid4().hex}", stack, stack.enter_context(own_database(dialect)))
        session = made.open()
        instant, local = ("timestamptz", "timestamp") if dialect == "postgresql" else ("timestamp(6)", "datetime")
        columns = f"id bigint PRIMARY KEY, state varchar(20), changed {instant} NULL, local {local} NULL"
        name = quoted(made)
        run(session, f"CREATE TABLE {name} ({columns})")
        try:
            yield made
        finally:
            run(made.open(), f"DROP TABLE {name}")


def quoted(made: Database) -> str:
    mark = '"' if made.dialect == "postgresql" else "`"
    return f"{mark}{made.table}{mark}"


@pytest.fixture(params=DIALECTS)
def source(request: pytest.FixtureRequest) -> Iterator[Database]:
    with database(request.param) as made:
        yield made


@pytest.fixture
def postgres() -> Iterator[Database]:
    with database("postgresql") as made:
        yield made


def insert(made: Database, session: Any, rows: dict[int, str], state: str = "new") -> None:
    """Rows by their ids, with times of 2026-03-01 in UTC."""
    zone = "+00" if made.dialect == "postgresql" else ""
    for one, at in rows.items():
        run(session, f"INSERT INTO {quoted(made)} VALUES ({one}, '{state}', '2026-03-01 {at}{zone}', NULL)")  # noqa: S608


def poll(
    collector: SqlCollector, inlet: MemoryInlet, times: int = 1, between: Callable[[int], None] = lambda _: None
) -> None:
    """So many polls; `between` is called after each."""

    class Polls(Event):
        count = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.count += 1
            between(self.count)
            if self.count == times:
                self.set()
            return self.is_set()

    collector.run(inlet, Polls())


def ids(inlet: MemoryInlet) -> list[int]:
    return [json.loads(one.body)["id"] for one in inlet.taken]


def test_a_row_comes_as_typed_json(postgres: Database) -> None:
    session = postgres.open()
    view = f'"view {uuid4().hex}"'
    run(
        session,
        f"""CREATE VIEW {view} AS SELECT 1 AS id, '2026-03-01 12:00+00'::timestamptz AS changed,
        1.50::numeric AS price, 'NaN'::numeric AS odd, 'infinity'::float8 AS far,
        '2026-07-01 12:00'::timestamp AS local,
        'infinity'::timestamptz AS never, '\\x00ff'::bytea AS raw, '{{"a": [1, null]}}'::jsonb AS more, true AS yes,
        '2026-03-01'::date AS day, '26 hours 3 minutes'::interval AS took, ARRAY[1, 2] AS list, NULL::text AS none,
        '6f4b9c4e-0000-4000-8000-000000000001'::uuid AS uid""",
    )
    try:
        inlet = MemoryInlet()
        poll(postgres.collector(table=view.strip('"')), inlet)
    finally:
        run(session, f"DROP VIEW {view}")
    delivery = inlet.taken[0]
    assert json.loads(delivery.body) == {
        "id": 1, "changed": "2026-03-01T12:00:00+00:00", "price": "1.50", "odd": "NaN", "far": "inf",
        "local": "2026-07-01T12:00:00+02:00", "never": "infinity", "raw": "AP8=", "more": {"a": [1, None]}, "yes": True,
        "day": "2026-03-01", "took": "26:03:00", "list": [1, 2], "none": None,
        "uid": "6f4b9c4e-0000-4000-8000-000000000001",
    }  # fmt: skip
    assert delivery.headers == {"change": "upsert", "sampled": "true", "table": view.strip('"')}
    assert delivery.key == view.strip('"') + "/[1]"


def test_a_time_is_as_exact_as_its_column_also_on_a_whole_second(source: Database) -> None:
    """What is told to the millisecond is no less exact where there is nothing after the second."""
    told = "'2026-03-01 12:00:00'"
    kind = "timestamp" if source.dialect == "postgresql" else "datetime"
    columns = ", ".join(f"CAST({told} AS {kind}({digits})) AS t{digits}" for digits in (0, 3, 6))
    inlet = MemoryInlet()
    poll(source.collector(table=None, select=f"SELECT 1 AS id, TIMESTAMP {told} AS changed, {columns}"), inlet)
    row = json.loads(inlet.taken[0].body)
    noon = "2026-03-01T12:00:00"
    assert [row[name] for name in ("changed", "t0", "t3", "t6")] == [
        f"{noon}+01:00", f"{noon}+01:00", f"{noon}.000+01:00", f"{noon}.000000+01:00",
    ]  # fmt: skip


def test_rows_of_one_instant_are_neither_skipped_nor_repeated_by_pages(source: Database) -> None:
    insert(source, source.open(), dict.fromkeys(range(10), "10:00:00") | dict.fromkeys(range(10, 13), "10:00:01"))
    inlet = MemoryInlet()
    poll(source.collector(), inlet, 2)
    assert ids(inlet) == list(range(13))
    assert [len(batch) for batch in inlet.batches] == [4, 4, 4, 1]


def test_a_row_that_is_committed_late_below_the_watermark_is_found(source: Database) -> None:
    """Two sessions; the first takes its time stamp first and is committed last."""
    late, quick = source.open(), source.open()
    run(late, "BEGIN")
    insert(source, late, {1: "10:00:00"})
    insert(source, quick, {2: "10:00:30", 3: "10:00:30"})

    def between(poll: int) -> None:
        if poll == 1:
            insert(source, quick, {4: "10:00:40"})
        if poll == 2:
            run(late, "COMMIT")

    inlet = MemoryInlet()
    poll(source.collector(), inlet, 4, between)
    assert sorted(ids(inlet)) == [1, 2, 3, 4]


def test_what_is_committed_while_a_poll_lasts_is_found_by_the_next(source: Database) -> None:
    """The first page is read at ten; until the last one is, the table goes on by an hour, and a row of ten comes."""
    session = source.open()
    insert(source, session, {n: "10:00:00" for n in range(4)})

    def slow(take: int) -> None:
        if take == 1:
            insert(source, session, {n: "11:00:00" for n in range(4, 7)} | {99: "09:59:59"})

    inlet = MemoryInlet(slow)
    poll(source.collector(), inlet, 3)
    assert sorted(ids(inlet)) == [0, 1, 2, 3, 4, 5, 6, 99]


def test_a_source_whose_clock_is_behind_and_a_row_of_the_future(source: Database) -> None:
    """A time long after now does not move the watermark past what the database calls now."""
    session = source.open()
    late = "+00" if source.dialect == "postgresql" else ""
    run(session, f"INSERT INTO {quoted(source)} VALUES (1, 'odd', '2037-01-01 00:00:00{late}', NULL)")  # noqa: S608
    now = datetime.now(timezone.utc)

    def between(poll: int) -> None:
        if poll == 2:
            run(session, f"INSERT INTO {quoted(source)} VALUES (2, 'new', '{now:%Y-%m-%d %H:%M:%S}{late}', NULL)")  # noqa: S608

    inlet = MemoryInlet()
    poll(source.collector(), inlet, 4, between)
    assert ids(inlet) == [1, 2]


def test_an_update_comes_again_and_an_inlet_that_fails_loses_nothing(source: Database) -> None:
    session = source.open()
    insert(source, session, {n: f"10:00:0{n}" for n in range(9)})

    def fail(take: int) -> None:
        if take in (2, 4):
            raise SpoolFull("full")

    inlet, collector = MemoryInlet(fail), source.collector()
    for _ in range(2):
        with pytest.raises(SpoolFull):
            poll(collector, inlet)
    poll(collector, inlet)
    assert ids(inlet) == list(range(9))
    zone = "+00" if source.dialect == "postgresql" else ""
    run(session, f"UPDATE {quoted(source)} SET state = 'paid', changed = '2026-03-01 10:00:09{zone}' WHERE id = 4")  # noqa: S608
    poll(source.collector(), inlet)  # another process, as it were: what it knows is the place
    assert ids(inlet) == [*range(9), 4]
    assert json.loads(inlet.taken[-1].body)["state"] == "paid"


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_process_that_is_killed_goes_on_where_it_was(postgres: Database, kill: str, tmp_path: Path) -> None:
    insert(postgres, postgres.open(), dict.fromkeys(range(40), "10:00:00"))
    path, settings = tmp_path / "kept", text_of(postgres.settings().model_dump())
    collect_in_process(settings, path, 40, kill, at=4)
    collect_in_process(settings, path, 40)
    found = [json.loads(one["body"])["id"] for batch in kept(path) for one in batch["deliveries"]]
    assert found == list(range(40))  # the place is kept in the transaction of the rows, so none comes twice


def test_deletes_are_found_and_rows_that_no_watermark_told_of(source: Database, tmp_path: Path) -> None:
    """Rows 1 and 3 are deleted between a poll and its comparison; 3 comes back as it was; 50 is far too low."""
    session = source.open()
    insert(source, session, {n: "10:00:00" for n in range(6)})

    def deleting(take: int) -> None:
        if take == 2:
            run(session, f"DELETE FROM {quoted(source)} WHERE id IN (1, 3)")  # noqa: S608

    def between(polls: int) -> None:
        if polls in (1, 2):
            insert(source, session, {3: "10:00:00"} if polls == 1 else {50: "03:00:00"})

    inlet, settings = MemoryInlet(deleting), source.settings(deletes=True, deletes_every_s=5)
    ticks = iter([0, 1, 2, 10, 10])  # keys are compared after the first poll and after the fourth
    with State(load_settings(home=tmp_path), file="keys.sqlite", prepare=make_key_tables) as state:
        keys = StateKeys(state, "local", "orders")
        poll(SqlCollector(settings, SECRETS, keys, monotonic=ticks.__next__), inlet, 4, between)
        assert len(keys.hashes()) == 6
    changes = [sorted((json.loads(one.body)["id"], one.headers["change"]) for one in batch) for batch in inlet.batches]
    assert changes[:2] == [[(n, "upsert") for n in range(4)], [(4, "upsert"), (5, "upsert")]]
    assert changes[2:] == [[(1, "deleted"), (3, "deleted")], [(3, "upsert")], [(50, "upsert")]]


def test_nothing_is_locked_and_no_transaction_is_open_while_rows_are_taken(source: Database) -> None:
    session = source.open()
    insert(source, session, {n: "10:00:00" for n in range(6)})
    found: list[Any] = []

    def look(_: int) -> None:
        cursor = session.cursor()
        if source.dialect == "postgresql":
            cursor.execute(
                "SELECT state, (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid) FROM pg_stat_activity a "
                "WHERE application_name = %s",
                [f"gembascope {source.table}"],
            )
            found.extend(cursor.fetchall())
        else:
            cursor.execute(
                "SELECT count(*) FROM information_schema.innodb_trx t JOIN information_schema.processlist p "
                "ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()"
            )
            found.extend(cursor.fetchall())
        # An ALTER TABLE needs a lock that no reader may hold.
        run(session, f"ALTER TABLE {quoted(source)} ADD COLUMN more{len(found)} int")

    inlet = MemoryInlet(look)
    poll(source.collector(), inlet)
    assert len(inlet.batches) == 2
    assert set(found) == ({("idle", 0)} if source.dialect == "postgresql" else {(0,)})
    with pytest.raises(CollectorError, match="would write"):
        write_as_the_collector(source)


def write_as_the_collector(source: Database) -> None:
    reading = source.collector()._source
    with reading.connected() as connection, connection.begin():
        reading.session.prepare(connection)
        connection.exec_driver_sql(f"DELETE FROM {quoted(source)}")  # noqa: S608


def test_while_a_query_runs_others_may_write(postgres: Database) -> None:
    """Its locks are those of a SELECT, none on a row, and it does not wait for those of writers."""
    session, writer = postgres.open(), postgres.open()
    insert(postgres, session, {1: "10:00:00"})
    run(writer, "BEGIN", f"UPDATE {quoted(postgres)} SET state = 'held'")  # noqa: S608
    select = f"SELECT o.*, pg_sleep(0.3) AS nap FROM {quoted(postgres)} o WHERE state <> ':x%'"  # noqa: S608
    inlet = MemoryInlet()
    reading = threading.Thread(target=poll, args=(postgres.collector(table=None, select=select), inlet))
    reading.start()
    modes: set[str] = set()
    while reading.is_alive():
        cursor = session.cursor()
        cursor.execute(
            "SELECT DISTINCT mode FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE application_name = 'gembascope select' AND locktype NOT IN ('virtualxid')"
        )
        modes |= {row[0] for row in cursor.fetchall()}
        reading.join(0.02)
    run(writer, "ROLLBACK")
    assert modes == {"AccessShareLock"}
    assert json.loads(inlet.taken[0].body)["state"] == "new"
    assert inlet.taken[0].key == "select/[1]"


def test_a_schema_that_changes_in_the_middle_is_told_and_loses_nothing(source: Database) -> None:
    session = source.open()
    insert(source, session, {n: "10:00:00" for n in range(6)})

    def alter(take: int) -> None:
        if take == 2:
            run(session, f"ALTER TABLE {quoted(source)} RENAME COLUMN changed TO altered")
            raise SpoolFull("full")

    inlet, collector = MemoryInlet(alter), source.collector()
    with pytest.raises(SpoolFull):
        poll(collector, inlet)
    with pytest.raises(CollectorError, match="has no column 'changed'"):
        poll(collector, inlet)
    run(session, f"ALTER TABLE {quoted(source)} RENAME COLUMN altered TO changed")
    run(session, f"ALTER TABLE {quoted(source)} DROP COLUMN state")
    poll(collector, inlet)
    assert ids(inlet) == list(range(6))
    assert "state" not in json.loads(inlet.taken[-1].body)


def test_what_goes_wrong_says_so_and_holds_no_secret(source: Database) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"table": "not there"}, "the table is not there"),
        ({"timezone": None}, "local hold times without a time zone"),
        ({"key": ["nothing"]}, "has no column 'nothing'"),
        ({"watermark": {"column": "changed", "type": "integer"}}, "changed"),
        ({"database": "not_there"}, "database|refused"),
        ({"port": 1}, "does not answer"),
    ]
    insert(source, source.open(), {1: "10:00:00"})
    for changes, message in wrong:
        with pytest.raises(CollectorError, match=message):
            source.collector(**changes).check()
    source.collector().check()
    for bad in ({"select": "SELECT 1"}, {"table": None}, {"dialect": "oracle"}, {"timezone": "Mars"},
                {"table": None, "select": "SELECT * FROM t FOR UPDATE"}, {"table": None, "select": "DELETE FROM t"},
                {"table": None, "select": "SELECT 1; SELECT 2"}):  # fmt: skip
        with pytest.raises(ValidationError):
            source.settings(**bad)


def test_keys_of_all_kinds_and_a_watermark_of_numbers(postgres: Database) -> None:
    session = postgres.open()
    name = f"kinds_{uuid4().hex}"
    run(
        session,
        f"CREATE TYPE {name}_state AS ENUM ('b', 'a')",
        f"CREATE TABLE {name} (shop {name}_state, id uuid, day date, part numeric, raw bytea, n bigint)",
        f"INSERT INTO {name} SELECT (CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END)::{name}_state, "  # noqa: S608
        "gen_random_uuid(), date '2026-03-01' + g % 3, g / 3.0, decode(lpad(to_hex(g), 2, '0'), 'hex'), 7 + g / 20 "
        "FROM generate_series(0, 29) g",
    )
    watermark = {"column": "n", "type": "integer", "overlap": 2}
    changes = {"table": name, "key": ["shop", "id", "day", "part", "raw"], "watermark": watermark}

    def fail(take: int) -> None:
        if take in (3, 5):
            raise SpoolFull("full")

    inlet = MemoryInlet(fail)
    try:
        for _ in range(2):
            with pytest.raises(SpoolFull):
                poll(postgres.collector(**changes), inlet)  # a new one, so that it goes on from the place
        poll(postgres.collector(**changes), inlet)
        assert len({one.key for one in inlet.taken}) == len(inlet.taken) == 30
        run(session, f"DELETE FROM {name} WHERE n > 7", f"UPDATE {name} SET n = 2")  # noqa: S608
        collector = postgres.collector(**changes)
        poll(collector, inlet, 2)
        assert "went back" in collector.notes.all()[0]
    finally:
        run(session, f"DROP TABLE {name}", f"DROP TYPE {name}_state")


def test_a_place_of_other_settings_is_begun_anew(postgres: Database) -> None:
    insert(postgres, postgres.open(), {1: "10:00:00"})
    inlet = MemoryInlet()
    poll(postgres.collector(), inlet)
    poll(postgres.collector(key=["id", "state"]), inlet)
    assert [one.key for one in inlet.taken] == [f"{postgres.table}/[1]", f'{postgres.table}/[1,"new"]']
    with pytest.raises(CollectorError, match="no place in a database"):
        poll(postgres.collector(), MemoryInlet(place="[1]"))


def test_rows_without_a_watermark_are_told(source: Database) -> None:
    run(source.open(), f"INSERT INTO {quoted(source)} VALUES (1, 'new', NULL, NULL)")  # noqa: S608
    collector, inlet = source.collector(), MemoryInlet()
    poll(collector, inlet)
    assert inlet.taken == []
    assert "rows without a changed" in collector.notes.all()[0]


def test_a_row_that_no_watermark_told_of_comes_again_when_it_is_not_taken(source: Database, tmp_path: Path) -> None:
    """Nothing but the comparison of keys sees it, so it may not be known before it is on disk."""
    session = source.open()
    insert(source, session, {1: "10:00:00"})

    def failing(take: int) -> None:
        if take == 2:
            raise SpoolFull("full")

    inlet, settings = MemoryInlet(failing), source.settings(deletes=True, deletes_every_s=5)
    with State(load_settings(home=tmp_path), file="keys.sqlite", prepare=make_key_tables) as state:
        collector = SqlCollector(settings, SECRETS, StateKeys(state, "local", "orders"), monotonic=lambda: 0.0)
        poll(collector, inlet)
        insert(source, session, {50: "03:00:00"})
        collector = SqlCollector(settings, SECRETS, StateKeys(state, "local", "orders"), monotonic=lambda: 0.0)
        with pytest.raises(SpoolFull):
            poll(collector, inlet)
        poll(collector, inlet)
    assert ids(inlet) == [1, 50]


def test_a_key_that_is_null_is_refused_and_rows_beside_it_are_not_passed_over(postgres: Database) -> None:
    run(postgres.open(), f"INSERT INTO {quoted(postgres)} VALUES (1, NULL, '2026-03-01 10:00:00+00', NULL)")  # noqa: S608
    with pytest.raises(CollectorError, match="'state' of the key is null"):
        poll(postgres.collector(key=["id", "state"]), MemoryInlet())
