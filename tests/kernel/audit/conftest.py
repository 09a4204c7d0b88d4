"""The audit on both databases, in a tenant of the test's own, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from state_databases import KINDS, empty_database

from kernel.audit.chain import Head, append
from kernel.clock import FixedClock
from kernel.settings import Settings, load_settings
from kernel.state.database import State

Add = Callable[..., Head]


@pytest.fixture(scope="session", params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path_factory.mktemp("state")) as settings:
        yield settings


@pytest.fixture(scope="session")
def state(database: Settings) -> Iterator[State]:
    with State(database) as opened:
        yield opened


@pytest.fixture
def settings(tmp_path: Path, tenant: str) -> Settings:
    """A home of the test's own, for its keys."""
    return load_settings(home=tmp_path / "home", tenant=tenant)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc))


@pytest.fixture
def add(state: State, clock: FixedClock, tenant: str) -> Add:
    """Append one entry to a chain, in a transaction of its own."""

    def added(chain: str, **body: object) -> Head:
        with state.writing() as connection:
            return append(connection, tenant, chain, kind="step", actor="ana", body=body, at=clock.now())

    return added
