"""A world for playbooks on both databases, in a tenant of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playbook_world import World
from state_databases import KINDS, empty_database

from kernel.state.database import State


@pytest.fixture(scope="session", params=KINDS)
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    with empty_database(request.param, tmp_path_factory.mktemp("state")) as settings, State(settings) as opened:
        yield opened


@pytest.fixture
def world(state: State, tenant: str) -> World:
    return World(state, tenant)
