"""`gembascope erase` on a home that nobody serves, and the routes behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from erased_customer import CUSTOMER, HISTORY, SOURCE
from sent_events import body
from typer.testing import CliRunner, Result

from gembascope.commands import audit
from gembascope.commands.erase import app
from gembascope.workspace import LocalWorkspace
from kernel.clock import SystemClock
from kernel.errors import InputError, NotFound
from kernel.settings import Settings
from kernel.warehouse import Warehouse


@pytest.fixture
def settings(warehouse: Warehouse, tenant: str) -> Settings:
    """Those of the warehouse: the erasure is recorded where the warehouse says that the state is."""
    return warehouse.settings.model_copy(update={"tenant": tenant})


@pytest.fixture
def home(settings: Settings, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Path:
    def opened(*_: Any) -> LocalWorkspace:
        return LocalWorkspace(settings, SystemClock(), warehouse)

    monkeypatch.setattr("gembascope.commands.options.open_workspace", opened)
    monkeypatch.setenv("GEMBASCOPE_TENANT", settings.tenant)
    return settings.home


def ask(home: Path, *words: str, fails: int = 0, of: Any = app) -> Result:
    found = CliRunner().invoke(of, [*words, "--home", str(home)], env={"COLUMNS": "220"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == fails, found.output
    return found


def test_somebody_is_forgotten_by_a_command(home: Path, settings: Settings, warehouse: Warehouse) -> None:
    assert "Nothing was erased." in ask(home, "--list").output
    opened = LocalWorkspace(settings, SystemClock(), warehouse)
    opened.send([body(*HISTORY)], SOURCE)
    told = ask(home, "customer", CUSTOMER, "--reason", "a letter of 1 March").output
    assert "1 events deleted, 5 rewritten, 4 values of attributes, 2 links, 0 entries" in told
    assert "Verified: nothing of it is left." in told
    (listed,) = json.loads(ask(home, "--list", "--json").output)["erasures"]
    assert (listed["verified"], listed["ordered_by"], listed["reason"]) == (True, "local", "a letter of 1 March")
    assert not {"subject", "digest"} & set(listed)
    assert opened.get(f"/api/v1/erasures/{listed['erasure']}") == listed
    with pytest.raises(NotFound, match="there is no erasure 'none'"):
        opened.get("/api/v1/erasures/none")
    again = json.loads(ask(home, "customer", CUSTOMER, "--reason", "once more", "--json").output)
    assert (again["found"], again["verified"], again["phase"]) == (0, True, "done")
    assert "verified" in ask(home, "--list").output
    entries = json.loads(ask(home, "show", "sources", "--json", of=audit.app).output)["entries"]
    assert [one["kind"] for one in entries] == ["subject_erasure_ordered", "subject_erased"] * 2
    assert entries[1]["body"]["events_deleted"] == 1
    assert CUSTOMER not in json.dumps(entries)
    (account,) = opened.get("/api/v1/sources")["sources"]
    assert (account["stored"], account["missing"]) == (9, 0)
    assert opened.api._source_work().desk.unconserved() == []
    opened.close()


def test_what_is_wrong_is_told(home: Path) -> None:
    with pytest.raises(InputError, match="expected OBJECT_TYPE ID --reason TEXT"):
        ask(home, "customer", CUSTOMER)
    with pytest.raises(InputError, match="must not name"):
        ask(home, "customer", CUSTOMER, "--reason", f"{CUSTOMER} wrote")
    with pytest.raises(InputError, match="set GEMBASCOPE_PSEUDONYM_KEY"):
        ask(home, "customer", "ada", "--reason", "she wrote", "--pseudonymise")
