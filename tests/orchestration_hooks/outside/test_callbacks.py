"""Callbacks: forged, changed, late, replayed and foreign ones are refused; a right one is taken once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outside import ENVIRONMENT, KEY, connection, webhook
from sqlalchemy import func, select

from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound, SignInRefused, StateConflict, StateUnavailable
from kernel.secrets import Secrets
from kernel.signatures import signed_headers
from kernel.state.database import State
from kernel.state.tables import RECEIVED_CALLBACKS
from orchestration_hooks.callbacks import Callbacks, Tokens, Waiting, callback_url
from orchestration_hooks.connections import Connections

CONTENT = {
    "schema": "gembascope.callback/v1",
    "status": "succeeded",
    "detail": "",
    "cases": [{"case_id": "R-1", "status": "succeeded", "detail": "", "reference": "B-17"}],
}
BODY = msgspec.json.encode(CONTENT)
TOKENS = Tokens(b"the pepper of this installation")


class Taken:
    """Callbacks of one tenant, and what they gave to runs."""

    def __init__(self, state: State, home: Path, clock: FixedClock, environ: Mapping[str, str] = ENVIRONMENT) -> None:
        self.clock = FixedClock(clock.now())
        self.waiting = Waiting("local", "run1", "resend", 1, "n8n", self.clock.at + timedelta(hours=4))
        self.token = TOKENS.make(self.waiting)
        self.signals: list[tuple[str, str, int, str, Mapping[str, Any]]] = []
        self.failure: Exception | None = None
        webhook(home, "n8n", "https://n8n.example/webhook", "previous_secret: env:OLD_SECRET\n")
        places = (Connections(home, "local"), Secrets(home, environ))
        self.callbacks = Callbacks(state, "local", TOKENS, *places, self.clock, self._signal)

    def _signal(self, run_id: str, step_id: str, visit: int, key: str, body: Mapping[str, Any]) -> None:
        if self.failure is not None:
            raise self.failure
        self.signals.append((run_id, step_id, visit, key, body))

    def send(self, message_id: str = "m1", *, token: str | None = None, key: bytes = KEY, body: bytes = BODY) -> None:
        headers = signed_headers([key], message_id, body, self.clock.now())
        self.callbacks.take(self.token if token is None else token, headers, body)


@pytest.fixture
def state(no_messages: State) -> State:
    return no_messages


@pytest.fixture
def taken(state: State, tmp_path: Path, clock: FixedClock) -> Taken:
    return Taken(state, tmp_path, clock)


def test_a_right_one_is_given_to_its_step_once(taken: Taken, state: State) -> None:
    taken.send()
    assert taken.signals == [("run1", "resend", 1, "n8n:m1", CONTENT)]
    for hours in (0, 1, 2):
        taken.clock.at += timedelta(hours=hours)
        with pytest.raises(StateConflict, match="received before"):
            taken.send()  # signed anew: the id is what counts
    assert len(taken.signals) == 1
    taken.send("m2", key=b"another-secret-of-24-bytes")  # while the secret is being replaced
    assert len(taken.signals) == 2


def test_ids_are_kept_for_a_week_and_then_forgotten(taken: Taken, state: State) -> None:
    taken.send()
    taken.token = TOKENS.make(replace(taken.waiting, expires_at=taken.clock.at + timedelta(days=30)))
    taken.clock.at += timedelta(days=7)
    with pytest.raises(StateConflict):
        taken.send()
    taken.clock.at += timedelta(seconds=1)
    taken.send("m2")
    with state.reading() as connection:
        assert connection.execute(select(func.count()).select_from(RECEIVED_CALLBACKS)).scalar_one() == 1


def test_what_is_not_signed_by_the_connection_is_refused(taken: Taken, state: State) -> None:
    headers = signed_headers([KEY], "m1", BODY, taken.clock.now())
    for given_headers, body in (
        ({}, BODY),
        (headers, BODY + b" "),
        ({**headers, "webhook-id": "m2"}, BODY),
        (signed_headers([b"x" * 24], "m1", BODY, taken.clock.now()), BODY),
        (signed_headers([KEY], "m1", BODY, taken.clock.now() - timedelta(seconds=301)), BODY),
        (signed_headers([KEY], "m1", BODY, taken.clock.now() + timedelta(seconds=301)), BODY),
    ):
        with pytest.raises(SignInRefused):
            taken.callbacks.take(taken.token, given_headers, body)
    assert taken.signals == []
    with state.reading() as connection:  # and strangers fill no table
        assert connection.execute(select(func.count()).select_from(RECEIVED_CALLBACKS)).scalar_one() == 0


def test_a_token_of_another_tenant_or_installation_or_time_is_none(taken: Taken) -> None:
    for token in (
        TOKENS.make(replace(taken.waiting, tenant="other")),
        TOKENS.make(replace(taken.waiting, connection="gone")),
        TOKENS.make(replace(taken.waiting, expires_at=taken.clock.now())),
        Tokens(b"another").make(taken.waiting),
        taken.token + "A",
        taken.token.replace(".", ""),
        taken.token[:-1],
        "." + taken.token,
        "",
        ".",
        "a.b",
        "x" * 5000,
        "é.é",
    ):
        with pytest.raises(NotFound, match="there is no such callback"):
            taken.send(token=token)
    assert taken.signals == []


@given(st.data())
def test_no_changed_token_is_read_as_another(data: st.DataObject) -> None:
    at = datetime(2026, 3, 1, tzinfo=timezone.utc)
    token = TOKENS.make(Waiting("local", "run1", "resend", 1, "n8n", at))
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCdef019-_.="))
    changed = token[:place] + letter + token[place + 1 :]
    assert (TOKENS.read(changed) is None) is (changed != token)


def test_one_connection_does_not_speak_for_another(taken: Taken, tmp_path: Path) -> None:
    connection(tmp_path, "other", "kind: webhook\nurl: https://other.example/\nsecret: env:OLD_SECRET\n")
    token = TOKENS.make(replace(taken.waiting, connection="other"))
    with pytest.raises(SignInRefused):
        taken.send(token=token)  # signed by n8n
    connection(tmp_path, "erp", "kind: http\nurl: https://erp.example/\n")
    with pytest.raises(NotFound, match="no such callback"):
        taken.send(token=TOKENS.make(replace(taken.waiting, connection="erp")))


def test_what_is_wrong_with_the_connection_is_not_told_to_strangers(
    state: State, tmp_path: Path, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    taken = Taken(state, tmp_path, clock, environ={})
    with pytest.raises(StateUnavailable, match="send it again later") as caught:
        taken.send()
    assert "N8N_SECRET" not in str(caught.value)
    assert "the secret env:N8N_SECRET is not set" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"status": NaN}',
        b"[" * 100_000,
        msgspec.json.encode({**CONTENT, "schema": "gembascope.callback/v2"}),
        msgspec.json.encode({**CONTENT, "status": "done"}),
        msgspec.json.encode({**CONTENT, "approved_by": "me"}),
        msgspec.json.encode({**CONTENT, "detail": "a\nb"}),
        msgspec.json.encode({**CONTENT, "cases": [{"case_id": "R\0", "status": "failed"}]}),
        b'{"schema": "gembascope.callback/v1", "status": "succeeded", "detail": "\\ud800"}',
        msgspec.json.encode({"schema": "gembascope.callback/v1"}),
    ],
    ids=range(12),
)
def test_a_body_that_is_none_is_refused_and_may_be_sent_right(taken: Taken, body: bytes) -> None:
    with pytest.raises(InputError):
        taken.send(body=body)
    taken.send()
    assert len(taken.signals) == 1


def test_a_callback_that_the_run_did_not_take_may_come_again(taken: Taken) -> None:
    taken.failure = RuntimeError("the process ends here, between received and taken")
    with pytest.raises(RuntimeError):
        taken.send()
    taken.failure = NotFound("no such run")
    with pytest.raises(NotFound):
        taken.send()
    taken.failure = None
    taken.send()
    with pytest.raises(StateConflict):
        taken.send()
    assert [key for _, _, _, key, _ in taken.signals] == ["n8n:m1"]


def test_many_at_once_have_one_key(taken: Taken) -> None:
    def once(_: int) -> bool:
        try:
            taken.send()
        except StateConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(once, range(24)))
    assert 1 <= sum(results) == len(taken.signals)
    assert {key for _, _, _, key, _ in taken.signals} == {"n8n:m1"}  # by which the run takes it once


def test_the_address_holds_the_token(taken: Taken) -> None:
    url = callback_url("https://ops.example", taken.token)
    assert url == f"https://ops.example/api/v1/callbacks/{taken.token}"
    assert TOKENS.read(taken.token) == taken.waiting
    assert TOKENS.make(taken.waiting) == taken.token
