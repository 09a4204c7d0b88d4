"""`gembascope simulate`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest
from running_service import GEMBASCOPE, environment

from gembascope.commands.simulate import simulate_
from kernel.errors import DefinitionError, InputError

SCENARIO = """\
id: x
faults:
  - {kind: webhook_dead, from: day 1 20:00, for: 10h, where: {interface: shop-to-erp}}
"""
FEW = ["--days", "2", "--orders-per-day", "30"]


def simulate(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = environment(COLUMNS="200", **more)
    return subprocess.run([*GEMBASCOPE, "simulate", *words], capture_output=True, text=True, env=env, timeout=120)


def hashes(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_the_same_command_writes_the_same_bytes_and_says_what_it_wrote(tmp_path: Path) -> None:
    """In two processes, whatever the order of their sets."""
    scenario = tmp_path / "x.yaml"
    scenario.write_text(SCENARIO)
    every = ["--scenario", str(scenario), *FEW]
    for name in ("native", "ocel2", "parquet"):
        every += ["--format", name]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(simulate, "--out", str(tmp_path / "one"), *every, PYTHONHASHSEED="1")
        document = json.loads(simulate("--out", str(tmp_path / "two"), *every, "--json", PYTHONHASHSEED="2").stdout)
        said = running.result()
    assert said.returncode == 0, said.stderr
    first = hashes(tmp_path / "one")
    assert hashes(tmp_path / "two") == first
    assert set(document["files"]) == set(first)
    truth = json.loads((tmp_path / "one" / "truth.json").read_bytes())
    (fault,) = truth["faults"]
    assert document["truth"]["faults"] == [fault | {"affected": len(fault["affected"])}]
    assert document["events"] == sum(document["systems"].values()) > 500
    lines = [line.split() for line in said.stdout.splitlines()]
    assert ["erp", f"{document['systems']['erp']:,}"] in lines
    told = next(line for line in said.stdout.splitlines() if "An interface delivers nothing" in line)
    assert f"interface shop-to-erp  2026-03-02 19:00:00  2026-03-03 05:00:00  {len(fault['affected']):>8}" in told
    assert said.stdout.startswith("scenario x, 2 days from 2026-03-02, 30 orders a day, seed 7: ")
    assert not list(tmp_path.glob(".*"))


def test_copies_are_counted_and_what_goes_wrong_is_shown_once(tmp_path: Path) -> None:
    scenario = tmp_path / "x.yaml"
    scenario.write_text(SCENARIO)
    out = tmp_path / "out"
    said = simulate("--out", str(out), "--scenario", str(scenario), *FEW, "--copies", "3").stdout
    faults = json.loads((out / "truth.json").read_bytes())["faults"]
    assert [fault["copy"] for fault in faults] == [1, 2, 3]
    events = pl.read_parquet(out / "parquet" / "events.parquet")
    assert said.startswith(
        f"scenario x, 2 days from 2026-03-02, 30 orders a day, seed 7, 3 copies: {len(events):,} events"
    )
    assert said.count("An interface delivers nothing") == 1
    assert f"That is the first copy; {out / 'truth.json'} tells what went wrong in each." in said.splitlines()
    assert sum(int(line.split()[1].replace(",", "")) for line in said.splitlines() if line.startswith("erp ")) == len(
        events.filter(source="erp")
    )


def test_what_cannot_be_done_is_refused_before_any_work(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "file").touch()
    new = tmp_path / "new"
    for given, message in (
        ({}, "out: name a folder to write into with --out, or send to a service with --live"),
        ({"out": new, "live": True}, "live: sends to a service; leave --out and --format away, or --live"),
        ({"out": full}, f"out: {full} is not empty; name another folder, or remove it"),
        ({"out": full / "file"}, f"out: {full / 'file'} is a file"),
        ({"out": tmp_path / "no" / "folder"}, f"out: there is no folder {tmp_path / 'no'}"),
        ({"out": new, "format_": ["parquet", "xes"]}, "format: 'xes' is none of events, native, ocel2, parquet"),
        ({"out": new, "copies": 0}, "copies: expected 1 or more, got 0"),
        ({"live": True, "copies": 2}, "copies: only files hold copies; leave --copies away, or --live"),
        (
            {"out": new, "copies": 2, "format_": ["parquet", "native"]},
            "copies: only Parquet holds copies; leave --copies away, or every --format but parquet",
        ),
        (
            {"out": new, "copies": 9000},
            "copies: the last of 9000 begins after the year 2179; at most 8027 do not",
        ),
        ({"out": new, "start": "2026-02-30"}, "start: '2026-02-30' is not a day such as 2026-03-02"),
        ({"out": new, "start": "1970-01-01"}, "start: 1970-01-01 is not between the years 1971 and 2179"),
    ):
        with pytest.raises(InputError) as caught:
            simulate_(days=1, orders_per_day=1, scenario="nothing", **given)  # type: ignore[arg-type]
        assert str(caught.value) == message
    assert not new.exists()


def test_a_fault_that_would_never_begin_is_a_mistake(tmp_path: Path) -> None:
    scenario = tmp_path / "late.yaml"
    scenario.write_text(SCENARIO.replace("id: x", "id: late").replace("day 1", "day 9"))
    with pytest.raises(DefinitionError) as caught:
        simulate_(out=tmp_path / "new", days=8, orders_per_day=1, scenario=str(scenario))
    assert str(caught.value) == f"{scenario}:3: faults.0.from: day 9 20:00 is after the last of 8 days"
