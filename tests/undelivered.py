"""A message that did not arrive."""

from __future__ import annotations

from datetime import datetime

from kernel.clock import FixedClock
from kernel.state.database import State
from orchestration_hooks.effects import Message, Outcome, Result
from orchestration_hooks.outbox import Deliverer, enqueue, message_body

WHY = Outcome(Result.FAILED, "http_410", "it is gone")
SECRET = "what the message tells"


def give_up(
    state: State, tenant: str, key: str, at: datetime, *, incident: str, destination: str = "ops", why: Outcome = WHY
) -> None:
    """Write a message about the incident and another one down, and have its first attempt fail for good."""
    body = message_body(Message(SECRET, SECRET, "high", ""))
    about = {"destination": destination, "stream": key, "body": body, "incident_id": incident, "incidents": 2}
    with state.writing() as connection:
        enqueue(connection, tenant, dedup_key=key, at=at, **about)  # type: ignore[arg-type]
    Deliverer(state, tenant, lambda _: why, FixedClock(at), name="test").deliver_due()
