"""The service in a process of its own, and how a visitor looks at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).parent / "serve_pages.py"
ROOT = SCRIPT.parents[2]


@dataclass(frozen=True, slots=True)
class Look:
    """How a visitor looks at the pages."""

    scheme: str = "light"
    width: int = 1440
    height: int = 900


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[str]:
    """The address of the pages over `home`, served by a process of their own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(SCRIPT), str(home), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.isdigit(), "the service did not start; its reason is above"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
