"""Real processes, killed where it matters: nothing that was acknowledged is lost, and nothing counts twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from state_databases import KINDS, empty_database

TESTS = Path(__file__).resolve().parent.parent
POINTS = {"sqlite": ("accepted", "inserted", "verified", "marked"), "postgresql": ("verified",)}
"""What is between two of the spool's transactions differs between its databases; all points on both with more depth."""


def run(home: Path, url: str, point: str, first: int, last: int) -> tuple[int, Any]:
    """How the process ended, and what it found when it began."""
    path = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    words = [sys.executable, str(TESTS / "live_process.py"), str(home), url, point, str(first), str(last)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}, timeout=120)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_any_point_loses_nothing_and_doubles_nothing(kind: str, tmp_path: Path) -> None:
    with empty_database(kind, tmp_path) as settings:
        url = settings.state_url.get_secret_value() if settings.state_url is not None else ""
        received = stored = 0
        points = POINTS[kind] if examples(1) == 1 else POINTS["sqlite"]
        for point in (*points, "end"):
            code, found = run(tmp_path, url, point, stored, stored + 9)
            assert code == (0 if point == "end" else -signal.SIGKILL), point
            account = [[received, stored, received - stored, 0, 0, 0, 0]] if received else []
            assert found == {
                "events": stored,
                "ids": stored,
                "relations": stored,
                "in_paths": stored,
                "account": account,
            }, point
            received, stored = received + 11, stored + 10  # of the eleven one comes twice
