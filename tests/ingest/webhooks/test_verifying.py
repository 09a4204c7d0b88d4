"""Signatures of webhooks: the vectors of those who sign, what is refused, and that it is always the same."""

from __future__ import annotations

import hmac as hmac_module
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from signed_webhooks import OTHER_SECRET, SECRETS, raw, signed
from standardwebhooks.webhooks import Webhook

from ingest.webhooks.settings import WebhookSettings
from ingest.webhooks.styles import LONGEST_HEADER, MOST_SIGNATURES, STYLES
from ingest.webhooks.verifying import Verified, Verifier, verifier, verifier_of_nobody
from kernel.errors import SettingsError, SignInRefused
from kernel.secrets import Secrets

AT = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc)
BODY = b'{"id":"evt_1","order":"A-1"}'
NAMES = list(STYLES)
SIGNATURE = {
    "standard": "webhook-signature",
    "stripe": "stripe-signature",
    "github": "x-hub-signature-256",
    "shopify": "x-shopify-hmac-sha256",
    "woocommerce": "x-wc-webhook-signature",
}
TIMED = ("standard", "stripe")


told: set[str] = set()
"""What those who were refused were told."""


def of(style: Any, *secrets: str, tolerance_s: int = 300) -> Verifier:
    return Verifier(style, tuple(STYLES[style].key(one, "env:IT") for one in secrets), tolerance_s)


def taken(style: str, headers: list[tuple[str, str]], body: bytes = BODY, now: datetime = AT) -> Verified | None:
    try:
        return of(style, SECRETS[style]).verified(raw(headers), body, now)
    except SignInRefused as error:
        told.add(str(error))
        return None


def with_signature(style: str, value: str) -> list[tuple[str, str]]:
    headers = signed(style, SECRETS[style], BODY, AT)
    return [(name, value if name == SIGNATURE[style] else old) for name, old in headers]


def signature(style: str) -> str:
    return dict(signed(style, SECRETS[style], BODY, AT))[SIGNATURE[style]]


# Vectors -----------------------------------------------------------------------------------------------------


