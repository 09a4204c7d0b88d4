"""Requests signed as each style signs them, made without the code that checks them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime

SECRETS = {
    "standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "stripe": "whsec_a1b2c3d4e5f6a7b8c9d0",
    "github": "It's a Secret to Everybody",
    "shopify": "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",
    "woocommerce": "a woo secret of some length",
}
OTHER_SECRET = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="
"""Fits every style."""


def signed(style: str, secret: str, body: bytes, at: datetime, message_id: str = "msg_1") -> list[tuple[str, str]]:
    """The headers of a request."""
    seconds = str(int(at.timestamp()))
    if style == "standard":
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signature = _base64(key, f"{message_id}.{seconds}.".encode() + body)
        return [
            ("webhook-id", message_id),
            ("webhook-timestamp", seconds),
            ("webhook-signature", f"v1,{signature}"),
        ]
    if style == "stripe":
        return [("stripe-signature", f"t={seconds},v1={_hex(secret.encode(), f'{seconds}.'.encode() + body)}")]
    if style == "github":
        return [
            ("x-github-delivery", message_id),
            ("x-github-event", "issues"),
            ("x-hub-signature-256", f"sha256={_hex(secret.encode(), body)}"),
        ]
    if style == "shopify":
        return [
            ("x-shopify-webhook-id", message_id),
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-triggered-at", at.isoformat()),
            ("x-shopify-hmac-sha256", _base64(secret.encode(), body)),
        ]
    return [
        ("x-wc-webhook-delivery-id", message_id),
        ("x-wc-webhook-topic", "order.created"),
        ("x-wc-webhook-signature", _base64(secret.encode(), body)),
    ]


def raw(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode("latin-1")) for name, value in headers]


def _hex(key: bytes, content: bytes) -> str:
    return hmac.new(key, content, hashlib.sha256).hexdigest()


def _base64(key: bytes, content: bytes) -> str:
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
