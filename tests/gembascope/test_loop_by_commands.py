"""From a log to a decision with real commands on a home that nobody serves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from commands_here import run_together
from doors import CHEAP, GOOD, person
from running_service import GEMBASCOPE, asked, environment
from troubled_home import LOG, define

from kernel.access import Role
from kernel.clock import SystemClock
from kernel.identity.directory import Directory
from kernel.settings import load_settings


def test_from_a_log_to_a_decision(tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "returns.csv"
    define(home / "tenants" / "local")
    log.write_text(LOG)
    (tmp_path / "mapping.yaml").write_text("case: case\nactivity: activity\ntime: at\ncase_columns: [amount, store]\n")
    loading = ["ingest", str(log), "--process", "returns", "--mapping", str(tmp_path / "mapping.yaml"), "--json"]
    ended = run_together(home, loading, ["detect", "--json"], ["incidents", "--json"])
    assert [done.returncode for done in ended] == [0, 0, 0], ended
    detected, found = (json.loads(done.stdout) for done in ended[1:])
    assert {row["rule"]: row["lasting"] for row in detected["rules"]} == {"late": 3, "unusual": 0}
    (incident,) = found["incidents"]
    assert incident["value"] == [{"amount": "1240.50", "currency": "EUR"}]
    proposed = asked(home, "propose", incident["id"], "pay")
    assert proposed["reason"] is None
    with Directory(load_settings(home=home), SystemClock(), CHEAP) as people:
        person(people, "petra", Role.APPROVER)
    words = [*GEMBASCOPE, "approve", proposed["run"], "--user", "petra", "--home", str(home)]
    env = environment(COLUMNS="200")
    ended = subprocess.run(words, input=f"{GOOD}\n", capture_output=True, text=True, env=env, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert GOOD not in ended.stdout + ended.stderr
    assert "done: resolved" in ended.stdout
