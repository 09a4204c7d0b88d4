"""People and keys on both databases, in a tenant of the test's own, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from argon2 import PasswordHasher
from state_databases import KINDS, empty_database

from kernel.clock import FixedClock
from kernel.identity.keys import ApiKeys
from kernel.identity.passwords import Passwords
from kernel.identity.sessions import Sessions
from kernel.identity.users import Users
from kernel.state.database import State

PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
"""As cheap as they get: what is tested is not how much they cost."""


@pytest.fixture(scope="session", params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with empty_database(request.param, tmp_path_factory.mktemp("state")) as settings, State(settings) as opened:
        yield opened


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc))


@pytest.fixture
def users(state: State, clock: FixedClock, tenant: str) -> Users:
    return Users(state, clock, tenant, PASSWORDS)


@pytest.fixture
def sessions(state: State, clock: FixedClock, tenant: str) -> Sessions:
    return Sessions(state, clock, tenant)


@pytest.fixture
def keys(state: State, clock: FixedClock, tenant: str) -> ApiKeys:
    return ApiKeys(state, clock, tenant, b"pepper")
