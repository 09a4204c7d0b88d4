"""The effects of runs, on their way out: what the core says of a trigger becomes a `gembascope.trigger/v1`.

The document is the same for the same deed, however often it is sent: its instants are those at which the step was
first written down, and the token of its callback binds to the step and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, select

from kernel.errors import NotFound
from kernel.state.database import State
from kernel.state.tables import RUN_STEPS, RUN_VOTES
from orchestration_hooks.book import key_of
from orchestration_hooks.callbacks import Tokens, Waiting, callback_url
from orchestration_hooks.controls import Controls
from orchestration_hooks.effects import Effects, Message, Outcome, Result

BEGUN_WITHIN = timedelta(days=1)
"""How long an engine may begin with it."""
ANSWERED_WITHIN = timedelta(days=30)
"""How long its answer is taken; how long the run waits for it is the playbook's to say."""
UNDO = ":undo"
ANSWERS = {"succeeded": "done", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Outward:
    """`Effects` of runs over those of connections. `public_url`: where engines reach this service; None: nowhere, so
    nobody answers and the events themselves have to tell."""

    effects: Effects
    state: State
    tenant: str
    tokens: Tokens
    public_url: str | None

    def call(
        self, connection: str, method: str, path: str, body: Mapping[str, Any] | None, *, key: str, timeout_s: float
    ) -> Outcome:
        return self.effects.call(connection, method, path, body, key=key, timeout_s=timeout_s)

    def notify(self, channel: str, message: Message, *, key: str) -> Outcome:
        return self.effects.notify(channel, message, key=key)

    def trigger(self, connection: str, body: Mapping[str, Any], *, key: str, timeout_s: float) -> Outcome:
        step = self._step(key.removesuffix(UNDO))
        if step is None:
            return Outcome(Result.FAILED, "unknown_step", "the step that asks is not there")
        document = self._document(connection, body, key, step)
        return self.effects.trigger(connection, document, key=key, timeout_s=timeout_s)

    def _step(self, key: str) -> Row[Any] | None:
        asked = select(RUN_STEPS).where(RUN_STEPS.c.tenant == self.tenant, RUN_STEPS.c.key == key)
        with self.state.reading() as connection:
            return connection.execute(asked).one_or_none()

    def _document(self, connection: str, body: Mapping[str, Any], key: str, step: Row[Any]) -> dict[str, Any]:
        begun = step.started_at
        callback = None
        if body["callback"] and self.public_url is not None:
            waiting = Waiting(self.tenant, step.run_id, step.step, step.visit, connection, begun + ANSWERED_WITHIN)
            token = self.tokens.make(waiting)
            callback = {"url": callback_url(self.public_url, token), "token": token}
        subject, run = body["subject"], body["run"]
        cases = [{name: case[name] for name in ("case_id", "amount", "currency")} for case in body["cases"]]
        return {
            "schema": "gembascope.trigger/v1",
            "run_id": step.run_id,
            "step_id": step.step,
            "visit": step.visit,
            "idempotency_key": key,
            "action": body["workflow"],
            "process": subject["process"],
            "incident_id": subject["incident_id"],
            "cases": cases,
            "callback": callback,
            "requested_by": run["requested_by"],
            "approved_by": self._approvers(step.run_id),
            "requested_at": begun.isoformat(),
            "expires_at": (begun + BEGUN_WITHIN).isoformat(),
        }

    def _approvers(self, run_id: str) -> list[str]:
        votes = RUN_VOTES.c
        asked = (
            select(votes.actor)
            .where(votes.tenant == self.tenant, votes.run_id == run_id, votes.decision == "approve")
            .order_by(votes.at, votes.actor)
        )
        with self.state.reading() as connection:
            return list(dict.fromkeys(connection.execute(asked).scalars()))


def answered(
    controls: Controls, run_id: str, step_id: str, visit: int, dedup_key: str, body: Mapping[str, Any]
) -> None:
    """Give a run what an engine answered (`callbacks.Signal`); `NotFound` when it is over."""
    answer = {
        "status": ANSWERS[body["status"]],
        "detail": body.get("detail", ""),
        "output": {"cases": list(body.get("cases", ()))},
    }
    actor = f"connection {dedup_key.partition(':')[0]}"
    if not controls.callback(key_of(run_id, step_id, visit), answer, dedup_key=dedup_key, actor=actor):
        raise NotFound("no step waits for this")
