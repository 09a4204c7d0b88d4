"""Measuring one call in this process: CPU seconds, wall seconds, peak memory, and how busy the machine was."""

from __future__ import annotations

import gc
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

PACKAGES = ("gembascope", "chdb-core", "clickhouse-connect", "polars", "pyarrow", "pm4py", "pandas", "r4pm", "duckdb")

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured call. `peak_mb`: the most memory that the process held during it, 2^20 bytes; 0 where the
    system does not tell. `load_average`: of the machine over the last minute, when the call had ended."""

    task: str
    engine: str
    cpu_s: float
    wall_s: float
    peak_mb: float
    load_average: float


def measured(task: str, engine: str, call: Callable[[], Answer]) -> tuple[Answer, Row]:
    """The answer of `call` and what it cost. CPU is user plus system time of all threads of this process."""
    gc.collect()
    forget_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return answer, Row(task, engine, cpu, wall, peak_mb(), os.getloadavg()[0])


def forget_peak() -> None:
    """Let the peak begin anew from what the process holds now (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # the peak then counts from the start of the process: too high, never too low


def peak_mb() -> float:
    """The peak of resident memory. Not `ru_maxrss`: a child begins with that of the process that started it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(found[0]) / 1024, 1) if found else 0.0


def machine() -> dict[str, str]:
    """What was measured on: processor, the cores that may be used, memory, system, versions."""
    facts = {
        "processor": _line("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": _line("/proc/meminfo", "MemTotal") or "unknown",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for name in PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            continue
    return facts


def _line(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    found = [line.split(":", 1)[1].strip() for line in lines if line.startswith(key)]
    return found[0] if found else ""