def test_the_vector_of_standard_webhooks() -> None:
    body, at = b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, tz=timezone.utc)
    headers = [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]
    assert Webhook("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(headers[0][1], at, body.decode()) == headers[2][1]
    found = of("standard", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").verified(raw(headers), body, at)
    assert found.unique_id == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_the_vector_of_github() -> None:
    digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = [("x-hub-signature-256", f"sha256={digest}"), ("x-github-delivery", "d-1")]
    assert of("github", "It's a Secret to Everybody").verified(raw(headers), b"Hello, World!", AT).unique_id == "d-1"


def test_real_bodies_of_github(data_dir: Path) -> None:
    files = sorted((data_dir / "payloads" / "github").glob("*.json"))
    assert len(files) >= 10
    for number, file in enumerate(files):
        body = file.read_bytes()
        headers = signed("github", SECRETS["github"], body, AT, f"d-{number}")
        found = taken("github", headers, body)
        assert found is not None
        assert (found.unique_id, found.headers["x-github-event"]) == (f"d-{number}", "issues")
        assert taken("github", headers, json.dumps(json.loads(body)).encode() + b" ") is None


# What is taken -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", NAMES)
def test_what_is_signed_is_taken_and_what_a_mapping_sees_holds_no_credential(style: str) -> None:
    others = [("authorization", "Bearer x"), ("cookie", "a=b"), ("content-type", "application/json"), ("x-a", "b")]
    found = taken(style, signed(style, SECRETS[style], BODY, AT) + others)
    assert found is not None
    assert found.unique_id == ("evt_1" if style == "stripe" else "msg_1")
    assert found.headers["content-type"] == "application/json"
    assert not {"authorization", "cookie", "x-a", *SIGNATURE.values()} & set(found.headers)


@pytest.mark.parametrize("style", NAMES)
def test_either_of_two_secrets_is_right_and_both_are_always_tried(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both = of(style, SECRETS[style], OTHER_SECRET)
    tried: list[bytes] = []
    real = hmac_module.digest

    def counted(key: bytes, content: bytes, how: Any) -> bytes:
        tried.append(key)
        return real(key, content, how)

    monkeypatch.setattr("ingest.webhooks.verifying.hmac.digest", counted)
    for secret in (SECRETS[style], OTHER_SECRET):
        both.verified(raw(signed(style, secret, BODY, AT)), BODY, AT)
    of(style, SECRETS[style]).verified(raw(signed(style, SECRETS[style], BODY, AT)), BODY, AT)
    for nobody, headers in ((both, []), (verifier_of_nobody(), signed(style, SECRETS[style], BODY, AT))):
        with pytest.raises(SignInRefused):
            nobody.verified(raw(headers), BODY, AT)
    assert len(tried) == 2 * 5


def test_one_right_signature_of_several_is_enough() -> None:
    other = dict(signed("standard", OTHER_SECRET, BODY, AT))["webhook-signature"]
    assert taken("standard", with_signature("standard", f"{other} {signature('standard')}"))
    assert taken("standard", with_signature("standard", f"v1a,xx {signature('standard')}"))
    other = dict(signed("stripe", OTHER_SECRET, BODY, AT))["stripe-signature"].partition(",")[2]
    assert taken("stripe", with_signature("stripe", f"{signature('stripe')},{other}"))
    assert taken("stripe", with_signature("stripe", f"{signature('stripe')},v0={'0' * 64}"))


def test_stripe_knows_an_event_again_by_its_id_and_a_body_without_one_by_its_bytes() -> None:
    first = taken("stripe", signed("stripe", SECRETS["stripe"], BODY, AT))
    later = taken(
        "stripe", signed("stripe", SECRETS["stripe"], BODY[:-1] + b',"pending":0}', AT), BODY[:-1] + b',"pending":0}'
    )
    assert first is not None
    assert later is not None
    assert first.unique_id == later.unique_id == "evt_1"
    for body in (b"", b"[]", b'{"id":7}', b'{"id":"' + b"x" * 300 + b'"}', b"\xff", b"[" * 100_000):
        found = taken("stripe", signed("stripe", SECRETS["stripe"], body, AT), body)
        assert found is not None
        assert found.unique_id.startswith("sha256:")


def test_a_body_is_not_read_before_it_is_known_whose_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    monkeypatch.setattr("ingest.webhooks.verifying.id_of_body", lambda body: read.append(body) or "x")
    assert taken("stripe", signed("stripe", OTHER_SECRET, BODY, AT)) is None
    assert read == []
    assert taken("stripe", signed("stripe", SECRETS["stripe"], BODY, AT))
    assert read == [BODY]


def test_shopify_without_an_id_of_the_delivery_is_known_by_that_of_the_event() -> None:
    headers = signed("shopify", SECRETS["shopify"], BODY, AT)[1:]
    assert taken("shopify", headers) is None
    found = taken("shopify", [*headers, ("x-shopify-event-id", "e-1")])
    assert found is not None
    assert found.unique_id == "e-1"


# What is not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", NAMES)
def test_a_header_that_is_missing_empty_twice_or_too_long_is_refused(style: str) -> None:
    right = signed(style, SECRETS[style], BODY, AT)
    counted = [name for name, _ in right if name not in STYLES[style].shown or "id" in name or "delivery" in name]
    counted += ["webhook-timestamp"] if style == "standard" else []
    for name in set(counted):
        value = dict(right)[name]
        without = [one for one in right if one[0] != name]
        for bad in ([], [(name, "")], [(name, value)] * 2, [(name, value + "x" * LONGEST_HEADER)]):
            assert taken(style, without + bad) is None, (name, bad)
    assert taken(style, []) is None


@pytest.mark.parametrize(
    ("style", "change"),
    [
        ("standard", lambda old: old.replace("v1,", "v1a,")),
        ("standard", lambda old: old.replace("v1,", "")),
        ("standard", lambda old: old + "="),
        ("standard", lambda old: old[:-1]),
        ("standard", lambda old: " ".join([old] * (MOST_SIGNATURES + 1))),
        ("stripe", lambda old: old.replace("v1=", "v0=")),
        ("stripe", lambda old: old.upper()),
        ("stripe", lambda old: old + "," + old),
        ("stripe", lambda old: old + ",v1=" + "0" * 63),
        ("stripe", lambda old: old.partition(",")[2]),
        ("stripe", lambda old: old.partition(",")[0]),
        ("stripe", lambda old: old.replace("t=", "t=0")),
        ("stripe", lambda old: old.replace("t=", "t=-")),
        ("github", lambda old: old.replace("sha256", "sha1")),
        ("github", lambda old: old.replace("sha256=", "")),
        ("github", lambda old: old.upper().replace("SHA256", "sha256")),
        ("github", lambda old: "sha256="),
        ("shopify", lambda old: old[:-1]),
        ("shopify", lambda old: f"sha256={old}"),
        ("woocommerce", lambda old: f"{old},{old}"),
        ("woocommerce", lambda old: old.rstrip("=") + "\xe9"),
    ],
)
def test_a_signature_of_another_form_is_refused(style: str, change: Any) -> None:
    assert taken(style, with_signature(style, signature(style)))
    assert taken(style, with_signature(style, change(signature(style)))) is None


@pytest.mark.parametrize("style", NAMES)
def test_what_was_signed_long_ago_or_ahead_is_refused_where_the_time_is_signed(style: str) -> None:
    headers = signed(style, SECRETS[style], BODY, AT)
    for away in (timedelta(seconds=300), timedelta(seconds=-300)):
        assert taken(style, headers, now=AT + away)
    for away in (timedelta(seconds=301), timedelta(seconds=-301)):
        assert (taken(style, headers, now=AT + away) is None) is (style in TIMED)
    if style in TIMED:
        strict = of(style, SECRETS[style], tolerance_s=5)
        with pytest.raises(SignInRefused):
            strict.verified(raw(headers), BODY, AT + timedelta(seconds=6))


def test_the_id_of_a_message_cannot_take_a_part_of_what_follows_it() -> None:
    seconds = int(AT.timestamp())
    moved = b"%d.%s" % (seconds, BODY)
    headers = dict(signed("standard", SECRETS["standard"], moved, AT, "m"))
    assert taken("standard", list(headers.items()), moved)
    headers["webhook-id"] = f"m.{seconds}"
    assert taken("standard", list(headers.items())) is None


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str, str, bytes, str]:
    """A style, its secret, the signature header and the body, of which one is changed by a byte."""
    style = draw(st.sampled_from(NAMES))
    body = draw(st.binary(min_size=1, max_size=60))
    headers = dict(signed(style, SECRETS[style], body, AT))
    what = draw(st.sampled_from(["body", "signature", "secret", *(["time"] if style in TIMED else [])]))
    secret, shown = SECRETS[style], headers[SIGNATURE[style]]
    if what == "body":
        place, other = draw(st.integers(0, len(body) - 1)), draw(st.integers(1, 255))
        body = draw(
            st.sampled_from(
                [
                    body[:place] + bytes([body[place] ^ other]) + body[place + 1 :],
                    body[:place] + body[place + 1 :],
                    body[:place] + bytes([other]) + body[place:],
                    body + b"\n",
                    b" " + body,
                ]
            )
        )
    elif what == "signature":
        place = draw(st.integers(0, len(shown) - 1))
        letter = draw(st.sampled_from([one for one in "abcABC019+/=, v" if one != shown[place]]))
        shown = shown[:place] + letter + shown[place + 1 :]
    elif what == "secret":
        place = draw(st.integers(8, len(secret) - 4))
        secret = secret[:place] + ("A" if secret[place] != "A" else "B") + secret[place + 1 :]
    return style, what, secret, body, shown


@settings(max_examples=300, deadline=None)
@given(mutations(), st.integers(1, 250), st.booleans())
def test_nothing_that_was_changed_is_taken(
    changed: tuple[str, str, str, bytes, str], seconds: int, ahead: bool
) -> None:
    """Of the body, the signature, the signed time or the secret."""
    style, what, secret, body, shown = changed
    original = signed(style, SECRETS[style], body if what != "body" else b"", AT)
    headers = [(name, shown if name == SIGNATURE[style] else value) for name, value in original]
    if what == "time":
        moved = str(int(AT.timestamp()) + (seconds if ahead else -seconds))
        still = str(int(AT.timestamp()))
        headers = [(name, value.replace(still, moved)) for name, value in headers]
    with pytest.raises(SignInRefused):
        of(style, secret).verified(raw(headers), body, AT)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.lists(
        st.tuples(
            st.sampled_from([*SIGNATURE.values(), "webhook-id", "webhook-timestamp", "x-github-delivery"]),
            st.text(st.characters(max_codepoint=255), max_size=80),
        ),
        max_size=6,
    ),
    st.binary(max_size=40),
)
def test_whatever_comes_is_refused_in_one_way(style: str, headers: list[tuple[str, str]], body: bytes) -> None:
    assert taken(style, headers, body) is None
    assert told == {"there is no source here that signs like this, or it was signed too long ago"}


# Settings and secrets ----------------------------------------------------------------------------------------


def test_settings_name_one_or_two_secrets_and_hold_none() -> None:
    plain = {"kind": "webhook", "style": "github", "secrets": ["env:A"]}
    assert WebhookSettings.model_validate(plain).tolerance_s == 300
    for wrong in (
        {"secrets": []},
        {"secrets": ["env:A", "env:B", "env:C"]},
        {"style": "sha1"},
        {"kind": "poll"},
        {"tolerance_s": 0},
        {"more": 1},
    ):
        with pytest.raises(ValidationError):
            WebhookSettings.model_validate(plain | wrong)
    with pytest.raises(ValidationError, match="expected env:NAME or file:PATH"):
        WebhookSettings.model_validate(plain | {"secrets": ["the secret itself"]})


def test_secrets_that_are_missing_short_or_the_same_are_told_by_their_names(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path, {"GOOD": SECRETS["github"], "SAME": SECRETS["github"], "SHORT": "tooshort"})
    for style, names, told in (
        ("github", ["env:NONE"], "not set"),
        ("github", ["env:SHORT"], "shorter than 16"),
        ("standard", ["env:SHORT"], "no base64"),
        ("github", ["env:GOOD", "env:SAME"], "are the same"),
    ):
        asked = WebhookSettings.model_validate({"kind": "webhook", "style": style, "secrets": names})
        with pytest.raises(SettingsError, match=told) as failed:
            verifier(asked, secrets)
        assert "tooshort" not in str(failed.value)
    asked = WebhookSettings.model_validate({"kind": "webhook", "style": "github", "secrets": ["env:GOOD"]})
    verifier(asked, secrets).verified(raw(signed("github", SECRETS["github"], BODY, AT)), BODY, AT)


def test_a_source_has_one_or_two_keys() -> None:
    for count in (0, 3):
        with pytest.raises(ValueError, match="one or two"):
            Verifier("github", (b"x" * 16,) * count)


def test_a_source_names_further_headers_and_no_credentials() -> None:
    body, at = b"{}", datetime(2026, 3, 1, tzinfo=timezone.utc)
    settings = WebhookSettings(
        kind="webhook", style="standard", secrets=("env:A",), headers=("x-shop-topic", "x-shop-event-id")
    )
    sent = [
        *signed("standard", SECRETS["standard"], body, at),
        ("X-Shop-Topic".lower(), "orders/create"),
        ("x-other", "1"),
    ]
    found = verifier(settings, Secrets(Path("."), {"A": SECRETS["standard"]})).verified(raw(sent), body, at)
    assert found.headers["x-shop-topic"] == "orders/create"
    assert "x-other" not in found.headers
    for name in ("X-Topic", "authorization", "x-shop-hmac-sha256", "x-auth-token", "x-api-key", "a" * 101):
        with pytest.raises(ValueError, match=r"header|credential"):
            WebhookSettings(kind="webhook", style="standard", secrets=("env:A",), headers=(name,))
