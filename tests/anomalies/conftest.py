"""Findings and incidents on both state databases, in a tenant of the test's own, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from state_databases import KINDS, empty_database

from anomalies.finding_store import FindingStore
from anomalies.incidents import Incidents
from kernel.clock import FixedClock
from kernel.state.database import State
from kernel.warehouse import Warehouse


@pytest.fixture(scope="session", params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with empty_database(request.param, tmp_path_factory.mktemp("state")) as settings, State(settings) as opened:
        yield opened


@pytest.fixture
def moving() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc))


@pytest.fixture
def incidents(state: State, moving: FixedClock, tenant: str) -> Incidents:
    return Incidents(state, moving, tenant)


@pytest.fixture
def store(warehouse: Warehouse, tenant: str) -> FindingStore:
    return FindingStore(warehouse, tenant)
