"""Collectors follow the definitions of their sources, and what they do is told at any moment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event

import pytest
from source_desk import Desk

from gembascope import fetching
from gembascope.fetching import Fetching
from ingest.sources.delivery import Inlet
from kernel.clock import FixedClock
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

NAMES = ("a", "b")


@pytest.fixture
def desk(warehouse: Warehouse, clock: FixedClock, tenant: str, tmp_path: Path) -> Iterator[Desk]:
    found = Desk(warehouse, clock, load_settings(home=tmp_path), tenant, tmp_path / "definitions")
    with found.spool:
        yield found


def test_collectors_end_together_and_their_states_are_told_meanwhile(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, ending, free = Barrier(3), Barrier(3), Event()

    class Slow:
        def run(self, inlet: Inlet, stopping: Event) -> None:
            running.wait(10)
            assert stopping.wait(10)
            ending.wait(10)  # the other one ends too
            assert free.wait(10)

    monkeypatch.setattr(fetching, "make_collector", lambda *_: Slow())
    settings = load_settings(home=tmp_path, source_folders=[str(tmp_path)])
    for name in NAMES:
        desk.write("sources", name, {"pack": "shop", "collect": {"kind": "folder", "path": str(tmp_path)}})
    found = Fetching(desk.sources, settings, alone=True)
    found.look()
    running.wait(10)
    with ThreadPoolExecutor(2) as pool:
        ended = pool.submit(found.stop)
        ending.wait(10)
        states = pool.submit(found.states).result(5)
        free.set()
        ended.result(10)
    assert {name: one.state for name, one in states.items()} == dict.fromkeys(NAMES, "running")
    assert found.states() == {}
