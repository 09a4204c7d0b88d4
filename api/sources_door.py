"""How the routes that take what sources send get at those sources."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from fastapi import Request

from api.rates import SourceRates
from ingest.sources.delivery import Inlet, Outcome
from kernel.errors import NotFound
from kernel.secrets import Secrets

Kind = Literal["webhook", "cloudevents", "otlp"]
"""What a source is collected by, of what comes over HTTP: the `kind` of its collect settings."""


class SourcesDoor(Protocol):
    """Knows the sources of the tenant. It is asked for each request and keeps what it read of definitions; safe to call
    from several threads. Each method raises `NotFound` for a source that is not there, is of another kind or is
    switched off."""

    @property
    def secrets(self) -> Secrets:
        """What reads the secrets that settings refer to."""
        ...

    def inlet(self, source: str, kind: Kind) -> Inlet: ...

    def settings(self, source: str, kind: Kind) -> object:
        """The collect settings: of kind webhook an `ingest.webhooks.settings.WebhookSettings`, the same object until
        the definition is changed."""
        ...

    def requests_per_minute(self, source: str, kind: Kind) -> int | None:
        """`limits.requests_per_minute` of the source; None for no limit."""
        ...


def admitted(request: Request, source: str, kind: Kind) -> Inlet:
    """The inlet of a source, one request of which is counted. It may read files.

    Raises
    ------
    NotFound
        There is no such source of the kind that is switched on.
    TooManyRequests
        It has sent as many within a minute as it may.
    """
    door: SourcesDoor | None = request.app.state.sources
    if door is None:
        raise NotFound("there is no such source")
    inlet = door.inlet(source, kind)
    rates: SourceRates = request.app.state.source_rates
    rates.count(source, door.requests_per_minute(source, kind))
    return inlet


COUNTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "received": {"type": "integer", "description": "Events: accepted + quarantined + repeated."},
        "accepted": {"type": "integer", "description": "On disk, and soon in the warehouse."},
        "quarantined": {"type": "integer", "description": "Kept as they came, because no event could be made of them."},
        "repeated": {"type": "integer", "description": "Of deliveries that were taken before."},
    },
    "required": ["received", "accepted", "quarantined", "repeated"],
}


def counts(outcome: Outcome) -> dict[str, int]:
    """What a sender is told of an outcome: received = accepted + quarantined + repeated."""
    return {name: getattr(outcome, name) for name in ("received", "accepted", "quarantined", "repeated")}
