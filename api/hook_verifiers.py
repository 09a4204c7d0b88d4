"""The verifiers of the sources that send webhooks, kept so that no request waits for a file with a secret."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from api.sources_door import SourcesDoor
from ingest.webhooks.settings import WebhookSettings
from ingest.webhooks.verifying import Verifier, verifier, verifier_of_nobody
from kernel.clock import Clock
from kernel.errors import NotFound, SettingsError

HELD = timedelta(seconds=5)
"""How long a secret that was replaced may still be taken, and how often one that is not there is told in the log."""
MOST = 1_000

log = logging.getLogger("gembascope.hooks")


@dataclass(frozen=True, slots=True)
class _Held:
    verifier: Verifier
    settings: WebhookSettings
    at: datetime


class HookVerifiers:
    """Verifiers by source. Of what is no source, and of one whose secrets are not there, it is one that takes nothing
    and works as long."""

    def __init__(self, door: SourcesDoor | None, clock: Clock) -> None:
        self._door, self._clock = door, clock
        self._nobody = verifier_of_nobody()
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def of(self, source: str) -> Verifier:
        """The verifier of a source as it is now; its secrets as they were HELD ago at most."""
        if self._door is None:
            return self._nobody
        try:
            settings = self._door.settings(source, "webhook")
        except NotFound:
            return self._nobody
        if not isinstance(settings, WebhookSettings):
            raise TypeError(f"the settings of a webhook are no {type(settings).__name__}")
        now = self._clock.now()
        held = self._held.get(source)
        if held is None or held.settings is not settings or not timedelta(0) <= now - held.at < HELD:
            held = _Held(self._made(source, settings, self._door), settings, now)
            with self._lock:
                if len(self._held) >= MOST:
                    self._held.clear()
                self._held[source] = held
        return held.verifier

    def _made(self, source: str, settings: WebhookSettings, door: SourcesDoor) -> Verifier:
        try:
            return verifier(settings, door.secrets)
        except SettingsError as error:  # for who runs this, and not for who sends: they learn nothing of sources
            log.error("webhooks of source %s cannot be verified and are refused: %s", source, error)
            return self._nobody
