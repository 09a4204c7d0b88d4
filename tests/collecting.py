"""Running collectors in tests: again after each failure, as the supervisor does, without its pauses; in processes that
are killed; against brokers that may be absent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from inlets import MemoryInlet

from ingest.collectors.making import COLLECTOR_SETTINGS
from ingest.sources.delivery import Collector, CollectorError, SourceStopped
from kernel.errors import SpoolFull, StateUnavailable
from kernel.secrets import Secrets

SECRETS = Secrets(Path("."), {"GUEST": "guest", "EMPTY": ""})
WAIT_S = 60


def needs(port: int, name: str) -> None:
    """Skip where nothing listens there, outside of CI: there it fails."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no {name} answers on port {port}: {type(error).__name__}")


def collect(collector: Collector, inlet: MemoryInlet, expected: int) -> list[str]:
    """Collect until the inlet has so many deliveries of different keys. The errors, by their kinds."""
    stopping, errors = threading.Event(), []
    inlet.until = expected, stopping
    watchdog = threading.Timer(WAIT_S, stopping.set)
    watchdog.start()
    try:
        while not stopping.is_set():
            try:
                collector.run(inlet, stopping)
            except (CollectorError, SpoolFull, StateUnavailable, SourceStopped) as error:
                errors.append(type(error).__name__)
    finally:
        watchdog.cancel()
    assert len({one.key for one in inlet.taken}) == expected, errors
    return errors


def collect_in_process(settings: str, kept: Path, expected: int, kill: str = "never", at: int = 0) -> None:
    """Collect in a process of its own, over a `FileInlet`, until all is there or it is killed."""
    tests = Path(__file__).resolve().parent
    words = [sys.executable, str(tests / "collecting_process.py"), settings, str(kept), str(expected), kill, str(at)]
    found = os.environ | {"PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent)])}
    done = subprocess.run(words, env=found, capture_output=True, text=True, timeout=WAIT_S)
    assert done.returncode == (0 if kill == "never" else -signal.SIGKILL), done.stderr


def text_of(settings: Mapping[str, object]) -> str:
    return COLLECTOR_SETTINGS.dump_json(COLLECTOR_SETTINGS.validate_python(settings)).decode()
