"""Events over HTTP, as their senders see a real service: `python -m benchmarks --only ingest`.

The sender is this process and the service another. Batches of BATCH events come from SENDERS connections, each of which
sends its next batch when the last was acknowledged. What is visible is asked of the status of the service, which counts
an event as stored once it was seen in the warehouse: a batch shows when so many events are stored as had been accepted
up to it, since batches of one source are loaded in the order of their receipts.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks.engine_gembascope import PROCESS, TENANT
from benchmarks.engine_live import BATCH, SENDERS, SOURCE, bodies
from benchmarks.measuring import Row
from ingest.events_json import read_events
from ingest.spool import Spool
from kernel.clock import SystemClock
from kernel.process import Processes, write_process
from kernel.settings import load_settings

SERVICES = {"gembascope": "gembascope.cli", "pydantic": "benchmarks.ingest_peer"}
ASK_EVERY_S = 0.1
"""How exactly the wait until visible is known: each question costs the service some two milliseconds."""
PATIENCE_S = 60.0


class IngestFailed(Exception):
    """The service did not do what is to be measured."""


@dataclass(slots=True)
class Sending:
    """What a run of sending saw; instants are of one monotonic clock, seconds."""

    waits: list[float] = field(default_factory=list)  # for each acknowledgement
    accepted: list[tuple[str, float, int]] = field(default_factory=list)  # receipt, when acknowledged, events
    stored: list[tuple[float, int]] = field(default_factory=list)  # when asked, events stored so far

    def visible(self) -> list[float]:
        """For each batch, seconds from its acknowledgement until it was seen stored."""
        found, before, answers = [], 0, iter(self.stored)
        at, stored = next(answers)
        for _, acknowledged, events in sorted(self.accepted):
            before += events
            while stored < before:
                at, stored = next(answers)
            found.append(max(at - acknowledged, 0.0))
        return found


class Service:
    """A service under measurement, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str, token: str) -> None:
        self.process, self.measured = process, psutil.Process(process.pid)
        self.netloc = urlsplit(url).netloc
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.netloc, timeout=60)

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.netloc.rpartition(":")
        return host, int(port)

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> Any:
        connection.request(method, path, body, self._headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise IngestFailed(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def opened(self) -> None:
        """Wait until its pages are made, which it does beside once it answers; one that has none says so at once."""
        connection = self.connected()
        connection.request("GET", "/login")
        connection.getresponse().read()

    def cpu_s(self) -> float:
        times = self.measured.cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("VmHWM"))

    def send(self, sent: Sequence[bytes], events: int) -> Sending:
        """Send the bodies and wait until all their events are stored."""
        seen, first, given = Sending(), self._stored(self.connected()), iter(sent)
        taking = threading.Lock()

        def sender() -> None:
            connection = self.connected()
            while True:
                with taking:
                    body = next(given, None)
                if body is None:
                    return
                begun = time.perf_counter()
                answer = self.ask(connection, "POST", f"/api/v1/events?source={SOURCE}", body)
                now = time.perf_counter()
                seen.waits.append(now - begun)
                seen.accepted.append((answer["receipt"], now, answer["accepted"]))

        with ThreadPoolExecutor(SENDERS + 1) as pool:
            watching = pool.submit(self.until_stored, first + events, seen, first)
            for done in [pool.submit(sender) for _ in range(SENDERS)]:
                done.result()
            watching.result()
        return seen

    def until_stored(self, events: int, seen: Sending, first: int = 0) -> None:
        """Wait until so many events are stored in all; `seen` is told how many besides the first are, again and again.

        Raises
        ------
        IngestFailed
            None of them was stored for PATIENCE_S seconds.
        """
        connection, before, limit = self.connected(), -1, 0.0
        while before < events:
            stored, now = self._stored(connection), time.perf_counter()
            seen.stored.append((now, stored - first))
            if stored != before:
                before, limit = stored, now + PATIENCE_S
            elif now > limit:
                raise IngestFailed(f"{stored:,} of {events:,} events are stored, and no more since {PATIENCE_S:.0f} s")
            time.sleep(ASK_EVERY_S)

    def _stored(self, connection: http.client.HTTPConnection) -> int:
        found = self.ask(connection, "GET", "/api/v1/ingest/status")["sources"]
        return sum(row["stored"] for row in found)


@contextmanager
def served(home: Path, service: str = "gembascope", **settings: str) -> Iterator[tuple[Service, float]]:
    """The service on the home, and the seconds from its start to its first answer. Killed at the end."""
    (home / "service.json").unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    begun = time.perf_counter()
    command = [sys.executable, "-m", SERVICES[service], "serve", "--port", "0", "--home", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=kept | settings) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise IngestFailed(f"the service ended with code {process.wait()}")
            known = json.loads((home / "service.json").read_text(encoding="utf-8"))
            found = Service(process, known["url"], known["token"])
            found.ask(found.connected(), "GET", "/healthz")
            yield found, time.perf_counter() - begun
        finally:
            process.kill()


def fresh(home: Path) -> Path:
    """A home with a process whose cases the events are, so that its paths are brought up to date meanwhile."""
    write_process(Processes(home, TENANT).folder, PROCESS)
    return home


def taken(home: Path, service: str, events: int, run: str) -> list[Row]:
    """Send so many events: CPU and wall seconds until all are in the warehouse, waits for the acknowledgement and from
    there until visible."""
    sent = bodies(events, run)
    with served(fresh(home), service) as (measured, _):
        measured.opened()
        measured.send(bodies(BATCH, f"{run}-warm"), BATCH)
        cpu, wall = measured.cpu_s(), time.perf_counter()
        seen = measured.send(sent, events)
        cpu, wall = measured.cpu_s() - cpu, time.perf_counter() - wall
        peak, load = measured.peak_mb(), os.getloadavg()[0]
    rows = [Row("http_queryable", service, cpu, wall, peak, load)]
    for name, values in (("http_ack", seen.waits), ("http_visible", seen.visible())):
        for share in (50, 99):
            rows.append(Row(f"{name}_p{share}", service, 0.0, percentile(values, share), peak, load))
    return rows


def ready(home: Path, events: int, run: str) -> list[Row]:
    """Seconds until a service answers on a home whose service was killed: with an empty spool (`http_ready`), with so
    many events in it (`http_ready_backlog`), and from there until all of them are stored (`http_backlog_stored`)."""
    with served(fresh(home)) as (measured, _):
        measured.send(bodies(BATCH, f"{run}-first"), BATCH)
    with served(home) as (measured, empty_s):
        rows = [_waited("http_ready", measured, empty_s)]
    settings, clock = load_settings(home=home), SystemClock()
    with Spool(settings, clock) as spool:  # no service runs, so what is accepted stays
        for body in bodies(events, f"{run}-backlog"):
            spool.accept(TENANT, read_events(body, SOURCE, clock.now()))
    with served(home) as (measured, backlog_s):
        begun = time.perf_counter()
        measured.until_stored(BATCH + events, Sending())
        stored_s = time.perf_counter() - begun
        rows.append(_waited("http_ready_backlog", measured, backlog_s))
        rows.append(_waited("http_backlog_stored", measured, stored_s))
    return rows


def _waited(task: str, measured: Service, wall_s: float) -> Row:
    return Row(task, "gembascope", measured.cpu_s(), wall_s, measured.peak_mb(), os.getloadavg()[0])


def percentile(values: Sequence[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
