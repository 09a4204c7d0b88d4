"""An OCEL log of orders, deliveries and parcels: a parcel's scans in the order's case, from file to answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gembascope import frames
from gembascope.frames import frame_of

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
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "tenants" / "local" / "processes"
    folder.mkdir(parents=True)
    (folder / "orders.yaml").write_text(DEFINITION)
    return tmp_path / "home"


def run(home: Path, *words: str) -> str:
    """What a command prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    env = kept | {"GEMBASCOPE_HOME": str(home), "COLUMNS": "240", "NO_COLOR": "1"}
    arguments = [sys.executable, "-m", "gembascope.cli", *words]
    shown = subprocess.run(arguments, capture_output=True, text=True, env=env, timeout=120, check=False)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def events_of(home: Path, process: str, case: str) -> list[tuple[str, Any]]:
    found = json.loads(run(home, "case", process, case, "--json"))
    return [(event["activity"], event["via"]) for event in found["events"]]


def test_scans_of_parcels_are_in_the_case_of_their_order(home: Path, tmp_path: Path) -> None:
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
    made = [(home / "tenants" / "local" / "processes" / f"shop.{name}.yaml").read_text() for name in TYPES]
    assert not [text for text in made if "links" in text]
    assert events_of(home, "shop.order", "o-1") == [("Placed", None)]

    delivery, parcel = {"type": "delivery", "id": "d-1"}, {"type": "parcel", "id": "p-1"}
    first = [("Placed", None), ("Picked", delivery), ("Scanned", parcel), ("Delivered", parcel)]
    assert events_of(home, "orders", "o-1") == first
    edges = json.loads(run(home, "map", "orders", "--json"))["edges"]
    steps = {("Placed", "Picked"), ("Picked", "Scanned"), ("Scanned", "Delivered")}
    assert {(edge["source"], edge["target"]) for edge in edges} == steps
    unlinked = "unlinked: order → delivery → parcel, source 'shop'"
    readiness = json.loads(run(home, "readiness", "orders", "--json"))["readiness"]
    assert [row["count"] for row in readiness if row["aspect"] == unlinked] == [1]
    assert unlinked in run(home, "readiness", "orders")
    assert "parcel p-1" in run(home, "case", "orders", "o-1")
    assert "via" not in run(home, "case", "shop.order", "o-1").split()

    # The carrier's own file comes later and under its own name: its links join what was scanned before.
    late = ocel(tmp_path / "late.json", [], {"p-2": [], "d-2": [("p-2", "carries"), ("o-2", "for")], "o-2": []})
    run(home, "ingest", str(late), "--process", "carrier")
    assert events_of(home, "orders", "o-2") == [("Placed", None), ("Scanned", {"type": "parcel", "id": "p-2"})]
    assert events_of(home, "orders", "o-1") == first
    summary = json.loads(run(home, "log", "orders", "--json"))
    assert (summary["cases"], summary["events"], summary["complete"]) == (2, 6, 1)
    document = json.loads(run(home, "case", "orders", "o-1", "--json"))
    assert frame_of(document["events"], frames.CASE_EVENTS)["via"].to_list() == [via for _, via in first]
