"""An OCEL log of orders, deliveries and parcels: a parcel's scans in the order's case, from file to answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands_here import Home, lent

from gembascope import frames
from gembascope.frames import frame_of
from kernel.warehouse import Warehouse

TYPES = ("order", "delivery", "parcel")
DEFINITION = "id: orders\nobject_type: order\nend: [Delivered]\nlinks:\n  - order -> delivery -> parcel\n"


def ocel(path: Path, events: list[tuple[str, str, str, list[str]]], objects: dict[str, list[tuple[str, str]]]) -> Path:
    """An OCEL 2.0 file. Events: id, type, time of 5 January 2026, objects. Objects: id (its first letter tells the
    type) to its relations (object, qualifier)."""
    types = {kind[0]: kind for kind in TYPES}
    path.write_text(
        json.dumps(
            {
                "eventTypes": [{"name": name, "attributes": []} for name in sorted({row[1] for row in events})],
                "objectTypes": [{"name": name, "attributes": []} for name in TYPES],
                "events": [
                    {
                        "id": name,
                        "type": kind,
                        "time": f"2026-01-05T{at}:00Z",
                        "attributes": [],
                        "relationships": [{"objectId": each, "qualifier": "of"} for each in named],
                    }
                    for name, kind, at, named in events
                ],
                "objects": [
                    {
                        "id": name,
                        "type": types[name[0]],
                        "attributes": [],
                        "relationships": [{"objectId": other, "qualifier": role} for other, role in relations],
                    }
                    for name, relations in objects.items()
                ],
            }
        )
    )
    return path


@pytest.fixture
def home(warehouse: Warehouse, tenant: str, tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "home", tenant)
    (found.definitions / "processes").mkdir(parents=True)
    (found.definitions / "processes" / "orders.yaml").write_text(DEFINITION)
    with lent(warehouse):
        yield found


def run(home: Home, *words: str) -> str:
    """What a command prints."""
    shown = home.run(*words)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def events_of(home: Home, process: str, case: str) -> list[tuple[str, Any]]:
    return [(event["activity"], event["via"]) for event in home.asked("case", process, case)["events"]]


def test_scans_of_parcels_are_in_the_case_of_their_order(home: Home, tmp_path: Path) -> None:
    path = ocel(
        tmp_path / "log.json",
        [
            ("e1", "Placed", "09:00", ["o-1"]),
            ("e2", "Placed", "09:05", ["o-2"]),
            ("e3", "Picked", "10:00", ["d-1"]),
            ("e4", "Scanned", "11:00", ["p-1"]),
            ("e5", "Delivered", "15:00", ["p-1"]),
            ("e6", "Scanned", "12:00", ["p-2"]),
        ],
        {"o-1": [("d-1", "ships in")], "o-2": [], "d-1": [], "p-1": [("d-1", "part of")], "p-2": []},
    )
    run(home, "ingest", str(path), "--process", "shop")
    # What the load defines follows no link: that is for its owner to say.
    made = [(home.definitions / "processes" / f"shop.{name}.yaml").read_text() for name in TYPES]
    assert not [text for text in made if "links" in text]
    assert events_of(home, "shop.order", "o-1") == [("Placed", None)]

    delivery, parcel = {"type": "delivery", "id": "d-1"}, {"type": "parcel", "id": "p-1"}
    first = [("Placed", None), ("Picked", delivery), ("Scanned", parcel), ("Delivered", parcel)]
    assert events_of(home, "orders", "o-1") == first
    edges = home.asked("map", "orders")["edges"]
    steps = {("Placed", "Picked"), ("Picked", "Scanned"), ("Scanned", "Delivered")}
    assert {(edge["source"], edge["target"]) for edge in edges} == steps
    unlinked = "unlinked: order → delivery → parcel, source 'shop'"
    readiness = home.asked("readiness", "orders")["readiness"]
    assert [row["count"] for row in readiness if row["aspect"] == unlinked] == [1]
    assert unlinked in run(home, "readiness", "orders")
    assert "parcel p-1" in run(home, "case", "orders", "o-1")
    assert "via" not in run(home, "case", "shop.order", "o-1").split()

    # The carrier's own file comes later and under its own name: its links join what was scanned before.
    late = ocel(tmp_path / "late.json", [], {"p-2": [], "d-2": [("p-2", "carries"), ("o-2", "for")], "o-2": []})
    run(home, "ingest", str(late), "--process", "carrier")
    assert events_of(home, "orders", "o-2") == [("Placed", None), ("Scanned", {"type": "parcel", "id": "p-2"})]
    assert events_of(home, "orders", "o-1") == first
    summary = home.asked("log", "orders")
    assert (summary["cases"], summary["events"], summary["complete"]) == (2, 6, 1)
    document = home.asked("case", "orders", "o-1")
    assert frame_of(document["events"], frames.CASE_EVENTS)["via"].to_list() == [via for _, via in first]
