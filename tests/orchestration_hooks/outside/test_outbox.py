"""The outbox: nothing is lost, nothing is told out of order, and what is told twice is told under one key."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import Recorder
from outside import effects, webhook
from sqlalchemy import Connection, func, select

from kernel.clock import FixedClock
from kernel.errors import NotFound
from kernel.settings import Settings
from kernel.state.database import State
from kernel.state.tables import AUDIT_ENTRIES, OUTBOX
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.outbox import (
    AUDIT_CHAIN,
    Deliverer,
    Outgoing,
    Plan,
    by_effects,
    dead_count,
    dead_letters,
    discard,
    enqueue,
    forget_delivered,
    message_body,
    requeue,
    waiting,
)

DONE, AGAIN, NEVER = Outcome(Result.DONE, "sent"), Outcome(Result.RETRY, "http_503"), Outcome(Result.FAILED, "http_410")
BODY = message_body(Message("title", "text", "high", ""))


@pytest.fixture
def settings(messages_settings: Settings) -> Settings:
    return messages_settings


@pytest.fixture
def state(no_messages: State) -> State:
    return no_messages


@pytest.fixture
def now(clock: FixedClock) -> FixedClock:
    """A clock of the test's own."""
    return FixedClock(clock.now())


def add(
    state: State, key: str, at: datetime, *, destination: str = "n8n", stream: str = "s", tenant: str = "local"
) -> bool:
    with state.writing() as connection:
        return enqueue(connection, tenant, dedup_key=key, destination=destination, stream=stream, body=BODY, at=at)


def newest_audit(connection: Connection) -> Any:
    audited = select(AUDIT_ENTRIES.c.content).where(AUDIT_ENTRIES.c.chain == AUDIT_CHAIN)
    return json.loads(connection.execute(audited.order_by(AUDIT_ENTRIES.c.number.desc()).limit(1)).scalar_one())


def deliverer(state: State, clock: FixedClock, send: object, **more: object) -> Deliverer:
    return Deliverer(state, "local", send, clock, **{"name": "d", **more})  # type: ignore[arg-type]


def test_a_message_is_delivered_once_and_its_key_is_taken(state: State, now: FixedClock) -> None:
    sent: list[Outgoing] = []
    assert add(state, "a", now.at)
    assert not add(state, "a", now.at)
    assert add(state, "b", now.at, tenant="other")
    one = deliverer(state, now, lambda outgoing: sent.append(outgoing) or DONE)
    assert (one.deliver_due(), one.deliver_due()) == (1, 0)
    assert sent == [Outgoing("a", "n8n", "s", 1, BODY, 1)]
    assert not add(state, "a", now.at)  # a key stays taken
    with state.writing() as connection:
        assert forget_delivered(connection, "local", before=now.at) == 0
    with state.reading() as connection:
        assert waiting(connection, "local") == (0, None)
        assert waiting(connection, "other") == (1, now.at)
    with state.writing() as connection:
        assert forget_delivered(connection, "local", before=now.at + timedelta(days=1)) == 1
        assert waiting(connection, "other") == (1, now.at)


def test_what_is_rolled_back_is_not_told(state: State, now: FixedClock) -> None:
    def interrupted() -> None:
        with state.writing() as connection:
            enqueue(connection, "local", dedup_key="a", destination="n", stream="s", body=BODY, at=now.at)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert deliverer(state, now, lambda _: DONE).deliver_due() == 0


def test_waits_grow_and_are_heeded_and_then_it_is_dead(state: State, now: FixedClock) -> None:
    add(state, "a", now.at)
    plan, tried = Plan(attempts=4, first_s=10, factor=2, most_s=25), []
    one = deliverer(state, now, lambda outgoing: tried.append(now.at) or AGAIN, plan=plan)
    start = now.at
    for second in range(80):
        now.at = start + timedelta(seconds=second)
        one.deliver_due()
    waits = [(after - before).total_seconds() for before, after in pairwise(tried)]
    assert len(tried) == 4
    for wait, whole in zip(waits, (10, 20, 25), strict=True):
        assert whole / 2 <= wait <= whole + 1
    with state.reading() as connection:
        (dead,) = dead_letters(connection, "local")
        assert (dead.dedup_key, dead.attempts, dead.code) == ("a", 4, "http_503")
        assert dead_letters(connection, "other") == []


