"""`python -m benchmarks.simulator`: events per second of the simulated retailer, alone, written and copied, and peak
memory.

Each measure is a process of its own on one core, so that the memory is its own. CPU seconds count from before the world
is made to after the last file is closed; importing is not part of them. Those of `copies` are of copying alone, of a
simulation that another process wrote, and its events are those of all copies.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet

from simulator.emit.copies import copies_of, write_copies
from simulator.emit.writing import FORMATS, Written, without_collecting, write
from simulator.faults.scenario import read_scenario
from simulator.simulation import Simulation

FIRST = date(2026, 3, 2)
MEASURES = ("core", *FORMATS, "copies")


def measure(what: str, days: int, orders_per_day: float, scenario: str, copies: int) -> dict[str, Any]:
    """One measure, in this process."""
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        if what == "copies":
            other = multiprocessing.get_context("spawn").Process(
                target=_write, args=(out, "parquet", days, orders_per_day, scenario)
            )
            other.start()
            other.join()
        wall, cpu = time.perf_counter(), time.process_time()
        if what == "core":
            with without_collecting():
                events = sum(len(day.facts) for day in _simulation(days, orders_per_day, scenario).days())
        elif what == "copies":
            write_copies(out / "parquet", copies_of(FIRST, days, copies), lambda number: None)
            events = pyarrow.parquet.read_metadata(out / "parquet" / "events.parquet").num_rows
            size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        else:
            written = _write(out, what, days, orders_per_day, scenario)
            events, size = sum(written.events.values()), sum(written.files.values())
        cpu_s, wall_s = time.process_time() - cpu, time.perf_counter() - wall
    peak = psutil.Process().memory_info()
    return {
        "measure": what,
        "events": events,
        "events_per_cpu_s": round(events / cpu_s),
        "cpu_s": round(cpu_s, 2),
        "wall_s": round(wall_s, 2),
        "peak_mib": round(_peak_kib(peak) / 1024),
        "written_mib": round(size / 2**20, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _simulation(days: int, orders_per_day: float, scenario: str) -> Simulation:
    found = read_scenario(Path(scenario))
    return Simulation(first=FIRST, days=days, orders_per_day=orders_per_day, scenario=found)


def _write(out: Path, what: str, days: int, orders_per_day: float, scenario: str) -> Written:
    return write(_simulation(days, orders_per_day, scenario), out, [what])


def _peak_kib(now: Any) -> float:
    """The most that this process held; what it holds where the system does not say."""
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="ascii").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return float(line.split()[1])
    return float(now.rss) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=21)
    parser.add_argument("--orders-per-day", type=float, default=2000)
    parser.add_argument("--scenario", default="nothing")
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--only", choices=MEASURES, action="append")
    parser.add_argument("--here", choices=MEASURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        given = options.days, options.orders_per_day, options.scenario, options.copies
        print(json.dumps(measure(options.here, *given)))
        return
    results = []
    for what in options.only or MEASURES:
        command = [sys.executable, "-m", "benchmarks.simulator", "--here", what, "--days", str(options.days)]
        command += ["--orders-per-day", str(options.orders_per_day), "--scenario", options.scenario]
        command += ["--copies", str(options.copies)]
        found = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=_one_core)
        results.append(json.loads(found.stdout))
        print(f"{what}: {results[-1]['events_per_cpu_s']:,} events/s, {results[-1]['peak_mib']:,} MiB", file=sys.stderr)
    print(json.dumps(results, indent=2))


def _one_core() -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


if __name__ == "__main__":
    main()
