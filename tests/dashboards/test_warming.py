"""What is asked before the first visitor comes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from page_parts import TENANT

from dashboards.app import mount
from dashboards.cache import Reader
from dashboards.pages import head, map
from dashboards.pages.reading import read
from dashboards.warming import questions, warmed
from kernel.process import Processes
from kernel.warehouse import Query, Warehouse
from mining.view import Views


def test_the_first_page_asks_nothing_that_was_asked_beforehand(
    reader: Reader, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for question in questions(reader.ask("")):
        question()
    asked: list[str] = []
    real = Warehouse.query

    def noted(self: Warehouse, query: Query, parameters: Any = None) -> Any:
        asked.append(query.name)
        return real(self, query, parameters)

    monkeypatch.setattr(Warehouse, "query", noted)
    found = read(reader, "")
    head.head_of(reader, "/map", "")
    map.ranking_of(found)
    map.drawing_of(found.asked, None)
    assert set(asked) == {"projection_state"}


def test_warming_fills_what_is_remembered_and_ends_with_its_block(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = FastAPI()
    mount(app, reader)
    packed = threading.Event()
    monkeypatch.setattr(app.state.dash.backend, "pack", lambda dash: packed.set())
    with warmed(reader) as mounted:
        mounted(app)
        assert packed.wait(60)
    assert len(reader.remembered) >= len(questions(reader.ask("")))
    assert not [thread for thread in threading.enumerate() if thread.name == "warming"]


def test_warming_without_a_process_or_a_server_ends_too(warehouse: Warehouse, tmp_path: Path) -> None:
    empty = Reader(Views(warehouse, TENANT, Processes(tmp_path, TENANT)))
    with warmed(empty):
        pass
    assert len(empty.remembered) == 0


def test_packing_beforehand_packs_what_a_page_loads(reader: Reader) -> None:
    app = FastAPI()
    mount(app, reader)
    backend = app.state.dash.backend
    backend.pack(app.state.dash)
    assert any("dash_mantine_components" in path for _, path in backend._packed)