@given(st.integers(1, 40), st.sampled_from(["a", "b", "c"]), st.none() | st.floats(0, 9e4))
def test_a_wait_is_the_same_for_the_same_attempt_and_no_shorter_than_asked(
    attempt: int, key: str, retry_after_s: float | None
) -> None:
    plan = Plan()
    wait = plan.wait_s(key, attempt, retry_after_s)
    assert wait == plan.wait_s(key, attempt, retry_after_s)
    assert max(retry_after_s or 0, plan.first_s / 2) <= wait <= max(plan.most_s, retry_after_s or 0)


def test_what_fails_for_good_is_dead_at_once_and_can_be_tried_again_under_its_key(
    state: State, now: FixedClock
) -> None:
    add(state, "a", now.at)
    outcomes, keys = [AGAIN, NEVER, AGAIN, DONE], []
    one = deliverer(state, now, lambda outgoing: keys.append(outgoing.dedup_key) or outcomes.pop(0), plan=Plan(2))
    one.deliver_due()
    now.at += timedelta(days=9)
    assert (one.deliver_due(), one.deliver_due()) == (1, 0)
    with state.writing() as connection:
        requeue(connection, "local", "a", by="somebody", at=now.at)
        with pytest.raises(NotFound):
            requeue(connection, "other", "a", by="somebody", at=now.at)
        with pytest.raises(NotFound):
            requeue(connection, "local", "a", by="somebody", at=now.at)  # it is not dead any more
    assert one.deliver_due() == 1
    now.at += timedelta(days=9)
    assert one.deliver_due() == 1  # all its attempts are there again: the first that fails is not the last
    assert keys == ["a"] * 4
    with state.reading() as connection:
        assert dead_letters(connection, "local") == []
        told = newest_audit(connection)
    assert (told["kind"], told["actor"], told["body"]["attempts"]) == ("message_requeued", "somebody", 2)


def test_a_dead_message_can_be_given_up_and_the_audit_keeps_why(state: State, now: FixedClock) -> None:
    add(state, "a", now.at)
    add(state, "b", now.at)
    outcomes = [NEVER, DONE]
    deliverer(state, now, lambda _: outcomes.pop(0)).deliver_due()
    with state.writing() as connection:
        for key, tenant in (("b", "local"), ("a", "other")):  # it was delivered; it is somebody else's
            with pytest.raises(NotFound):
                discard(connection, tenant, key, by="somebody", reason="no", at=now.at)
        assert dead_count(connection, "local") == 1
        discard(connection, "local", "a", by="somebody", reason="told by phone", at=now.at)
        assert dead_count(connection, "local") == 0
        told = newest_audit(connection)
    assert (told["kind"], told["actor"]) == ("message_discarded", "somebody")
    assert told["body"] == {
        "message": "a",
        "destination": "n8n",
        "incident_id": "",
        "incidents": 0,
        "attempts": 1,
        "code": "http_410",
        "reason": "told by phone",
    }


def test_a_stream_stays_in_order_and_does_not_hold_up_others(state: State, now: FixedClock) -> None:
    for number in (1, 2, 3):
        add(state, f"x{number}", now.at, stream="x")
        add(state, f"y{number}", now.at, stream="y")
        add(state, f"z{number}", now.at, stream="x", destination="chat")
    told: list[str] = []
    failing = {"x1": 2, "y2": 99}

    def send(outgoing: Outgoing) -> Outcome:
        if failing.get(outgoing.dedup_key, 0) > 0:
            failing[outgoing.dedup_key] -= 1
            return AGAIN
        told.append(outgoing.dedup_key)
        return DONE

    one = deliverer(state, now, send, plan=Plan(attempts=3))
    one.deliver_due()
    assert told == ["y1", "z1", "z2", "z3"]
    for _ in range(20):
        now.at += timedelta(minutes=1)
        one.deliver_due()
    assert [key for key in told if key[0] == "x"] == ["x1", "x2", "x3"]
    assert [key for key in told if key[0] == "y"] == ["y1", "y3"]  # y2 is dead and told of as such
    with state.reading() as connection:
        assert [dead.dedup_key for dead in dead_letters(connection, "local")] == ["y2"]


def test_two_who_deliver_together_send_each_message_once(settings: Settings, state: State, now: FixedClock) -> None:
    for number in range(40):
        add(state, f"m{number}", now.at, stream=f"s{number % 8}")
    sent: list[tuple[str, int]] = []
    lock = threading.Lock()

    def send(outgoing: Outgoing) -> Outcome:
        with lock:
            sent.append((outgoing.stream, outgoing.number))
        return DONE

    with State(settings) as second, ThreadPoolExecutor(4) as pool:
        those = [deliverer(place, now, send, name=f"d{n}") for n, place in enumerate([state, second, state, second])]
        while sum(pool.map(lambda one: one.deliver_due(), those)):
            pass
    assert len(sent) == 40
    for stream in {stream for stream, _ in sent}:
        assert [number for found, number in sent if found == stream] == [1, 2, 3, 4, 5]


