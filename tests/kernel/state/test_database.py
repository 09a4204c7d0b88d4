"""The state database: the same on SQLite and on PostgreSQL, whole transactions or nothing, errors without data."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, inspect, select, text
from state_databases import KINDS, empty_database

from kernel.errors import SettingsError, StateConflict, StateError, StateUnavailable
from kernel.settings import Settings, load_settings
from kernel.state import database
from kernel.state.database import State
from kernel.state.migrating import FOLDER, NEWEST
from kernel.state.tables import METADATA
from kernel.state.tables.base import Instant

COUNTERS = Table("counters", MetaData(), Column("name", String(40), primary_key=True), Column("value", Integer))
LATE = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc)


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def state(settings: Settings) -> Iterator[State]:
    with State(settings) as opened:
        with opened.writing() as connection:
            COUNTERS.create(connection)
            connection.execute(COUNTERS.insert().values(name="one", value=0))
        yield opened


def value(state: State) -> int:
    with state.reading() as connection:
        return int(connection.execute(select(COUNTERS.c.value)).scalar_one())


def test_the_newest_migration_is_known_without_reading_any() -> None:
    found = ScriptDirectory(str(FOLDER))
    assert found.get_current_head() == NEWEST
    assert all(Path(one.path).name.partition("_")[0] == one.revision for one in found.walk_revisions())


def test_the_migrations_make_the_tables_that_the_code_names(settings: Settings) -> None:
    with State(settings) as state, state.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_tenant_leads_the_key_of_every_table(settings: Settings) -> None:
    with State(settings) as state, state.reading() as connection:
        found = inspect(connection)
        names = set(found.get_table_names()) - {"alembic_version"}
        assert names == set(METADATA.tables)
        for name in names:
            assert found.get_pk_constraint(name)["constrained_columns"][0] == "tenant"
            for unique in found.get_unique_constraints(name):
                assert unique["column_names"][0] == "tenant"


def test_opening_again_changes_nothing_and_opening_together_works(settings: Settings) -> None:
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: State(settings), range(4)))
    for state in opened:
        state.close()
    with State(settings) as state, state.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_database_of_a_newer_version_is_left_alone(settings: Settings) -> None:
    with State(settings) as state, state.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StateError, match="9999, which this version does not know"):
        State(settings)


def test_a_transaction_is_whole_or_nothing(state: State) -> None:

    def interrupted() -> None:
        with state.writing() as connection:
            connection.execute(COUNTERS.update().values(value=7))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert value(state) == 0
    with state.writing() as connection:
        connection.execute(COUNTERS.update().values(value=7))
    assert value(state) == 7


def test_readers_see_one_state_and_do_not_wait_for_a_writer(state: State) -> None:
    with state.writing() as writer:
        writer.execute(COUNTERS.update().values(value=7))
        assert value(state) == 0
    assert value(state) == 7


def test_no_count_is_lost_between_writers(settings: Settings, state: State) -> None:
    """Two engines, as of two processes, four threads each; every one reads and then writes."""

    def count(mine: State) -> None:
        for _ in range(25):
            with mine.writing() as connection:
                found = connection.execute(select(COUNTERS.c.value).with_for_update()).scalar_one()
                connection.execute(COUNTERS.update().values(value=found + 1))

    with State(settings) as other, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(count, one) for one in (state, other) for _ in range(4)]:
            done.result()
    assert value(state) == 200


def test_a_killed_writer_leaves_nothing(settings: Settings, state: State) -> None:
    url = settings.state_url.get_secret_value() if settings.state_url else ""
    code = (
        "import os, signal, sys\nfrom kernel.settings import load_settings\nfrom kernel.state.database import State\n"
        "from sqlalchemy import text\n"
        "state = State(load_settings(home=sys.argv[1], state_url=sys.argv[2] or None))\n"
        "with state.writing() as connection:\n"
        "    connection.execute(text('UPDATE counters SET value = 9'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(settings.home), url], check=False, timeout=60)
    assert done.returncode == -9
    with state.writing() as connection:
        connection.execute(COUNTERS.update().values(value=COUNTERS.c.value + 1))
    assert value(state) == 1


@pytest.fixture
def limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[State, State]]:
    """Two processes' engines on a PostgreSQL that ends idle transactions at once, and has nobody wait long."""
    monkeypatch.setattr(database, "IDLE_S", 0.5)
    monkeypatch.setattr(database, "LOCK_S", 1.5)
    with empty_database("postgresql", tmp_path) as settings, State(settings) as one, State(settings) as other:
        with one.writing() as connection:
            COUNTERS.create(connection)
            connection.execute(COUNTERS.insert().values(name="one", value=0))
        yield one, other


