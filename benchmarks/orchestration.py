"""`python -m benchmarks.orchestration`: runs per second, what waiting runs cost, and a storm of one key.

On SQLite in a folder of its own, and on the PostgreSQL of GEMBASCOPE_TEST_POSTGRES_URL where one answers. Workers are
processes; what they do outside is done at once, so only the core is measured. Opening is part of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import func, select

from kernel.clock import SystemClock
from kernel.settings import Settings, load_settings
from kernel.state.database import State
from kernel.state.tables import RUNS
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.engine import Engine
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.situation import CaseAtStake, Situation, Subject, Verdict
from orchestration_hooks.tools import Tools
from orchestration_hooks.worker import Worker

SERVER = os.environ.get("GEMBASCOPE_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
TENANT = "bench"
OPENERS = 4
"""Threads that open runs: findings come from several sources."""


class Outside:
    """Effects and evaluator of a world where everything works at once."""

    def call(self, *_: Any, **__: Any) -> Outcome:
        return Outcome(Result.DONE)

    def trigger(self, connection: str, body: Mapping[str, Any], *, key: str, timeout_s: float) -> Outcome:
        return Outcome(Result.DONE)

    def notify(self, channel: str, message: Message, *, key: str) -> Outcome:
        return Outcome(Result.DONE)

    def evaluate(self, subject: Subject) -> Situation:
        return Situation(Verdict.HOLDS, (CaseAtStake("r1", Decimal("10.00"), "EUR", "berlin"),))

    def happened(self, subject: Subject, case_ids: Collection[str], activity: str, since: datetime) -> set[str]:
        return set()


def book(name: str, *steps: dict[str, Any]) -> Playbook:
    return Playbook.model_validate(
        {
            "id": name,
            "name": name,
            "author": "bench",
            "requires_approval": False,
            "trigger": {"mode": "automatic", "match": {"process": "p"}},
            "steps": [{"id": "gather", "gather": {}}, *steps, {"id": "end", "record": {"outcome": "resolved"}}],
        }
    )


THREE_STEPS = book("three_steps", {"id": "pay", "call": {"connection": "erp", "path": "/pay"}})
WAITING = book("waiting", {"id": "ask", "approval": {"ask": "Pay?", "timeout": "8h"}})


def engine(state: State) -> Engine:
    outside, clock = Outside(), SystemClock()
    return Engine(Tools(state, TENANT, clock, clock, outside, outside))


def settings_of(home: Path, url: str) -> Settings:
    return load_settings(home=home, state_url=SecretStr(url) if url else None)


def work(home: Path, url: str, threads: int) -> None:
    """A worker process: until its input ends."""
    with State(settings_of(home, url)) as state:
        worker = Worker(engine(state), threads=threads, batch=32, idle_s=0.02)
        running = threading.Thread(target=worker.run)
        running.start()
        print("ready", flush=True)
        sys.stdin.read()
        worker.stop()
        running.join()


def left(state: State) -> int:
    with state.reading() as connection:
        return int(
            connection.execute(select(func.count()).select_from(RUNS).where(RUNS.c.ended_at.is_(None))).scalar_one()
        )


def throughput(home: Path, url: str, workers: int, threads: int, runs: int) -> float:
    """Runs of three steps per second, from before the first is opened to after the last has ended."""
    with State(settings_of(home, url)) as state:
        opening = engine(state).opening
        command = [sys.executable, "-m", "benchmarks.orchestration", "--worker", str(home), url, str(threads)]
        started = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)
        ]
        for process in started:
            assert process.stdout is not None
            process.stdout.readline()
        begun = time.perf_counter()
        with ThreadPoolExecutor(OPENERS) as pool:
            keys = [f"{uuid4().hex[:8]}-{number}" for number in range(runs)]
            list(pool.map(lambda key: opening.open(THREE_STEPS, Subject("p", "", key), requested_by="bench"), keys))
        opened = time.perf_counter() - begun
        while left(state):
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        for process in started:
            process.communicate()
    print(f"   opened in {opened:.1f} s, all ended after {seconds:.1f} s")
    return runs / seconds


def waiting(home: Path, url: str, runs: int) -> float:
    """MiB that so many waiting runs add to the process that opened and parked them."""
    with State(settings_of(home, url)) as state:
        core = engine(state)
        worker = Worker(core, batch=32)
        core.opening.open(WAITING, Subject("p", "", "first"), requested_by="bench")
        worker.run_due()
        before = psutil.Process().memory_info().rss
        for number in range(runs):
            core.opening.open(WAITING, Subject("p", "", f"w{number}"), requested_by="bench")
        worker.run_due()
        after = psutil.Process().memory_info().rss
        with state.reading() as connection:
            parked = select(func.count()).select_from(RUNS).where(RUNS.c.status == "waiting")
            assert connection.execute(parked).scalar_one() > runs
        return (after - before) / 2**20


def storm(home: Path, url: str, findings: int, threads: int = 16, batch: int = 1000) -> float:
    """Seconds until so many findings of one key, given in batches by many threads, have opened their one run."""
    with State(settings_of(home, url)) as state:
        core = engine(state)
        batches = [[Subject("p", "", "storm", title=f"finding {n}") for n in range(batch)]] * (findings // batch)
        begun = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(lambda some: core.opening.consider([WAITING], some), batches))
        seconds = time.perf_counter() - begun
        assert sum(answer.reason is None for found in answers for answer in found.values()) == 1
        with state.reading() as connection:
            hits = connection.execute(select(RUNS.c.hits).where(RUNS.c.key == "storm")).scalar_one()
        assert hits == findings, hits
        return seconds


def measure(kind: str, home: Path, url: str, options: argparse.Namespace) -> dict[str, float]:
    found: dict[str, float] = {}
    workers = 1 if kind == "sqlite" else 2
    found["runs_per_s"] = throughput(home, url, workers, options.threads, options.runs)
    found["storm_s"] = storm(home, url, options.storm)
    found["waiting_mib"] = waiting(home, url, options.waiting)
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        home, url, threads = sys.argv[2:5]
        work(Path(home), url, int(threads))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--storm", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=4, help="of each worker process")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with ExitStack() as stack:
        if options.only != "postgresql":
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            results["sqlite"] = measure("sqlite", home, "", options)
        if options.only != "sqlite":
            server = stack.enter_context(psycopg.connect(SERVER, autocommit=True))
            name = f"gembascope_bench_{uuid4().hex}"
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            stack.callback(server.execute, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            results["postgresql"] = measure("postgresql", home, SERVER.rpartition("/")[0] + f"/{name}", options)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