def test_who_comes_too_late_marks_nothing(state: State, now: FixedClock) -> None:
    add(state, "a", now.at)
    slow, quick = (
        deliverer(state, now, lambda _: DONE, name="slow"),
        deliverer(state, now, lambda _: AGAIN, name="quick"),
    )
    held = slow.claim()
    assert held is not None
    assert quick.claim() is None
    now.at += timedelta(minutes=2)
    again = quick.claim()
    assert again is not None
    assert (again.dedup_key, again.attempts) == ("a", 2)
    assert not slow.mark(held, NEVER)
    assert quick.mark(again, DONE)
    assert not quick.mark(again, NEVER)
    same = deliverer(state, now, lambda _: DONE, name="slow")  # a process that started anew under the same name
    add(state, "b", now.at)
    first = slow.claim()
    now.at += timedelta(minutes=2)
    second = same.claim()
    assert first is not None
    assert second is not None
    assert not slow.mark(first, DONE)
    assert same.mark(second, DONE)


def test_a_message_that_kills_whoever_sends_it_is_dead_in_the_end(state: State, now: FixedClock) -> None:
    add(state, "a", now.at)
    one = deliverer(state, now, lambda _: DONE, plan=Plan(attempts=3))
    for _ in range(3):
        assert one.claim() is not None
        now.at += timedelta(minutes=2)
    assert one.claim() is None
    with state.reading() as connection:
        assert [dead.code for dead in dead_letters(connection, "local")] == ["abandoned"]


KILLED = """
import os, signal, sys
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
sys.path.insert(0, sys.argv[7])
from outside import effects
from kernel.clock import FixedClock
from kernel.settings import load_settings
from kernel.state.database import State
from orchestration_hooks.outbox import Deliverer, by_effects
home, url, at, listed, after, name = sys.argv[1:7]
clock = FixedClock(datetime.fromisoformat(at))
ways = by_effects(effects(Path(home), clock, listed))
left = int(after)
def send(outgoing):
    global left
    outcome = ways(outgoing)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)  # it was told, and nobody wrote that down
    return outcome
with State(load_settings(home=home, state_url=url or None)) as state:
    Deliverer(state, "local", send, clock, name=name).deliver_due()
"""


def test_kill_between_sending_and_marking_sends_again_under_the_same_key(
    settings: Settings, state: State, now: FixedClock
) -> None:
    url = settings.state_url.get_secret_value() if settings.state_url else ""
    tests = str(Path(__file__).resolve().parents[2])
    with Recorder() as receiver:
        webhook(settings.home, "n8n", receiver.url)
        for number in range(20):
            add(state, f"m{number}", now.at, stream=f"s{number % 4}")
        for kill, after in enumerate((1, 7, 4)):
            arguments = [
                str(settings.home),
                url,
                now.at.isoformat(),
                receiver.listed,
                str(after),
                f"child{kill}",
                tests,
            ]
            done = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False, timeout=60)
            assert done.returncode == -9
            now.at += timedelta(minutes=2)
        rest = deliverer(state, now, by_effects(effects(settings.home, now, receiver.listed)))
        rest.deliver_due()
        ids = [headers["webhook-id"] for _, _, headers, _ in receiver.received]
        bodies = {(headers["webhook-id"], body) for _, _, headers, body in receiver.received}
    assert len(ids) == 23  # 20, and one more for each kill
    assert sorted(Counter(ids).values()) == [1] * 17 + [2] * 3
    assert len(bodies) == len(set(ids)) == 20  # what came twice is the same bytes
    firsts = list(dict.fromkeys(ids))
    for stream in range(4):
        assert [key for key in firsts if int(key[1:]) % 4 == stream] == [f"m{n}" for n in range(stream, 20, 4)]
    with state.reading() as connection:
        delivered = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.delivered_at.is_not(None))
        assert connection.execute(delivered).scalar_one() == 20


def test_a_body_comes_back_as_the_message(state: State, now: FixedClock) -> None:
    message = Message("t", "ä\n", "low", "https://ops.example", {"a": "b"})
    assert Message(**msgspec.json.decode(message_body(message))) == message
