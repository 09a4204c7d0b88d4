"""An erasure whose process is killed, engine and all, again and again: in the end it is as if nobody had been."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
from erased_customer import ORDERS, erase, load, taking
from erasing_process import BETWEEN, HER, told
from erasing_process import found as undisturbed
from examples import examples
from psycopg import sql
from state_databases import empty_database

from kernel.clock import Clock
from kernel.settings import load_settings
from kernel.state.database import State
from kernel.warehouse import Warehouse

TESTS = Path(__file__).resolve().parents[2]
SEED = 6
"""Of the draws: the first of them is in the midst of the rewriting."""
MOMENTS = ("before", "during", "after")


def in_state(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        asked = sql.SQL("SELECT count(*) FROM {} AS one WHERE one::text ~ %s")
        counts = {one: connection.execute(asked.format(sql.Identifier(one)), [HER]).fetchone() for (one,) in tables}
    return [one for one, count in counts.items() if count != (0,)]


def in_files(home: Path) -> list[str]:
    files = (path for path in home.rglob("*") if path.is_file())
    return [str(path.relative_to(home)) for path in files if re.search(HER.encode(), path.read_bytes())]


def process(home: Path, url: str, number: int, kill: tuple[int, str] | None) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, str(TESTS / "erasing_process.py"), str(home), url, str(number), json.dumps(kill)]
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    return subprocess.run(words, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=120)


def test_killed_at_any_place_it_is_finished_by_who_comes_next(
    warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path
) -> None:
    home, chance = tmp_path / "home", random.Random(SEED)
    kills = [(chance.randint(1, 60), chance.choice(MOMENTS)) for _ in range(examples(1))]
    with empty_database("postgresql", tmp_path) as settings:
        assert settings.state_url is not None
        url = settings.state_url.get_secret_value()
        for number, kill in enumerate(kills):
            done = process(home, url, number, kill)
            assert done.returncode == -signal.SIGKILL, (kill, done.stderr)
        done = process(home, url, len(kills), None)
        assert done.returncode == 0, (kills, done.stderr)
        assert in_state(url) == []
    found = json.loads(done.stdout)
    assert found.pop("naming") == []
    assert found["order"]["verified"] is True
    assert in_files(home) == []
    settings = load_settings(home=tmp_path / "undisturbed")
    with taking(warehouse, clock, settings, tenant, (ORDERS,)) as live, State(settings) as state:
        told(state, live)
        erase(live)
        load(live, *BETWEEN)
        assert found == undisturbed(warehouse, live), kills
