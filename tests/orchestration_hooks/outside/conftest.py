"""State databases for what is kept here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from state_databases import KINDS, empty_database

from kernel.settings import Settings
from kernel.state.database import State


@pytest.fixture(params=KINDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    with empty_database(request.param, tmp_path) as found:
        yield found


@pytest.fixture
def state(settings: Settings) -> Iterator[State]:
    with State(settings) as opened:
        yield opened
