"""A small engine that takes triggers, and hears alerts: `python -m orchestration_hooks.examples.receiver --help`.

It does what an engine of yours has to do. It verifies the signature of what comes, keeps the id of each trigger before
it answers, so that one that comes again is done once, also when the receiver ended in between; it does the deed (here:
it plays that refunds are sent to payments), which sends events to Gembascope with ids that stay the same; and it calls
back, signed with the same secret.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec
from pydantic import ValidationError

from kernel.clock import Clock, SystemClock
from kernel.errors import SettingsError, SignInRefused
from kernel.signatures import signed_headers, signing_key, verified_id
from orchestration_hooks.envelope import ALERT_TYPE, TRIGGER_TYPE
from orchestration_hooks.trigger import Trigger

MOST_BYTES = 4 << 20
SECRET, API_KEY = "RECEIVER_SECRET", "RECEIVER_API_KEY"
TAKEN = frozenset({200, 202, 204, 404, 409})
"""Answers to a callback after which it is not sent again: it was taken, or nobody waits for it any more."""

Post = Callable[[str, Mapping[str, str], bytes], int]
"""Sends a body to a URL and answers with the status; 0 when nobody answered."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go: the address of `POST /api/v1/events`, and a key of a program that may load."""

    url: str
    api_key: str


