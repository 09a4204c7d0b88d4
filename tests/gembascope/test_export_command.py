"""`gembascope export`: files in every form, from a home and through its service alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from doors import LOCAL, directory, rules
from logs import frame as frame_of
from logs import happened, stored
from running_api import running

from api.app import create_app
from gembascope.commands import export as command
from gembascope.workspace import LocalWorkspace, RemoteWorkspace, Workspace
from ingest.export import KINDS
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound, WarehouseUnavailable
from kernel.process import write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

EVENTS = [
    happened("Placed", "1m", "1", "2", attributes={"note": "<script>alert(1)</script>", "count": 5}),
    happened("Paid", "2m", "1", actor="ann"),
    happened("Paid", "3m", "3", actor="NA"),
]


@pytest.fixture
def local(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> LocalWorkspace:
    """A home that holds EVENTS as the process `p`."""
    view = stored(warehouse, clock, tenant, frame_of(EVENTS))
    settings = load_settings(home=tmp_path / "home", tenant=tenant)
    write_process(tmp_path / "home" / "tenants" / tenant / "processes", view.definition)
    return LocalWorkspace(settings, clock, warehouse)


@pytest.fixture
def remote(local: LocalWorkspace, clock: FixedClock, tmp_path: Path) -> Iterator[RemoteWorkspace]:
    """The same home through its service."""
    with directory(tmp_path / "people", clock) as people:
        app = create_app(local.views, clock, rules(people), upload_folder=tmp_path / "uploads")
        with running(app) as url:
            opened = RemoteWorkspace(url, LOCAL)
            yield opened
            opened.close()
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.fixture
def run(local: LocalWorkspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """The command, run on the home; gives what it printed."""

    @contextmanager
    def opened(*_: Any) -> Iterator[Workspace]:
        yield local

    monkeypatch.setattr(command, "workspace", opened)

    def called(*words: str) -> str:
        typer.main.get_command(command.app).main(list(words), standalone_mode=False)
        return capfd.readouterr().out

    return called


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_gives_the_same_file(
    local: LocalWorkspace, remote: RemoteWorkspace, tmp_path: Path, kind: str
) -> None:
    folders = (tmp_path / "one", tmp_path / "other")
    words = {"activity": ["Paid"]}
    documents = []
    for asked, folder in zip((local, remote), folders, strict=True):
        folder.mkdir()
        documents.append(asked.export("p", kind, folder / "log", words))
    assert [(each["cases"], each["events"]) for each in documents] == [(2, 3), (2, 3)]
    first, second = ({each.name: each.read_bytes() for each in folder.iterdir()} for folder in folders)
    assert first.keys() == second.keys()
    assert (set(first) == {"log", "log.mapping.yaml"}) == (kind in ("csv", "parquet"))
    assert {name: content for name, content in first.items() if kind != "ocel-sqlite"} == (
        {name: content for name, content in second.items() if kind != "ocel-sqlite"}
    )


def test_a_service_refuses_as_a_home_does(local: LocalWorkspace, remote: RemoteWorkspace, tmp_path: Path) -> None:
    for asked in (local, remote):
        with pytest.raises(NotFound, match="p has no activity 'Payd'"):
            asked.export("p", "csv", tmp_path / "log.csv", {"activity": ["Payd"]})
        with pytest.raises(NotFound, match="no process 'q'"):
            asked.export("q", "csv", tmp_path / "log.csv", {})
        with pytest.raises(InputError, match="anchor due"):
            asked.export("p", "csv", tmp_path / "log.csv", {"anchor": ["due"], "since": ["2024-01-01"]})
        with pytest.raises(InputError, match="'xml' is not one of"):
            asked.export("p", "xml", tmp_path / "log.csv", {})
        with pytest.raises((InputError, WarehouseUnavailable), match="cannot be written"):
            asked.export("p", "csv", tmp_path / "none" / "log.csv", {})
    assert not (tmp_path / "log.csv").exists()


def test_the_command_writes_and_tells(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "log.csv"
    shown = run("p", "--out", str(out), "--activity", "Placed")
    assert "2 cases, 2 events" in shown
    assert "log.csv.mapping.yaml" in shown
    header, *rows = out.read_text().splitlines()
    assert header == "case,activity,time,actor,system,sequence,objects,repeats,count,note"
    assert len(rows) == 3  # the event of two cases is there for each
    told = json.loads(run("p", "--out", str(tmp_path / "x"), "--format", "ocel-json", "--json"))
    assert told | {"file": "", "process": ""} == {
        **{"process": "", "format": "ocel-json", "file": "", "mapping": None, "cases": 3, "events": 3}
    }


def test_a_file_that_is_there_stays_unless_forced(run: Any, tmp_path: Path) -> None:
    out = tmp_path / "log.xes"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"log.xes exists; --force replaces it"):
        run("p", "--out", str(out))
    assert out.read_text() == "mine"
    run("p", "--out", str(out), "--force")
    assert out.read_text().startswith("<?xml")
    (tmp_path / "a.csv.mapping.yaml").write_text("mine")
    with pytest.raises(InputError, match=r"a.csv.mapping.yaml exists"):
        run("p", "--out", str(tmp_path / "a.csv"))
    with pytest.raises(InputError, match="there is no folder"):
        run("p", "--out", str(tmp_path / "none" / "a.csv"))
    with pytest.raises(InputError, match="is a folder"):
        run("p", "--out", str(tmp_path), "--format", "csv", "--force")
    with pytest.raises(InputError, match="its end tells no format"):
        run("p", "--out", str(tmp_path / "a.txt"))
