"""`gembascope audit` as a person meets it: a head that is kept elsewhere, a verdict, and exit codes for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from gembascope.commands.audit import app as audit
from gembascope.commands.users import app as users
from kernel.errors import AuditBroken, InputError, NotFound, exit_code
from kernel.settings import load_settings
from kernel.state.database import State


def run(app: Any, *words: str) -> str:
    ended = CliRunner().invoke(app, list(words))
    if ended.exception is not None:
        ended.exception.add_note(ended.stdout)  # what was printed before
        raise ended.exception
    return ended.stdout


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two people."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GEMBASCOPE_HOME", str(tmp_path / "home"))
    for name in ("ana@shop.example", "bo@shop.example"):
        run(users, "add", name, "--role", "viewer")
    return tmp_path / "home"


def tampered(home: Path, *statements: str) -> None:
    """As somebody who may change tables does it."""
    with State(load_settings(home=home)) as state, state.writing() as connection:
        for name in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER audit_entries_no_{name}"))
        for statement in statements:
            connection.execute(text(statement))


def test_a_head_that_is_kept_elsewhere_proves_what_was_recorded(home: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    run(audit, "head", "--out", str(head))
    assert json.loads(head.read_bytes())["entries"] == 2
    assert json.loads(run(audit, "head"))["anchor"] == 1
    told = run(audit, "verify", "--head", str(head))
    assert "Read 2 entries of 1 chains, and 1 anchors." in told
    assert "0 entries are not covered" in told
    assert "Nothing was changed." in told
    run(users, "disable", "ana@shop.example")
    assert "1 entries are not covered" in run(audit, "verify", "--head", str(head))
    assert "No head covers them" in run(audit, "verify")
    found = json.loads(run(audit, "verify", "--head", str(head), "--json"))
    assert found == {
        "intact": True,
        "chains": 1,
        "entries": 3,
        "anchors": 1,
        "covered_by": 1,
        "not_covered": 1,
        "found": 0,
        "findings": [],
    }


def test_what_was_changed_is_named_and_ends_with_a_code_of_its_own(home: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    run(audit, "head", "--out", str(head))
    tampered(home, "UPDATE audit_entries SET content = replace(content, 'local', 'bo') WHERE number = 1")
    with pytest.raises(AuditBroken, match="2 findings") as caught:
        run(audit, "verify", "--head", str(head))
    assert exit_code(caught.value) == 10
    assert "changed: users 1: its content is not what was hashed" in caught.value.__notes__[0]
    with pytest.raises(AuditBroken) as caught:
        run(audit, "verify", "--json")
    found = json.loads(caught.value.__notes__[0])
    assert (found["intact"], found["findings"][0]["kind"], found["findings"][0]["number"]) == (False, "changed", 1)


def test_an_end_that_was_cut_off_is_missed(home: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    run(audit, "head", "--out", str(head))
    (hash_,) = [entry["hash"] for entry in json.loads(run(audit, "show", "users", "--json"))["entries"][:1]]
    tampered(
        home,
        "DELETE FROM audit_entries WHERE number = 2",
        f"UPDATE audit_chains SET number = 1, hash = '{hash_}'",  # noqa: S608
    )
    with pytest.raises(AuditBroken) as caught:
        run(audit, "verify", "--head", str(head))
    assert "cut: users 2: the chain ends at 1; 2 was there by anchor 1" in caught.value.__notes__[0]


def test_an_export_is_verified_without_the_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, keys, kept = tmp_path / "export", tmp_path / "keys.pem", tmp_path / "head.json"
    assert "2 entries of 1 chains, to anchor 1" in run(audit, "export", str(folder))
    run(audit, "keys", "--out", str(keys))
    shutil.copy(folder / "head.json", kept)
    shutil.rmtree(home)
    assert "Nothing was changed." in run(audit, "verify", str(folder), "--head", str(kept), "--key", str(keys))
    ended = CliRunner().invoke(audit, ["verify", str(folder), "--head", str(kept)])
    assert (ended.exit_code, "keys are those of the export" in ended.stderr.lower()) == (0, True)
    assert not home.exists()
    lines = (folder / "entries.ndjson").read_bytes().splitlines(keepends=True)
    (folder / "entries.ndjson").write_bytes(lines[0])
    with pytest.raises(AuditBroken, match="1 findings"):
        run(audit, "verify", str(folder), "--head", str(kept), "--key", str(keys))
    (folder / "entries.ndjson").unlink()
    with pytest.raises(NotFound, match="no entries"):
        run(audit, "verify", str(folder), "--head", str(kept))


def test_the_entries_of_a_chain_are_shown(home: Path) -> None:
    shown = run(audit, "show", "users")
    assert "user_added" in shown
    assert "ana@shop.example" not in shown
    assert len(json.loads(run(audit, "show", "users", "--after", "1", "--json"))["entries"]) == 1
    with pytest.raises(NotFound, match="no chain 'run:1'"):
        run(audit, "show", "run:1")


def test_heads_of_a_replaced_key_stay_verifiable_and_the_change_is_recorded(home: Path, tmp_path: Path) -> None:
    head = tmp_path / "head.json"
    run(audit, "head", "--out", str(head))
    changed = json.loads(run(audit, "rotate-key", "--json"))
    assert changed["old_key_id"] == json.loads(head.read_bytes())["key_id"]
    assert json.loads(run(audit, "head"))["key_id"] == changed["new_key_id"]
    assert run(audit, "keys").count("BEGIN PUBLIC KEY") == 2
    assert "Nothing was changed." in run(audit, "verify", "--head", str(head))
    assert json.loads(run(audit, "show", "audit", "--json"))["entries"][0]["body"] == changed


def test_files_that_cannot_be_read_or_written_are_named(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="absent"):
        run(audit, "verify", "--head", str(tmp_path / "absent"))
    with pytest.raises(InputError, match="nowhere"):
        run(audit, "head", "--out", str(tmp_path / "nowhere" / "head.json"))
    with pytest.raises(NotFound, match="nothing was recorded"):
        run(audit, "head", "--tenant", "other")
