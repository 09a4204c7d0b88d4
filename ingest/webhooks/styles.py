"""What the requests of each style of signing say of themselves: what was signed, by which signatures, when, as what.

All are HMAC-SHA256. Names of headers are in small letters. A header that counts and is there twice, is empty, too long
or of another form makes a request that says nothing (None).

- standard: signed are id.timestamp.body; webhook-signature: `v1,BASE64`, several; the id is webhook-id, signed.
- stripe: signed are timestamp.body; stripe-signature: `t=…,v1=HEX`, several v1; the id is `id` of the body, signed.
- github: signed is the body; x-hub-signature-256: `sha256=HEX`; the id is x-github-delivery, not signed.
- shopify: signed is the body; x-shopify-hmac-sha256: BASE64; the id is x-shopify-webhook-id, not signed.
- woocommerce: signed is the body; x-wc-webhook-signature: BASE64; the id is x-wc-webhook-delivery-id, not signed.

Where neither time nor id are signed, whoever has seen a message can send it again as another delivery: what it says is
known again by the ids that the mapping makes of its content.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from ingest.raw_headers import Headers
from ingest.webhooks.settings import StyleName
from kernel.errors import SettingsError
from kernel.signatures import signing_key

LONGEST_HEADER = 2_000
"""Characters of a signature header: eight signatures have 600."""
MOST_SIGNATURES = 8
SHORTEST_SECRET = 16

_ID = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS = re.compile(r"[1-9][0-9]{0,11}")
_HEX = re.compile(r"[0-9a-f]{64}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")


@dataclass(frozen=True, slots=True)
class Said:
    """What a request says of itself; nothing of it is known to be true. `prefix` and the body are what was signed,
    `signatures` are in the text of the style, `seconds` is the signed time of Unix or None. `unique_id` is "" where the
    body holds it (`id_of_body`), which is not read before it is known whose it is."""

    prefix: bytes
    signatures: tuple[bytes, ...]
    unique_id: str
    seconds: int | None


@dataclass(frozen=True, slots=True)
class Style:
    """One way of signing. `shown`: headers that a mapping may see, besides those of all styles."""

    name: StyleName
    read: Callable[[Headers], Said | None]
    key: Callable[[str, str], bytes]
    text: Callable[[bytes], bytes]
    shown: frozenset[str]


SHOWN_OF_ALL = frozenset({"content-type", "user-agent"})


def seen_by_mappings(style: Style, headers: Headers, more: frozenset[str] = frozenset()) -> Mapping[str, str]:
    """The headers that a mapping may see: never a credential, a signature or what proxies add. Of several of one name
    the first. `more`: those that the definition of the source names."""
    found: dict[str, str] = {}
    for name, value in headers:
        shown = name.decode("latin-1")
        if shown in style.shown or shown in SHOWN_OF_ALL or shown in more:
            found.setdefault(shown, value.decode("utf-8", "replace"))
    return found


def _only(headers: Headers, name: bytes) -> str:
    """The header of that name when there is one and it is short; else ""."""
    values = [value for listed, value in headers if listed == name]
    if len(values) != 1 or len(values[0]) > LONGEST_HEADER:
        return ""
    return values[0].decode("latin-1")


def _standard(headers: Headers) -> Said | None:
    message_id, seconds = _only(headers, b"webhook-id"), _only(headers, b"webhook-timestamp")
    listed = _only(headers, b"webhook-signature").split(" ")
    given = [part[3:] for part in listed if part.startswith("v1,")]
    if not _ID.fullmatch(message_id) or "." in message_id or not _SECONDS.fullmatch(seconds):
        return None
    return _said(f"{message_id}.{seconds}.".encode(), given, _BASE64, message_id, int(seconds))


def _stripe(headers: Headers) -> Said | None:
    pairs = [part.partition("=") for part in _only(headers, b"stripe-signature").split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not _SECONDS.fullmatch(times[0]):
        return None
    return _said(f"{times[0]}.".encode(), given, _HEX, "", int(times[0]))


def _github(headers: Headers) -> Said | None:
    algorithm, _, given = _only(headers, b"x-hub-signature-256").partition("=")
    if algorithm != "sha256":
        return None
    return _of_body(given, _HEX, _only(headers, b"x-github-delivery"))


def _shopify(headers: Headers) -> Said | None:
    unique_id = _only(headers, b"x-shopify-webhook-id") or _only(headers, b"x-shopify-event-id")
    return _of_body(_only(headers, b"x-shopify-hmac-sha256"), _BASE64, unique_id)


def _woocommerce(headers: Headers) -> Said | None:
    return _of_body(_only(headers, b"x-wc-webhook-signature"), _BASE64, _only(headers, b"x-wc-webhook-delivery-id"))


def _of_body(given: str, form: re.Pattern[str], unique_id: str) -> Said | None:
    """Of a style that signs the body alone."""
    return _said(b"", [given], form, unique_id, None) if _ID.fullmatch(unique_id) else None


def _said(
    prefix: bytes, given: Sequence[str], form: re.Pattern[str], unique_id: str, seconds: int | None
) -> Said | None:
    """None unless there are one to MOST_SIGNATURES signatures, all of the form."""
    if not 1 <= len(given) <= MOST_SIGNATURES:
        return None
    if not all(form.fullmatch(one) for one in given):
        return None
    return Said(prefix, tuple(one.encode() for one in given), unique_id, seconds)


class _Identified(msgspec.Struct):
    id: str


_identified = msgspec.json.Decoder(_Identified)


def id_of_body(body: bytes) -> str:
    """Stripe's id of an event, the same in each attempt to deliver it; of a body without one a digest."""
    try:
        found = _identified.decode(body).id
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        found = ""
    return found if _ID.fullmatch(found) else f"sha256:{hashlib.sha256(body).hexdigest()}"


def _text_key(secret: str, shown_as: str) -> bytes:
    """The bytes of a secret that is used as it is written; `SettingsError` when it is short."""
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(f"the secret {shown_as} is shorter than {SHORTEST_SECRET} characters")
    return secret.encode()


def _hex(digest: bytes) -> bytes:
    return digest.hex().encode()


STYLES: Mapping[StyleName, Style] = {
    style.name: style
    for style in (
        Style("standard", _standard, signing_key, base64.b64encode, frozenset({"webhook-id", "webhook-timestamp"})),
        Style("stripe", _stripe, _text_key, _hex, frozenset()),
        Style(
            "github",
            _github,
            _text_key,
            _hex,
            frozenset(
                {
                    "x-github-event",
                    "x-github-delivery",
                    "x-github-hook-id",
                    "x-github-hook-installation-target-id",
                    "x-github-hook-installation-target-type",
                }
            ),
        ),
        Style(
            "shopify",
            _shopify,
            _text_key,
            base64.b64encode,
            frozenset(
                {
                    "x-shopify-topic",
                    "x-shopify-sub-topic",
                    "x-shopify-shop-domain",
                    "x-shopify-api-version",
                    "x-shopify-webhook-id",
                    "x-shopify-event-id",
                    "x-shopify-triggered-at",
                }
            ),
        ),
        Style(
            "woocommerce",
            _woocommerce,
            _text_key,
            base64.b64encode,
            frozenset(
                {
                    "x-wc-webhook-source",
                    "x-wc-webhook-topic",
                    "x-wc-webhook-resource",
                    "x-wc-webhook-event",
                    "x-wc-webhook-id",
                    "x-wc-webhook-delivery-id",
                }
            ),
        ),
    )
}
