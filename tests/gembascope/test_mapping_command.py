"""`gembascope mapping`: a pack is held against what was recorded, and fixtures are made of what is sent."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from packs import RULES
from typer.testing import CliRunner

from gembascope.commands.mapping import app

SENT = {
    "ping": {},
    "orders/create": {"id": "O-1", "created_at": "2026-03-02T10:16:00Z", "total": 100},
    "spans": {"spans": [{"a": "A", "t": 5}, {"a": "B", "t": 6}]},
    "refunds": {},
}


def run(home: Path, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, [*words, "--home", str(home)], env={"COLUMNS": "200"})
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


def test_a_pack_is_recorded_tested_and_found_out(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local" / "mappings"
    folder.mkdir(parents=True)
    (folder / "shop.yaml").write_text(yaml.safe_dump(RULES))
    code, told = run(tmp_path, "test", "shop")
    assert code == 1
    assert "shop 1: NOT KEPT; fixtures 0" in told
    assert "no fixture has a record for the rule 'spans'" in told
    for topic, body in SENT.items():
        file = tmp_path / "sent.json"
        file.write_text(json.dumps(body))
        name = topic.replace("/", "-")
        given = ("--header", f"topic={topic}", "--header", "event-id=e-1", "--name", name)
        assert run(tmp_path, "record", "shop", str(file), *given)[0] == 0
    code, told = run(tmp_path, "test", "shop", "--json")
    (found,) = json.loads(told)["packs"]
    assert (code, found["kept"], found["unproven_rules"]) == (0, True, [])
    assert [(one["fixture"], one["events"], one["quarantined"], one["ignored"]) for one in found["fixtures"]] == [
        ("orders-create", 1, 0, 0),
        ("ping", 0, 0, 1),
        ("refunds", 0, 1, 0),
        ("spans", 2, 0, 0),
    ]
    (folder / "shop.yaml").write_text(yaml.safe_dump(RULES).replace("is: web", "is: store"))
    code, told = run(tmp_path, "test", str(folder / "shop.yaml"))
    assert code == 1
    assert '-        "channel": "web"' in told
    assert '+        "channel": "store"' in told
    code, told = run(tmp_path, "list", "--json")
    (own,) = [one for one in json.loads(told)["packs"] if not one["shipped"]]
    assert (own["pack"], own["version"], own["rules"], own["fixtures"]) == ("shop", 1, 3, 4)


def test_a_fixture_that_is_none_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "tenants" / "local" / "mappings"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop.yaml").write_text(yaml.safe_dump(RULES))
    (folder / "shop" / "odd.json").write_text('{"deliverys": []}')
    found = CliRunner().invoke(app, ["test", "shop", "--home", str(tmp_path)])
    assert "this is no fixture" in str(found.exception)