class Engine:
    """Takes triggers and does each once; of alerts `say` tells the title. `ids`: the file in which triggers are kept,
    ":memory:" for none."""

    def __init__(
        self,
        key: bytes,
        clock: Clock,
        post: Post,
        target: Target | None,
        *,
        ids: str = ":memory:",
        say: Callable[[str], None] = lambda _: None,
        deeds_clock: Clock | None = None,
    ) -> None:
        """`clock` is that of signatures; `deeds_clock` that of what is done, which a demo sets apart."""
        self._deeds_clock = deeds_clock or clock
        self._key, self._clock, self._post, self._target, self._say = key, clock, post, target, say
        self._lock = threading.Lock()
        self._kept = sqlite3.connect(ids, check_same_thread=False, isolation_level=None)
        self._kept.execute("PRAGMA synchronous = FULL")
        # `came`: how often it was sent here; it is done once.
        self._kept.execute(
            "CREATE TABLE IF NOT EXISTS triggers (id TEXT PRIMARY KEY, body TEXT, done INTEGER, came INTEGER)"
        )

    def take(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the answer to a request. Header names are in lower case."""
        now = self._clock.now()
        try:
            message_id = verified_id([self._key], headers, body, now)
            event = msgspec.json.decode(body)
            if event.get("type") == ALERT_TYPE:
                self._say(str(event["data"]["title"]))
                return 200, {"accepted": message_id}
            if event.get("type") != TRIGGER_TYPE:
                return 422, {"detail": f"expected a {TRIGGER_TYPE} or a {ALERT_TYPE}"}
            trigger = Trigger.model_validate_json(msgspec.json.encode(event["data"]))
        except SignInRefused as error:
            return 401, {"detail": str(error)}
        except (msgspec.DecodeError, ValidationError, AttributeError, KeyError, TypeError):
            return 422, {"detail": "the body is no trigger in its envelope"}
        if trigger.expires_at <= self._deeds_clock.now():
            return 410, {"detail": "the trigger has expired: nothing was done"}
        text = trigger.model_dump_json()
        with self._lock:
            (came,) = self._kept.execute(
                "INSERT INTO triggers VALUES (?, ?, 0, 1) "
                "ON CONFLICT (id) DO UPDATE SET came = came + 1 RETURNING came",
                (message_id, text),
            ).fetchone()
        return 202, {"accepted": message_id, "again": came > 1}

    def work(self) -> int:
        """Do what was taken and is not done yet; how many were done."""
        with self._lock:
            open_ones = self._kept.execute("SELECT id, body FROM triggers WHERE done = 0 ORDER BY rowid").fetchall()
        return sum(self._done(message_id, Trigger.model_validate_json(text)) for message_id, text in open_ones)

    def _done(self, message_id: str, trigger: Trigger) -> bool:
        now = self._clock.now()
        if not self.do(trigger) or not self._call_back(trigger, now):
            return False  # again later: the ids of events and of the callback stay the same
        with self._lock:
            self._kept.execute("UPDATE triggers SET done = 1 WHERE id = ?", (message_id,))
        return True

    def do(self, trigger: Trigger) -> bool:
        """The deed: what the ERP and the payment provider would tell of it. Whether it was done; else again later."""
        if self._target is None:
            return True
        now = self._deeds_clock.now()
        events: list[dict[str, Any]] = []
        for case in trigger.cases:
            money = {} if case.amount is None else {"value": str(case.amount), "currency": case.currency}
            for source, activity in (("erp", "Refund sent to payments"), ("payments", "Payment confirmed")):
                events.append(
                    {
                        "id": f"{trigger.idempotency_key}:{case.case_id}:{source}",
                        "activity": activity,
                        "occurred_at": now.isoformat(),
                        "source": source,
                        "actor": trigger.workflow,
                        "actor_kind": "system",
                        "sequence": len(events) + 1,  # of one instant: sent before it is confirmed
                        "objects": [{"type": "return", "id": case.case_id}],
                        "attributes": {"gembascope_run": trigger.run_id},
                        **money,
                    }
                )
        headers = {"authorization": f"Bearer {self._target.api_key}", "content-type": "application/json"}
        return 200 <= self._post(self._target.url, headers, msgspec.json.encode(events)) < 300

    def _call_back(self, trigger: Trigger, now: datetime) -> bool:
        if trigger.callback is None:
            return True
        cases = [
            {"case_id": case.case_id, "status": "succeeded", "detail": "", "reference": f"PAY-{number}"}
            for number, case in enumerate(trigger.cases, 1)
        ]
        body = msgspec.json.encode({"schema": "gembascope.callback/v1", "status": "succeeded", "cases": cases})
        headers = signed_headers([self._key], f"done:{trigger.idempotency_key}", body, now)
        return self._post(trigger.callback.url, {**headers, "content-type": "application/json"}, body) in TAKEN

    def close(self) -> None:
        self._kept.close()


class Receiver:
    """The engine behind an HTTP server. `delay_s`: how long a deed takes, and how long until one is tried again."""

    def __init__(self, engine: Engine, *, port: int, delay_s: float) -> None:
        self._engine, self._delay_s = engine, delay_s
        self._over, self._came = threading.Event(), threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver._answer(self)

            def log_message(self, *_: object) -> None:
                """Says nothing: what comes is told by its answer."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = int(self._server.server_address[1])
        self._threads = [
            threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.05)),
            threading.Thread(target=self._work),
        ]

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            status, answer = 413, {"detail": f"a trigger may be {MOST_BYTES} bytes"}
        else:
            headers = {name.lower(): value for name, value in request.headers.items()}
            status, answer = self._engine.take(headers, request.rfile.read(int(length)))
        content = msgspec.json.encode(answer)
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)
        if status == 202:
            self._came.set()

    def _work(self) -> None:
        while not self._over.is_set():
            self._came.wait(1.0)  # also without news: what could not be done is tried again
            self._came.clear()
            self._over.wait(self._delay_s)
            self._engine.work()

    def __enter__(self) -> Receiver:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._came.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()
        self._engine.close()


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Send by HTTP; 0 when nobody answered."""
    try:
        with httpx.Client(trust_env=False, timeout=20) as client:
            return client.post(url, headers=dict(headers), content=body).status_code
    except httpx.HTTPError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m orchestration_hooks.examples.receiver",
        description=f"Takes triggers of Gembascope on loopback. The signing secret is read from {SECRET}, the key that "
        f"events are sent with from {API_KEY} (made by `gembascope keys`).",
    )
    parser.add_argument("--port", type=int, default=8099, help="port on 127.0.0.1")
    parser.add_argument("--events", default="", help="such as http://127.0.0.1:8050/api/v1/events; without: none")
    parser.add_argument("--delay", type=float, default=5.0, help="seconds that a deed takes")
    parser.add_argument("--ids", default="receiver.sqlite", help="file in which triggers are kept")
    chosen = parser.parse_args()
    try:
        key = signing_key(os.environ.get(SECRET, ""), f"env:{SECRET}")
    except SettingsError as error:
        parser.error(str(error))
    api_key = os.environ.get(API_KEY, "")
    if chosen.events and not api_key:
        parser.error(f"--events needs {API_KEY}")
    target = Target(chosen.events, api_key) if chosen.events else None
    engine = Engine(key, SystemClock(), post, target, ids=chosen.ids, say=lambda title: print(title, flush=True))
    with Receiver(engine, port=chosen.port, delay_s=chosen.delay) as receiver:
        print(f"triggers are taken at http://127.0.0.1:{receiver.port}/", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
