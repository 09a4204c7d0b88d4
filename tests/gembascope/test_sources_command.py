"""`gembascope sources` and `gembascope quarantine` on a home that nobody serves: defined, told, mended and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from packs import RULES
from source_desk import order
from typer.testing import CliRunner, Result

from gembascope.cli import app as every
from gembascope.commands import quarantine, sources
from gembascope.workspace import LocalWorkspace
from kernel.clock import SystemClock
from kernel.errors import DefinitionError, InputError, NotFound
from kernel.settings import load_settings
from kernel.warehouse import Warehouse


class Home:
    """A home with a shop's mapping pack, and the commands on it; all share one engine, as a process has one."""

    def __init__(self, folder: Path, warehouse: Warehouse, tenant: str) -> None:
        self.folder, self.warehouse = folder, warehouse
        self.settings = load_settings(home=folder, tenant=tenant)
        mappings = folder / "tenants" / tenant / "mappings"
        mappings.mkdir(parents=True)
        (mappings / "shop.yaml").write_text(yaml.safe_dump(RULES))

    def open(self, *_: Any) -> LocalWorkspace:
        return LocalWorkspace(self.settings, SystemClock(), self.warehouse)

    @property
    def environment(self) -> dict[str, str]:
        return {"COLUMNS": "220", "GEMBASCOPE_TENANT": self.settings.tenant}

    def ask(self, app: Any, *words: str, fails: int = 0, **more: Any) -> Result:
        found = CliRunner().invoke(app, [*words, "--home", str(self.folder)], env=self.environment, **more)
        if found.exception is not None and not isinstance(found.exception, SystemExit):
            raise found.exception
        assert found.exit_code == fails, found.output
        return found

    def take(self, *deliveries: Any) -> None:
        """Deliveries as if a service had taken them."""
        opened = self.open()
        opened.api._source_work().desk.sources.inlet("web").take(deliveries)
        opened.close()

    def account(self) -> dict[str, Any]:
        (found,) = json.loads(self.ask(sources.app, "list", "--json").output)["sources"]
        return found


@pytest.fixture
def home(warehouse: Warehouse, tenant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    found = Home(tmp_path / "home", warehouse, tenant)
    monkeypatch.setattr("gembascope.commands.options.open_workspace", found.open)
    return found


def test_a_source_from_its_definition_to_its_mended_events(home: Home, tmp_path: Path) -> None:
    assert "No source is defined" in home.ask(sources.app, "list").output
    assert "Nothing is in quarantine." in home.ask(quarantine.app, "list").output
    definition = tmp_path / "web.yaml"
    definition.write_text("id: web\ntitle: The shop\npack: shop\ncollect: {kind: cloudevents}\n")
    assert "web is defined: cloudevents, by shop" in home.ask(sources.app, "define", str(definition)).output
    home.take(order(1), order(2, created_at="noon"), order(3, created_at="dusk"), order(1))
    found = home.account()
    counted = {name: found[name] for name in ("received", "stored", "duplicate", "quarantined", "in_spool", "missing")}
    assert counted == {"received": 4, "stored": 1, "duplicate": 1, "quarantined": 2, "in_spool": 0, "missing": 0}
    told = home.ask(sources.app, "list").output
    assert "holds for every source" in told
    assert "web is failing: 2 of 4 events are in quarantine" in told
    shown = home.ask(sources.app, "show", "web").output
    assert "web: The shop" in shown
    assert "stored 1, duplicate 1, quarantined 2, refused 0, in spool 0" in shown

    entries = json.loads(home.ask(quarantine.app, "list", "--json").output)["entries"]
    assert sorted(one["key"] for one in entries) == ["orders/2", "orders/3"]
    by_key = {one["key"]: one["entry"] for one in entries}
    assert "not a time such as" in home.ask(quarantine.app, "list").output
    raw = home.ask(quarantine.app, "show", by_key["orders/2"], "--raw").stdout_bytes
    assert raw == order(2, created_at="noon").body
    assert "header topic" in home.ask(quarantine.app, "show", by_key["orders/2"]).output
    assert "stays: occurred_at: 'noon'" in home.ask(quarantine.app, "replay", "--source", "web", fails=4).output
    mended = raw.replace(b"noon", b"2026-03-02T12:00:00Z")
    repaired = home.ask(quarantine.app, "repair", by_key["orders/2"], input=mended).output
    assert "1 entry out of quarantine, 1 events" in repaired
    assert "1 entry given up" in home.ask(quarantine.app, "discard", by_key["orders/3"]).output
    assert "Nothing is in quarantine." in home.ask(quarantine.app, "list").output
    assert "repaired" in home.ask(quarantine.app, "list", "--ended").output
    found = home.account()
    assert (found["received"], found["stored"], found["quarantined"], found["missing"]) == (4, 2, 1, 0)

    home.ask(sources.app, "remove", "web")
    assert home.account()["kind"] == "events"
    home.ask(every, "audit", "export", str(tmp_path / "audit"))
    kinds = [json.loads(json.loads(line)["content"])["kind"] for line in
             (tmp_path / "audit" / "entries.ndjson").read_text().splitlines()
             if json.loads(line)["chain"] == "sources"]  # fmt: skip
    assert kinds == [
        "source_defined", "quarantine_replayed", "quarantine_repaired", "quarantine_discarded", "source_removed",
    ]  # fmt: skip


def test_what_is_wrong_is_told(home: Home, tmp_path: Path) -> None:
    bad = tmp_path / "web.yaml"
    bad.write_text("id: web\npack: shop\ncollect: {kind: carrier_pigeon}\n")
    with pytest.raises(DefinitionError, match=r"web.yaml:3: collect.*cloudevents"):
        home.ask(sources.app, "define", str(bad))
    bad.write_text("id: web\npack: shp\ncollect: {kind: otlp}\n")
    with pytest.raises(InputError, match=r"pack: no mapping pack 'shp' \(did you mean shop\?\)"):
        home.ask(sources.app, "define", str(bad))
    for words in (("show", "web"), ("remove", "web"), ("resume", "web"), ("stop", "web", "--reason", "why")):
        with pytest.raises(NotFound, match="no source 'web'"):
            home.ask(sources.app, *words)
    with pytest.raises(NotFound, match="there is no entry 'abc' in the quarantine"):
        home.ask(quarantine.app, "show", "abc")
    with pytest.raises(InputError, match="name entries, or the source"):
        home.ask(quarantine.app, "replay")
