"""The pipeline under test: a real service on a home, and a sender that keeps its ledger."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from faults.events import Batch
from faults.ledger import Ledger

from kernel.process import ProcessDefinition, Processes, write_process

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PATIENCE_S = 90.0
SENDERS = 3


class NotReady(Exception):
    """The service did not come back."""


class Pipeline:
    """`size`: events of a batch. `poison_every`: see `faults.events`. `beside`: another one, whose books this one keeps
    too: what is sent to either, and what came of it. `environment`: settings of the service."""

    def __init__(
        self,
        folder: Path,
        *,
        size: int = 100,
        poison_every: int = 0,
        beside: Pipeline | None = None,
        **environment: str,
    ) -> None:
        self.folder, self.home = folder, folder / "home"
        self.size, self._poison_every, self._environment = size, poison_every, environment
        self.home.mkdir(parents=True, exist_ok=True)
        write_process(Processes(self.home, "local").folder, ProcessDefinition(id="orders", object_type="order"))
        self.clock_file = folder / "clock"
        self.clock_file.write_text("0", encoding="ascii")
        self.ledger = beside.ledger if beside is not None else Ledger(folder / "ledger")
        self.process: subprocess.Popen[str] | None = None
        self.pending: set[int] = beside.pending if beside is not None else set()
        """Batches that no answer has acknowledged yet."""
        self.next_batch = 0
        self.strange: list[str] = beside.strange if beside is not None else []
        """Answers that no fault excuses."""
        self.ready_s: list[float] = []
        self._traced = False
        self._netloc, self._token, self._pid = "", "", 0

    # The service ---------------------------------------------------------------------------------------------

    def start(self, *before: str, wait: bool = True, **plan: Any) -> None:
        """Start the service with a plan of faults; `before` are words before the command, such as those of strace."""
        (self.home / "service.json").unlink(missing_ok=True)
        plan |= {"clock": str(self.clock_file)} | ({"poison": True} if self._poison_every else {})
        self._traced = bool(before)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
        path = os.pathsep.join([str(HERE.parent), str(ROOT)])
        command = [*before, sys.executable, str(HERE / "service.py"), json.dumps(plan)]
        command += ["serve", "--port", "0", "--home", str(self.home)]
        log = (self.folder / "service.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=kept | self._environment | {"PYTHONPATH": path},
            )
        if wait and not self.until_ready():
            raise NotReady(f"the service ended with code {self.process.returncode} while it started")

    def until_ready(self) -> bool:
        """Whether it became ready; False when it was ended before, as a fault of its start may."""
        assert self.process is not None
        assert self.process.stdout is not None
        begun = time.monotonic()
        if not self.process.stdout.readline():
            self.process.wait()
            return False
        known = json.loads((self.home / "service.json").read_text(encoding="utf-8"))
        self._netloc, self._token, self._pid = urlsplit(known["url"]).netloc, known["token"], known["pid"]
        while time.monotonic() < begun + PATIENCE_S:
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    self.ready_s.append(time.monotonic() - begun)
                    return True
            except OSError:
                pass
            if self.process.poll() is not None:
                return False
            time.sleep(0.02)
        raise NotReady(f"the service did not become ready within {PATIENCE_S:.0f} s")

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            if self._traced and self.running():
                os.kill(self._pid, signal.SIGKILL)  # a tracer that is killed leaves what it traces running
                self.process.wait()
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def died(self, within_s: float = PATIENCE_S) -> bool:
        """Whether the service was killed by what was planted in it, within that time."""
        assert self.process is not None
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return self.process.returncode == -signal.SIGKILL

    @contextmanager
    def another(self, **plan: Any) -> Iterator[None]:
        """A second service on the home while the block runs; events go to the first. Only where the warehouse is a
        server: an embedded one belongs to one process."""
        first, address = self.process, (self._netloc, self._token, self._pid)
        self.process = None
        self.start(**plan)
        self.process, second = first, self.process
        self._netloc, self._token, self._pid = address
        try:
            yield
        finally:
            assert second is not None
            second.kill()
            second.communicate()

    def unset(self, name: str) -> None:
        """Leave a setting to its default from the next start on."""
        self._environment.pop(name)

    # Sending -------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> tuple[int, Any]:
        """Status and document. OSError or HTTPException where no whole answer came."""
        connection = http.client.HTTPConnection(self._netloc, timeout=timeout)
        try:
            sent = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"} | (headers or {})
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def batch(self, number: int) -> Batch:
        return Batch(number, self.size, self._poison_every)

    def fresh(self, count: int) -> list[int]:
        """Numbers of batches that were not sent yet."""
        first, self.next_batch = self.next_batch, self.next_batch + count
        self.pending.update(range(first, self.next_batch))
        return list(range(first, self.next_batch))

    def send(self, numbers: Iterable[int], *, timeout: float = 60) -> int:
        """Send batches once each, several at a time; how many were acknowledged."""
        with ThreadPoolExecutor(SENDERS) as pool:
            return sum(pool.map(lambda number: self._send(self.batch(number), timeout), numbers))

    def _send(self, batch: Batch, timeout: float) -> bool:
        self.ledger.sending(batch.number, batch.source, batch.size, len(batch.broken))
        try:
            path = f"/api/v1/events?source={batch.source}"
            status, said = self.ask("POST", path, batch.body(), timeout=timeout)
        except (OSError, http.client.HTTPException, ValueError):
            self.ledger.came(batch.number, "unknown")
            return False
        if status == 202:
            if (said["accepted"], len(said["quarantined"])) != (batch.size, len(batch.broken)):
                self.strange.append(
                    f"batch {batch.number}: {said['accepted']} accepted, {len(said['quarantined'])} not"
                )
            self.ledger.came(batch.number, "acked", said["receipt"])
            self.pending.discard(batch.number)
            return True
        full = status == 503 and str(said.get("type", "")).endswith(":spool_full")
        self.ledger.came(batch.number, "refused" if full else "unknown")
        if status not in (502, 503):
            self.strange.append(f"batch {batch.number} was answered {status}: {said}")
        return False

    def send_pending(self) -> None:
        """Send what was not acknowledged until it is. NotReady when the service takes nothing for PATIENCE_S."""
        limit = time.monotonic() + PATIENCE_S
        while self.pending:
            if self.send(sorted(self.pending)):
                limit = time.monotonic() + PATIENCE_S
            elif time.monotonic() > limit:
                raise NotReady(f"{len(self.pending)} batches are not taken")
            else:
                time.sleep(0.1)

    def status(self) -> dict[str, dict[str, Any]]:
        return {row["source"]: row for row in self.ask("GET", "/api/v1/ingest/status")[1]["sources"]}

    def until_loaded(self) -> dict[str, dict[str, Any]]:
        """The status when nothing waits any more. NotReady when it does not get less for PATIENCE_S."""
        before, limit = -1, 0.0
        while True:
            found = self.status()
            waiting = sum(row["in_spool"] for row in found.values())
            if waiting == 0:
                return found
            if waiting != before:
                before, limit = waiting, time.monotonic() + PATIENCE_S
            elif time.monotonic() > limit:
                raise NotReady(f"{waiting} events wait, and no fewer after {PATIENCE_S:.0f} s")
            time.sleep(0.05)

    def stop(self) -> int:
        """End the service as its supervisor would; its code."""
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process = None
        return code

    def look(self) -> Path:
        """A folder with what `faults.look` finds in the home."""
        folder = self.folder / "found"
        folder.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
        path = os.pathsep.join([str(HERE.parent), str(ROOT)])
        done = subprocess.run(
            [sys.executable, str(HERE / "look.py"), str(self.home), str(folder)],
            capture_output=True, text=True, env=kept | self._environment | {"PYTHONPATH": path}, timeout=300,
        )  # fmt: skip
        if done.returncode:
            raise NotReady(f"the home does not open: {done.stderr[-2000:]}")
        return folder

    def close(self) -> None:
        self.kill()
        self.ledger.close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
