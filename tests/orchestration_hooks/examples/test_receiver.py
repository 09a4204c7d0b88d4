"""The receiver: triggers are done once, also over restarts, and their callbacks are taken."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from loopback import Recorder
from outside import ENVIRONMENT, KEY, effects, trigger_body, webhook

from kernel.clock import FixedClock
from kernel.secrets import Secrets
from kernel.settings import load_settings
from kernel.signatures import signed_headers
from kernel.state.database import State
from orchestration_hooks import examples
from orchestration_hooks.alerts.policy import read_policies
from orchestration_hooks.callbacks import Callbacks, Tokens, Waiting, callback_url
from orchestration_hooks.connections import Connections
from orchestration_hooks.effects import Message, Result
from orchestration_hooks.envelope import ALERT_TYPE, TRIGGER_TYPE, envelope
from orchestration_hooks.examples.receiver import Engine, Receiver, Target, post

IDS = "ids.sqlite"


class Gembascope:
    """The other side: takes events and callbacks, and tells when a callback came."""

    def __init__(self) -> None:
        self.called_back = threading.Event()
        self.status = 202

    def __call__(self, request: tuple[str, str, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
        if "/callbacks/" in request[1]:
            self.called_back.set()
        return self.status, {}, b""


@pytest.fixture
def service() -> Gembascope:
    return Gembascope()


@pytest.fixture
def recorder(service: Gembascope) -> Iterator[Recorder]:
    with Recorder(service) as opened:
        yield opened


@contextmanager
def engine(recorder: Recorder, folder: Path, clock: FixedClock) -> Iterator[Engine]:
    opened = Engine(KEY, clock, post, Target(f"{recorder.url}/api/v1/events", "the key"), ids=str(folder / IDS))
    try:
        yield opened
    finally:
        opened.close()


def signed(clock: FixedClock, data: dict[str, Any], event_type: str = TRIGGER_TYPE) -> tuple[dict[str, str], bytes]:
    body = envelope("local", event_type, "run1:resend:1", data)
    return signed_headers([KEY], "run1:resend:1", body, clock.now()), body


def test_from_a_trigger_to_its_events_and_its_callback(
    recorder: Recorder, service: Gembascope, tmp_path: Path, clock: FixedClock
) -> None:
    tokens = Tokens(b"pepper")
    token = tokens.make(Waiting("local", "run1", "resend", 1, "engine", clock.now() + timedelta(hours=1)))
    body = trigger_body(callback={"url": callback_url(recorder.url, token), "token": token})
    with engine(recorder, tmp_path, clock) as one, Receiver(one, port=0, delay_s=0) as receiver:
        webhook(tmp_path, "engine", f"http://127.0.0.1:{receiver.port}/hook")
        ways = effects(tmp_path, clock, f"127.0.0.1:{receiver.port}")
        first = ways.trigger("engine", body, key="run1:resend:1", timeout_s=5)
        assert service.called_back.wait(10)
        again = ways.trigger("engine", body, key="run1:resend:1", timeout_s=5)
    assert (first.result, first.output["body"]) == (Result.DONE, {"accepted": "run1:resend:1", "again": False})
    assert (again.result, again.output["body"]) == (Result.DONE, {"accepted": "run1:resend:1", "again": True})
    events, called_back = recorder.received  # of each one, though the trigger came twice
    assert (events[1], events[2]["authorization"]) == ("/api/v1/events", "Bearer the key")
    sent = json.loads(events[3])
    assert [(event["source"], event["activity"], event["objects"][0]["id"]) for event in sent] == [
        ("erp", "Refund sent to payments", "R-1"),
        ("payments", "Payment confirmed", "R-1"),
        ("erp", "Refund sent to payments", "R-2"),
        ("payments", "Payment confirmed", "R-2"),
    ]
    assert len({event["id"] for event in sent}) == 4
    assert (sent[1]["value"], sent[1]["currency"], "value" in sent[3]) == ("49.90", "EUR", False)
    signals: list[tuple[Any, ...]] = []
    with State(load_settings(home=tmp_path)) as state:
        places = Connections(tmp_path, "local"), Secrets(tmp_path, ENVIRONMENT)
        taking = Callbacks(state, "local", tokens, *places, clock, lambda *given: signals.append(given))
        taking.take(called_back[1].rpartition("/")[2], called_back[2], called_back[3])
    assert signals[0][:4] == ("run1", "resend", 1, "engine:done:run1:resend:1")
    assert [case["status"] for case in signals[0][4]["cases"]] == ["succeeded", "succeeded"]


def test_a_trigger_is_done_once_over_restarts(
    recorder: Recorder, service: Gembascope, tmp_path: Path, clock: FixedClock
) -> None:
    headers, body = signed(clock, trigger_body(callback={"url": f"{recorder.url}/callbacks/x", "token": "x"}))
    with engine(recorder, tmp_path, clock) as one:
        assert one.take(headers, body) == (202, {"accepted": "run1:resend:1", "again": False})
    service.status = 503
    with engine(recorder, tmp_path, clock) as one:  # taken, and ended before it was done
        assert one.take(headers, body)[1]["again"]
        assert one.work() == 0  # nobody takes the events
        service.status = 202
        assert (one.work(), one.work()) == (1, 0)
    with engine(recorder, tmp_path, clock) as one:
        assert one.take(headers, body)[1]["again"]
        assert one.work() == 0
    first, second, called_back = recorder.received
    assert first[3] == second[3]  # the same events under the same ids
    assert called_back[1] == "/callbacks/x"


def test_what_is_no_trigger_of_ours_is_refused(recorder: Recorder, tmp_path: Path, clock: FixedClock) -> None:
    with engine(recorder, tmp_path, clock) as one:
        headers, body = signed(clock, trigger_body())
        assert one.take({}, body)[0] == 401
        assert one.take(headers, body + b" ")[0] == 401
        old = FixedClock(clock.now() - timedelta(minutes=6))
        assert one.take(*signed(old, trigger_body()))[0] == 401
        assert one.take(*signed(clock, {"a": 1}))[0] == 422
        assert one.take(*signed(clock, trigger_body(), "gembascope.other.v1"))[0] == 422
        assert one.take(*signed(clock, {"no": "title"}, ALERT_TYPE))[0] == 422
        assert one.take(*signed(clock, trigger_body(expires_at="2026-03-01T12:00:00Z")))[0] == 410
        assert one.work() == 0
    assert recorder.received == []


def test_an_alert_is_heard(tmp_path: Path, clock: FixedClock) -> None:
    heard: list[str] = []
    one = Engine(KEY, clock, post, None, say=heard.append)
    with Receiver(one, port=0, delay_s=0) as receiver:
        webhook(tmp_path, "returns", f"http://127.0.0.1:{receiver.port}/alerts")
        ways = effects(tmp_path, clock, f"127.0.0.1:{receiver.port}")
        told = ways.notify("returns", Message("212 refunds stuck", "text", "high", ""), key="g-1-returns")
    assert (told.result, heard) == (Result.DONE, ["212 refunds stuck"])


def test_the_definitions_of_the_example_are_right(tmp_path: Path) -> None:
    folder = Path(examples.__file__).parent
    shutil.copytree(folder / "connections", tmp_path / "tenants" / "local" / "connections")
    shutil.copytree(folder / "alerts", tmp_path / "tenants" / "local" / "alerts")
    found = Connections(tmp_path, "local").all()
    assert sorted(found) == ["payments_engine", "returns"]
    kinds: dict[str, str] = {name: one.kind for name, one in found.items()}
    assert read_policies(tmp_path, "local", kinds)["returns"].channels == ("returns",)