ADDING = COUNTERS.update().values(value=COUNTERS.c.value + 1)


def test_a_transaction_in_which_nothing_is_said_is_ended(limited: tuple[State, State]) -> None:
    """A process that is stopped in the middle of one keeps nobody waiting for longer, and is told when it goes on."""
    one, other = limited
    with pytest.raises(StateUnavailable), one.writing() as stopped:  # noqa: PT012
        stopped.execute(ADDING)
        with other.writing() as connection:
            connection.execute(ADDING)
        stopped.execute(ADDING)
    with one.writing() as connection:
        connection.execute(ADDING)
    assert value(one) == 2


def test_a_lock_is_not_waited_for_for_ever(limited: tuple[State, State]) -> None:
    one, other = limited
    over = threading.Event()
    with ThreadPoolExecutor(1) as pool, one.writing() as busy:
        busy.execute(ADDING)

        def add() -> None:
            with other.writing() as connection:
                connection.execute(ADDING)
            over.set()

        waiting = pool.submit(add)
        while not waiting.done():  # it says something all the time, so it is not taken for stopped
            busy.execute(select(COUNTERS.c.value))
            over.wait(0.05)
        with pytest.raises(StateUnavailable):
            waiting.result()
    assert value(one) == 1


def test_instants_come_back_equal_in_utc_and_in_order(state: State) -> None:
    moments = Table("moments", MetaData(), Column("at", Instant, primary_key=True))
    given = [
        datetime(1970, 1, 1, tzinfo=timezone.utc),
        datetime(2026, 3, 29, 3, 30, 0, 1, tzinfo=timezone(timedelta(hours=2))),
        LATE,
    ]
    with state.writing() as connection:
        moments.create(connection)
        connection.execute(moments.insert(), [{"at": at} for at in reversed(given)])
    with state.reading() as connection:
        found = list(connection.execute(select(moments.c.at).order_by(moments.c.at)).scalars())
    assert found == given
    assert all(at.utcoffset() == timedelta(0) for at in found)
    with pytest.raises(StateError), state.writing() as connection:
        connection.execute(moments.insert().values(at=datetime(2026, 1, 1)))  # noqa: DTZ001


def test_what_is_there_already_is_a_conflict_and_no_error_repeats_values(state: State) -> None:
    with pytest.raises(StateConflict) as caught, state.writing() as connection:
        connection.execute(COUNTERS.insert().values(name="one", value=1))
    assert "one" not in str(caught.value).split()
    with pytest.raises(StateError) as caught, state.writing() as connection:
        connection.execute(text("SELECT nothing FROM counters WHERE name = 'a secret'"))
    assert "secret" not in str(caught.value)


def test_a_writer_in_one_thread_waits_for_its_turn(state: State) -> None:
    entered = threading.Event()

    def second() -> None:
        with state.writing() as connection:
            connection.execute(COUNTERS.update().values(value=COUNTERS.c.value + 1))
        entered.set()

    with state.writing() as connection:
        connection.execute(COUNTERS.update().values(value=COUNTERS.c.value + 1))
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.2)
    thread.join()
    assert value(state) == 2


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    with State(load_settings(home=tmp_path)):
        assert stat.S_IMODE((tmp_path / "state.sqlite").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root@127.0.0.1/state",
        "no url at all",
        "sqlite:///elsewhere.sqlite",
        "postgresql://u:pw@x:hunter2@host/db",
    ],
)
def test_another_kind_of_database_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="expected postgresql://"):
        State(load_settings(home=tmp_path, state_url=SecretStr(url)))


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://somebody:a-password@127.0.0.1:9/state"
    with pytest.raises(StateUnavailable) as caught:
        State(load_settings(home=tmp_path, state_url=SecretStr(url)))
    assert "a-password" not in str(caught.value)
    assert caught.value.retryable


def test_several_open_a_new_file_at_once(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    with ThreadPoolExecutor(4) as pool:
        for number in range(60):
            opened = [pool.submit(State, settings, file=f"{number}.sqlite", prepare=_nothing) for _ in range(4)]
            for one in opened:
                one.result().close()


def _nothing(_: Connection) -> None:
    """A file that needs no tables."""
