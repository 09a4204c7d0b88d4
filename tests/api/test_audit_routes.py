"""The audit over HTTP: its signed head and its entries, for administrators."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from doors import bearer, directory, key, rules

from api.app import create_app
from kernel.access import Role
from kernel.audit.anchors import anchor
from kernel.audit.reading import AuditReader
from kernel.audit.records import StoredAudit
from kernel.audit.signing import SignedHead, public_keys
from kernel.audit.verify import verify
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.process import Processes
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from mining.view import Views

TENANT = "local"


@pytest.fixture
def people(tmp_path: Path, clock: FixedClock) -> Iterator[Directory]:
    with directory(tmp_path / "home", clock) as opened:
        yield opened


@pytest.fixture
def ask(warehouse: Warehouse, people: Directory, clock: FixedClock, tmp_path: Path) -> Any:
    settings = load_settings(home=tmp_path / "home", tenant=TENANT)
    views = Views(warehouse, TENANT, Processes(tmp_path / "processes", TENANT))
    audited = AuditReader(people.state, settings, clock)
    app = create_app(views, clock, rules(people), upload_folder=tmp_path / "uploads", audited=audited)

    def asked(path: str, shown: str) -> httpx.Response:
        async def get() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
                return await client.get(path, headers=bearer(shown))

        return asyncio.run(get())

    return asked


def test_the_head_is_that_of_the_newest_anchor_and_can_be_verified(
    ask: Any, people: Directory, clock: FixedClock, tmp_path: Path
) -> None:
    admin = key(people, Role.ADMIN)
    assert ask("/api/v1/audit/head", admin).status_code == 404
    anchor(people.state, TENANT, clock)
    key(people, Role.VIEWER)
    head = msgspec.convert(ask("/api/v1/audit/head", admin).json(), SignedHead)
    keys = public_keys(load_settings(home=tmp_path / "home"))
    found = verify(StoredAudit(people.state, TENANT), TENANT, [head], keys)
    assert (found.breaches, found.covered_by, found.not_covered) == ([], 1, 1)


def test_entries_come_page_by_page(ask: Any, people: Directory) -> None:
    admin = key(people, Role.ADMIN)
    for _ in range(3):
        key(people, Role.VIEWER)
    first = ask("/api/v1/audit/keys?limit=3", admin).json()
    assert ([entry["number"] for entry in first["entries"]], first["next"]) == ([1, 2, 3], 3)
    assert first["entries"][0]["kind"] == "key_created"
    last = ask("/api/v1/audit/keys?limit=3&after=3", admin).json()
    assert ([entry["number"] for entry in last["entries"]], last["next"]) == ([4], None)
    assert ask("/api/v1/audit/run:1", admin).status_code == 404
    assert ask("/api/v1/audit/keys?limit=0", admin).status_code == 422


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_who_does_not_administer_is_told_nothing(ask: Any, people: Directory, role: Role) -> None:
    shown = key(people, role)
    for path in ("/api/v1/audit/head", "/api/v1/audit/keys", "/api/v1/audit/nothing"):
        answer = ask(path, shown)
        assert answer.status_code == 403
        assert "key_created" not in answer.text
