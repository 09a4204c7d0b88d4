"""State databases for messages and alerts: one of each kind for the session, emptied of them before each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from state_databases import KINDS, empty_database

from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables import ALERT_GROUPS, ALERT_MEMBERS, OUTBOX, RECEIVED_CALLBACKS


@pytest.fixture(scope="session", params=KINDS)
def messages_settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path_factory.mktemp("messages")) as found:
        yield found


@pytest.fixture(scope="session")
def messages_state(messages_settings: Settings) -> Iterator[State]:
    with State(messages_settings) as opened:
        yield opened


@pytest.fixture
def no_messages(messages_state: State) -> State:
    with messages_state.writing() as connection:
        for table in (OUTBOX, ALERT_MEMBERS, ALERT_GROUPS, RECEIVED_CALLBACKS):
            connection.execute(table.delete())
    return messages_state
