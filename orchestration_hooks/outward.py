"""The effects of runs, on their way out: a trigger is given what the core does not say by itself.

It is the same for the same deed, however often it is sent: its instants are those at which the step was first written
down, and who approved it is read from the decisions.
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
from orchestration_hooks.controls import Controls
from orchestration_hooks.effects import Effects, Message, Outcome, Result
from orchestration_hooks.entry import key_of

BEGUN_WITHIN = timedelta(days=1)
"""How long an engine may begin with it, and its answer is taken."""
UNDO = ":undo"
ANSWERS = {"succeeded": "done", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Outward:
    """`Effects` of runs over those of connections."""

    effects: Effects
    state: State
    tenant: str

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
        begun = step.started_at
        instants = {"requested_at": begun.isoformat(), "expires_at": (begun + BEGUN_WITHIN).isoformat()}
        run = body["run"] | {"approved_by": self._approvers(step.run_id)}
        cases = [{name: case[name] for name in ("case_id", "amount", "currency")} for case in body["cases"]]
        asked = {**body, **instants, "run": run, "cases": cases}
        return self.effects.trigger(connection, asked, key=key, timeout_s=timeout_s)

    def _step(self, key: str) -> Row[Any] | None:
        asked = select(RUN_STEPS).where(RUN_STEPS.c.tenant == self.tenant, RUN_STEPS.c.key == key)
        with self.state.reading() as connection:
            return connection.execute(asked).one_or_none()

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
