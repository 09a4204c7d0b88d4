"""The document of a trigger, made of what a step asks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from kernel.clock import FixedClock
from orchestration_hooks.callbacks import Tokens, Waiting
from orchestration_hooks.triggering import LIFE, Composer

TOKENS = Tokens(b"pepper")
ASKED: dict[str, Any] = {
    "schema": "gembascope.trigger/1",
    "workflow": "resend-refunds",
    "key": "run1:send:2",
    "run": {"id": "run1", "playbook": "refund_stuck", "requested_by": "worker", "step": "send", "visit": 2},
    "subject": {"process": "return-to-refund", "incident_id": "4" * 32, "title": "stuck"},
    "cases": [{"case_id": "R-1", "amount": "49.90", "currency": "EUR", "store": "Köln"}],
    "totals": {"EUR": "49.90"},
    "parameters": {"reason": "stuck"},
    "callback": True,
}


def test_a_step_that_awaits_an_answer_gives_an_address_for_it(clock: FixedClock) -> None:
    made = Composer("local", TOKENS, "https://ops.example", clock)("n8n", ASKED, "run1:send:2")
    assert made.callback is not None
    token = made.callback.token
    assert made.callback.url == f"https://ops.example/api/v1/callbacks/{token}"
    assert TOKENS.read(token) == Waiting("local", "run1", "send", 2, "n8n", clock.now() + LIFE)
    assert made.model_dump(mode="json")["cases"] == ASKED["cases"]
    assert (made.requested_by, made.approved_by, made.expires_at) == ("worker", (), clock.now() + LIFE)


def test_the_same_deed_is_the_same_document_when_its_step_says_when(clock: FixedClock) -> None:
    at = clock.now()
    asked = {
        **ASKED,
        "run": {**ASKED["run"], "approved_by": ["u2"]},
        "requested_at": at.isoformat(),
        "expires_at": (at + timedelta(hours=2)).isoformat(),
    }
    composer = Composer("local", TOKENS, "https://ops.example", FixedClock(at + timedelta(hours=1)))
    made = composer("n8n", asked, "run1:send:2")
    assert made == Composer("local", TOKENS, "https://ops.example", clock)("n8n", asked, "run1:send:2")
    assert (made.approved_by, made.expires_at) == (("u2",), at + timedelta(hours=2))


@pytest.mark.parametrize(("asks", "public_url"), [(False, "https://ops.example"), (True, None)])
def test_nobody_is_given_an_address_that_is_not_known(asks: bool, public_url: str | None, clock: FixedClock) -> None:
    made = Composer("local", TOKENS, public_url, clock)("n8n", {**ASKED, "callback": asks}, "k")
    assert made.callback is None


def test_what_makes_no_document_is_refused(clock: FixedClock) -> None:
    with pytest.raises(ValidationError):
        Composer("local", TOKENS, None, clock)("n8n", {**ASKED, "cases": []}, "k")
