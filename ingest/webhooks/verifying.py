"""Whether a request is from who holds a secret of the source, in a time that tells nothing but its length."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_bytes

from ingest.raw_headers import Headers
from ingest.webhooks.settings import StyleName, WebhookSettings
from ingest.webhooks.styles import STYLES, Said, Style, id_of_body, seen_by_mappings
from kernel.errors import SettingsError, SignInRefused
from kernel.secrets import Secrets

MOST_SECRETS = 2
NOTHING_SAID = Said(b"", (b"",), "", None)


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that is what its sender signed. `unique_id`: of the delivery; `headers`: those that a mapping sees."""

    unique_id: str
    headers: Mapping[str, str]


class Verifier:
    """Knows the requests of one source by its secrets."""

    def __init__(
        self, style: StyleName, keys: tuple[bytes, ...], tolerance_s: int = 300, shown: Iterable[str] = ()
    ) -> None:
        """`keys`: one or two, as the style makes them of secrets; `shown`: further headers that a mapping sees."""
        if not 1 <= len(keys) <= MOST_SECRETS:
            raise ValueError("a source has one or two live secrets")
        self._style: Style = STYLES[style]
        self._keys = (*keys, keys[-1])[:MOST_SECRETS]  # of one secret as much work as of two
        self._tolerance_s, self._shown = tolerance_s, frozenset(shown)

    def verified(self, headers: Headers, body: bytes, now: datetime) -> Verified:
        """What came, where it is from who holds a secret. Each key and each signature is tried whatever was found
        before, and also where the request says nothing that could be right.

        Raises
        ------
        SignInRefused
            It is not, or was signed too long ago. All who are refused are told the same.
        """
        read = self._style.read(headers)
        said = read or NOTHING_SAID
        signed = said.prefix + body
        right = 0
        for key in self._keys:
            expected = self._style.text(hmac.digest(key, signed, hashlib.sha256))
            for given in said.signatures:
                right |= hmac.compare_digest(expected, given)
        in_time = said.seconds is None or abs(now.timestamp() - said.seconds) <= self._tolerance_s
        if read is None or not right or not in_time:
            raise refusal()
        return Verified(said.unique_id or id_of_body(body), seen_by_mappings(self._style, headers, self._shown))


def refusal() -> SignInRefused:
    """What is told to whoever does not send what a source signs, and to whoever names no source."""
    return SignInRefused("there is no source here that signs like this, or it was signed too long ago")


def verifier(settings: WebhookSettings, secrets: Secrets) -> Verifier:
    """The verifier of a source, with the secrets as they are now.

    Raises
    ------
    SettingsError
        A secret is not there or is none of its style; the message names the reference only.
    """
    style = STYLES[settings.style]
    keys = tuple(style.key(secrets.get(reference), reference) for reference in settings.secrets)
    if len(set(keys)) != len(keys):
        raise SettingsError(f"the secrets {' and '.join(settings.secrets)} are the same")
    return Verifier(settings.style, keys, settings.tolerance_s, settings.headers)


def verifier_of_nobody() -> Verifier:
    """One that does the work and takes nothing: its keys are known to nobody."""
    return Verifier("standard", (token_bytes(32), token_bytes(32)))
