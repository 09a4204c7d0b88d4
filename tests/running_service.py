"""Commands on a home and its service, each a real process: the embedded warehouse belongs to one at a time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

GEMBASCOPE = [sys.executable, "-m", "gembascope.cli"]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    return kept | more


def run(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One command on the home."""
    command = [*GEMBASCOPE, *words, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**more), timeout=120)


def asked(home: Path, *words: str) -> Any:
    """The document that a command prints."""
    done = run(home, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def serving(home: Path, *words: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A service on the home, and its address as it prints it."""
    command = [*GEMBASCOPE, "serve", "--port", "0", "--home", str(home), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment(**more)) as process:
        try:
            assert process.stdout is not None
            said = re.search(r"https?://\S+", process.stdout.readline())
            assert said is not None
            yield said[0], process
        finally:
            process.kill()
