"""Signatures of what we send and of what is sent to us: Standard Webhooks 1.0 (https://www.standardwebhooks.com).

`webhook-id.webhook-timestamp.body` is signed by HMAC-SHA256. The library makes the signatures; that one is right is
decided here, by the clock that is passed in, over the bytes as they came, in a time that tells nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from standardwebhooks.webhooks import Webhook

from kernel.errors import SettingsError, SignInRefused

TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock and ours may be apart, and how long a message may be on its way."""
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
MOST_SIGNATURES = 8
_ID = re.compile(r"[A-Za-z0-9_:/+=~-]{1,180}")
_SECONDS = re.compile(r"[1-9][0-9]{0,11}")


def signing_key(secret: str, shown_as: str) -> bytes:
    """The bytes of a secret that is written in base64, with or without `whsec_` before it.

    Raises
    ------
    SettingsError
        It is no base64 of 24 to 64 bytes; the message holds `shown_as` and not the secret.
    """
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        key = b""
    if not SHORTEST_SECRET <= len(key) <= LONGEST_SECRET:
        raise SettingsError(
            f"the secret {shown_as} is no base64 of {SHORTEST_SECRET} to {LONGEST_SECRET} bytes; "
            "make one with: openssl rand -base64 32"
        )
    return key


def signed_headers(keys: Iterable[bytes], message_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers of a message, with a signature by every key. ValueError for an id that is none."""
    if not _ID.fullmatch(message_id):
        raise ValueError("the id of a message is 1 to 180 letters, digits and _ : / + = ~ -")
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(_sign(key, message_id, int(at.timestamp()), body) for key in keys),
    }


def verified_id(keys: Iterable[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that one of the keys has signed, within the time window. Header names are in lower case.

    Raises
    ------
    SignInRefused
        It is not signed so. Which part is wrong is told of the time only.
    """
    message_id, seconds = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not _ID.fullmatch(message_id) or not _SECONDS.fullmatch(seconds):
        raise _refused()
    given = [part[3:].encode() for part in headers.get("webhook-signature", "").split(" ") if part.startswith("v1,")]
    right = False
    for key in keys:
        expected = _sign(key, message_id, int(seconds), body)[3:].encode()
        for signature in given[:MOST_SIGNATURES]:
            right |= hmac.compare_digest(expected, signature)
    if not right:
        raise _refused()
    if abs(now.timestamp() - int(seconds)) > TOLERANCE.total_seconds():
        raise SignInRefused("the message was signed too long ago, or by a clock that is ahead: sign it anew")
    return message_id


def _refused() -> SignInRefused:
    return SignInRefused("the message is not signed as this connection signs (webhook-id, -timestamp, -signature)")


def _sign(key: bytes, message_id: str, seconds: int, body: bytes) -> str:
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    try:
        return Webhook(key).sign(message_id, at, body.decode())
    except UnicodeDecodeError:
        raise _refused() from None
