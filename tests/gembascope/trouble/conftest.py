"""A home in trouble, and the same home through a service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import CHEAP, LOCAL, rules
from running_api import running
from troubled_home import troubled

from api.app import create_app
from gembascope.operations import operations
from gembascope.workspace import LocalWorkspace, RemoteWorkspace
from kernel.clock import FixedClock, SystemClock
from kernel.identity.directory import Directory
from kernel.settings import load_settings
from kernel.warehouse import Warehouse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(warehouse: Warehouse, clock: FixedClock, home: Path, tenant: str) -> Iterator[LocalWorkspace]:
    home.mkdir()
    workspace = LocalWorkspace(load_settings(home=home, tenant=tenant), clock, warehouse)
    troubled(workspace)
    yield workspace
    workspace.close()


@pytest.fixture
def people(opened: LocalWorkspace) -> Iterator[Directory]:
    with Directory(opened.settings, SystemClock(), CHEAP) as found:
        yield found


@pytest.fixture
def service(opened: LocalWorkspace, people: Directory, clock: FixedClock, home: Path) -> Iterator[str]:
    """The same home through a service, which does no work by itself."""
    desk = operations(opened, people.state).desk
    app = create_app(opened.views, clock, rules(people, open_house=False), upload_folder=home / "uploads", desk=desk)
    with running(app) as url:
        yield url


@pytest.fixture
def remote(service: str) -> Iterator[RemoteWorkspace]:
    workspace = RemoteWorkspace(service, LOCAL)
    yield workspace
    workspace.close()
