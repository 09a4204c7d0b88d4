"""Making the document that an external engine is sent of what a step asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from kernel.clock import Clock
from orchestration_hooks.callbacks import Tokens, Waiting, callback_url
from orchestration_hooks.trigger import Trigger

Compose = Callable[[str, Mapping[str, Any], str], Trigger]
"""Of a connection, what a step asks, and its key, the document; pydantic's ValidationError where it makes none."""
LIFE = timedelta(days=1)
"""How long a trigger is good for where its step does not say."""


def as_given(_: str, body: Mapping[str, Any], __: str) -> Trigger:
    """What is asked is the document already."""
    return Trigger.model_validate_json(msgspec.json.encode(body))


class Composer:
    """Makes documents for one tenant. `public_url`: where engines reach this service; without it none can answer."""

    def __init__(self, tenant: str, tokens: Tokens, public_url: str | None, clock: Clock) -> None:
        self._tenant, self._tokens, self._public_url, self._clock = tenant, tokens, public_url, clock

    def __call__(self, connection: str, asked: Mapping[str, Any], key: str) -> Trigger:
        """The document of what a step asks: `workflow`, `parameters`, `cases`, `callback` (whether one is awaited),
        `run` (`id`, `step`, `visit`, `requested_by`, `approved_by`), `subject` (`process`, `incident_id`), and the
        instants `requested_at` and `expires_at` in RFC 3339. Where the step gives no instants they are those of now:
        then only the key of the same deed is the same."""
        run, subject = asked["run"], asked["subject"]
        requested_at = _instant(asked.get("requested_at")) or self._clock.now()
        expires_at = _instant(asked.get("expires_at")) or requested_at + LIFE
        waiting = Waiting(self._tenant, run["id"], run["step"], run["visit"], connection, expires_at)
        callback = None
        if asked.get("callback") and self._public_url is not None:
            token = self._tokens.make(waiting)
            callback = {"url": callback_url(self._public_url, token), "token": token}
        document = {
            "schema": "gembascope.trigger/v1",
            "run_id": waiting.run_id,
            "step_id": waiting.step_id,
            "visit": waiting.visit,
            "idempotency_key": key,
            "workflow": asked["workflow"],
            "parameters": asked.get("parameters", {}),
            "process": subject["process"],
            "incident_id": subject.get("incident_id", ""),
            "cases": asked["cases"],
            "callback": callback,
            "requested_by": run["requested_by"],
            "approved_by": run.get("approved_by", []),
            "requested_at": requested_at.isoformat(),
            "expires_at": expires_at.isoformat(),
        }
        return Trigger.model_validate_json(msgspec.json.encode(document))


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
