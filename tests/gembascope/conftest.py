"""One home, asked directly and through a service."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from doors import directory, key, rules
from running_api import running
from sdk_orders import MAPPING, ORDERS, TENANT

import gembascope as gs
from api.app import create_app
from gembascope.workspace import LocalWorkspace
from kernel.access import Role
from kernel.clock import Clock
from kernel.settings import load_settings
from kernel.warehouse import Warehouse


@pytest.fixture(scope="module")
def local(warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gs.Workspace]:
    """A workspace over the session's warehouse, holding ORDERS."""
    settings = load_settings(home=tmp_path_factory.mktemp("home"), tenant=TENANT)
    path = tmp_path_factory.mktemp("files") / "orders.csv"
    path.write_text(ORDERS)
    with gs.Workspace(LocalWorkspace(settings, clock, warehouse)) as opened:
        mapping = MAPPING | {"case_columns": ["region"]}
        opened.ingest(path, process="orders", mapping=mapping)
        yield opened


@pytest.fixture(scope="module")
def remote(local: gs.Workspace, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gs.Workspace]:
    """The same home through a service."""
    opened = local._connection
    assert isinstance(opened, LocalWorkspace)
    with directory(tmp_path_factory.mktemp("people"), clock, TENANT) as people:
        door = rules(people, open_house=False)
        app = create_app(opened.views, clock, door, upload_folder=tmp_path_factory.mktemp("uploads"))
        with running(app) as url, gs.connect(url, token=key(people, Role.OPERATOR)) as found:
            yield found
