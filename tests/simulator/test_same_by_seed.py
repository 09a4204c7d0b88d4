"""What a seed gives stays what it gave: one small simulation by the digests of all that is written of it.

A change of a flow, of a draw or of a format changes them: then they are accepted with

    GEMBASCOPE_TEST_NEW_DIGESTS=1 .venv/bin/python -m pytest tests/simulator/test_same_by_seed.py

which writes `same_by_seed.json` anew, to be committed with the change.
"""

from __future__ import annotations

import hashlib
import json
import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from simulator.emit.writing import FORMATS, write
from simulator.faults.scenario import Scenario
from simulator.simulation import Simulation

KNOWN = Path(__file__).with_name("same_by_seed.json")
NEW = "GEMBASCOPE_TEST_NEW_DIGESTS"
SCENARIO = Scenario.model_validate(
    {
        "id": "x",
        "faults": [
            {"kind": "webhook_dead", "from": "day 1 20:00", "for": "10h", "where": {"interface": "shop-to-erp"}},
            {"kind": "duplicate_orders", "from": "day 1", "for": "3d", "where": {"channel": "web"}, "share": 0.2},
            {"kind": "carrier_backlog", "from": "day 2", "for": "1d", "where": {"carrier": "ridge-express"}},
            {"kind": "lost_events", "from": "day 2 08:00", "for": "6h", "where": {"source": "wms"}},
            {"kind": "stock_divergence", "from": "day 2", "for": "1d"},
            {"kind": "out_of_order_storm", "from": "day 3", "for": "1d", "where": {"source": "meadow-post"}},
            {"kind": "clock_skew", "from": "day 2 06:00", "for": "8h", "where": {"source": "pos"}},
            {"kind": "retry_storm", "from": "day 3 10:00", "for": "5h", "where": {"interface": "erp-to-wms"}},
        ],
    }
)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 by file, or by folder for what a system hands out. Of Parquet files the rows count as text, since their
    bytes are those of a version of Arrow."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name == "native":
            found |= {f"native/{system.name}": digest(tree(system)) for system in sorted(path.iterdir())}
        elif path.is_dir():
            for file in sorted(path.iterdir()):
                content = rows(file) if file.suffix == ".parquet" else file.read_bytes()
                found[f"{path.name}/{file.name}"] = digest(content)
        elif path.suffix == ".json":
            found[path.name] = digest(path.read_bytes())
    return found


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def tree(folder: Path) -> bytes:
    """Every file below a folder with its name and the digest of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "\n".join(f"{path.relative_to(folder)} {digest(path.read_bytes())}" for path in files).encode()


def rows(path: Path) -> bytes:
    """Columns with their types, then one line of JSON per row."""
    table = pyarrow.parquet.read_table(path)
    columns = [table[name].to_pylist() for name in table.column_names]
    lines = [json.dumps([[field.name, str(field.type)] for field in table.schema])]
    lines += [json.dumps(row, default=plain, ensure_ascii=False) for row in zip(*columns, strict=True)]
    return "\n".join(lines).encode()


def plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, Decimal)
    return str(value)


def test_a_seed_gives_what_it_gave(tmp_path: Path) -> None:
    simulation = Simulation(first=date(2026, 3, 27), days=4, orders_per_day=80, seed=7, scenario=SCENARIO)
    written = write(simulation, tmp_path / "out", list(FORMATS))
    assert sum(bool(fault["affected"]) for fault in written.truth["faults"]) > len(SCENARIO.faults) / 2
    found = digests(tmp_path / "out")
    if os.environ.get(NEW):
        KNOWN.write_text(json.dumps(found, indent=2) + "\n")
        pytest.skip(f"{KNOWN.name} is written anew")
    known = json.loads(KNOWN.read_text())
    changed = sorted(name for name in found.keys() | known.keys() if found.get(name) != known.get(name))
    assert not changed, (
        f"seed 7 gives something else in {', '.join(changed)}. If that is meant, accept it with "
        f"{NEW}=1 .venv/bin/python -m pytest {os.path.relpath(__file__)}"
    )
