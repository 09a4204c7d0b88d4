"""Fixtures that every test may use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from examples import DEPTH

from kernel.clock import FixedClock
from kernel.schema import migrate
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

ROOT = Path(__file__).resolve().parent.parent
EITHER = (frozenset({"sqlite", "postgresql"}), frozenset({"light", "dark"}))
"""Values of parameters of which a test is run with one alone where laws are tried in less than half of their depth."""


LONGEST = (
    "browser/test_served_demo",
    "benchmarks/test_harness",
    "faults/test_faults",
    "ingest/mappings/test_native_same_as_ocel",
    "ingest/erasing/test_laws",
    "browser/test_trouble_pages",
    "ingest/erasing/test_erasing",
    "mining/test_public_logs",
    "ingest/test_store",
    "browser/test_sign_in",
    "faults/test_sabotages",
    "gembascope/test_served_sources",
    "gembascope/test_written_from_pages",
    "gembascope/test_send",
    "simulator/test_catalogue_promises",
    "ingest/test_live_killed",
    "ingest/erasing/test_killed",
    "gembascope/test_command_line",
    "browser/test_walk",
    "gembascope/test_service",
)
"""The files that take longest. They begin first: one that began last would be waited for by all."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if DEPTH < 0.5:
        _draw(config, items)
    places = {f"tests/{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONGEST)))


def _draw(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Draw them by the name of the test, and tell how many tests are left out. Where the databases themselves are
    tested, both are."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        drawn = callspec is None or item.nodeid.startswith("tests/kernel/") or _is_drawn(item.nodeid, callspec.params)
        (kept if drawn else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def _is_drawn(node: str, params: dict[str, Any]) -> bool:
    for values in EITHER:
        for value in params.values():
            if isinstance(value, str) and value in values:
                others = node.replace(value, "")
                chosen = sorted(values)[hashlib.blake2b(others.encode(), digest_size=1).digest()[0] % 2]
                if value != chosen:
                    return False
    return True


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public event logs beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GEMBASCOPE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the public logs are not at {folder} (set GEMBASCOPE_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def clock() -> FixedClock:
    """A clock that stands still unless a test moves it."""
    return FixedClock(datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc))


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[Warehouse]:
    """One warehouse for the whole session: the embedded engine takes one folder per process. Tests keep apart by
    tenant. With GEMBASCOPE_TEST_CLICKHOUSE=http it is reached over ClickHouse's HTTP protocol instead, with
    GEMBASCOPE_TEST_CLICKHOUSE_URL on a server."""
    home = tmp_path_factory.mktemp("home")
    url = os.environ.get("GEMBASCOPE_TEST_CLICKHOUSE_URL")
    with ExitStack() as stack:
        if url is None and os.environ.get("GEMBASCOPE_TEST_CLICKHOUSE") == "http":
            from clickhouse_server import running_server

            url = stack.enter_context(running_server(home / "server", password="a password")).url("gembascope")
        settings = load_settings(home=home, warehouse_url=url, query_rows=5_000_000)
        opened = stack.enter_context(Warehouse(settings))
        migrate(opened, clock)
        yield opened


def _tenant_of(node: str) -> str:
    return "t" + hashlib.blake2b(node.encode(), digest_size=10).hexdigest()


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own."""
    return _tenant_of(request.node.nodeid)


@pytest.fixture(scope="module")
def shared_tenant(request: pytest.FixtureRequest) -> str:
    """A tenant for the tests of one file, of a log that none of them changes."""
    return _tenant_of(request.node.nodeid)
