"""The warehouse as a server that fails: away for a while, cut before or after what it was to keep, killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_server import Server
from faults.injected import restart
from faults.pipeline import HERE, Pipeline

PROGRAM = HERE.parent / "clickhouse_server.py"
AFTER_LEASE_S = 150
"""A service that was killed holds its lease on: the next one's clock is set beyond it."""


class ServedWarehouse:
    """A server of ClickHouse's protocol on one port and one folder, that can be ended and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, 0
        self._process: subprocess.Popen[str] | None = None
        self.start()
        self.server = Server("127.0.0.1", self._port)

    def start(self) -> None:
        command = [sys.executable, str(PROGRAM), "--port", str(self._port), "--path", str(self._folder)]
        log = self._folder.with_suffix(".log").open("ab")
        with log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        if not said.startswith("READY "):
            raise RuntimeError(f"the server did not start on port {self._port}")
        self._port = int(said.split()[1])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@contextmanager
def served(folder: Path) -> Iterator[ServedWarehouse]:
    found = ServedWarehouse(folder)
    try:
        yield found
    finally:
        found.kill()


Fault = Callable[[Pipeline, ServedWarehouse, random.Random, int], None]
WRITES = (
    "INSERT INTO events",
    "INSERT INTO event_objects",
    "INSERT INTO touched_objects",
    "INSERT INTO batches",
    "incoming",
)


def killed(pipeline: Pipeline, warehouse: ServedWarehouse, chance: random.Random, fresh: int) -> None:
    """Nobody listens for a while; it is killed while it is written to."""
    timer = threading.Timer(chance.uniform(0.0, 0.5), warehouse.kill)
    timer.start()
    pipeline.send(pipeline.fresh(fresh))
    timer.join()
    pipeline.send(pipeline.fresh(fresh))
    warehouse.start()


def frozen(pipeline: Pipeline, warehouse: ServedWarehouse, chance: random.Random, fresh: int) -> None:
    """It does not answer for a while."""
    warehouse.stop()
    pipeline.send(pipeline.fresh(fresh))
    warehouse.go_on()


def failing(kind: str, times: int) -> Fault:
    def fail(pipeline: Pipeline, warehouse: ServedWarehouse, chance: random.Random, fresh: int) -> None:
        warehouse.server.fail_next(kind, times=times, match=chance.choice(WRITES))
        pipeline.send(pipeline.fresh(fresh))

    return fail


def service_killed(pipeline: Pipeline, warehouse: ServedWarehouse, chance: random.Random, fresh: int) -> None:
    timer = threading.Timer(chance.uniform(0.0, 0.6), pipeline.signal, [signal.SIGKILL])
    timer.start()
    pipeline.send(pipeline.fresh(fresh))
    timer.join()
    offset = float(pipeline.clock_file.read_text(encoding="ascii")) + AFTER_LEASE_S
    pipeline.clock_file.write_text(str(offset), encoding="ascii")
    restart(pipeline)


WAREHOUSE_FAULTS: dict[str, Fault] = {
    "warehouse killed": killed,
    "warehouse frozen": frozen,
    "warehouse answers 503": failing("unavailable", 5),
    "cut before the commit": failing("drop_before_commit", 1),
    "cut after the commit": failing("drop_after_commit", 1),
    "cut after each commit for a while": failing("drop_after_commit", 4),
    "service killed, warehouse served": service_killed,
}
