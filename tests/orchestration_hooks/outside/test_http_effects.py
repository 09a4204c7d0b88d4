"""Effects over HTTP against servers of the test: what is sent, how it is signed, and what an answer means."""

from __future__ import annotations

import json
import logging
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.formats.json import JSONFormat
from loopback import Recorder, raw_server
from outside import ENVIRONMENT, KEY, OTHER, SECRET, TOKEN, connection, effects, trigger_body, webhook
from standardwebhooks.webhooks import Webhook as LibraryWebhook

from kernel.clock import FixedClock, SystemClock
from kernel.errors import SettingsError, SignInRefused
from kernel.signatures import signed_headers, signing_key, verified_id
from orchestration_hooks import trigger
from orchestration_hooks.effects import Effects, Message, Outcome, Result

SCHEMAS = Path(trigger.__file__).parent / "schemas"
MESSAGE = Message(
    "212 refunds stuck", "since Friday", "high", "https://ops.example/incident?incident=1", {"owner": "Returns"}
)


def test_the_vector_of_the_standard() -> None:
    key = signing_key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "vector")
    body, at = b'{"test": 2432232314}', datetime.fromtimestamp(1614265330, tz=timezone.utc)
    headers = signed_headers([key], "msg_p5jXN8AQM9LWM0D4loKWxJek", body, at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"
    assert verified_id([key], headers, body, at + timedelta(minutes=5)) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "b"},
        {"webhook-id": ""},
        {"webhook-id": "a.1"},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "-1614265330"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "v1,é"},
    ],
    ids=str,
)
def test_what_is_not_signed_so_is_refused(change: dict[str, str]) -> None:
    at = datetime.fromtimestamp(1614265330, tz=timezone.utc)
    headers = signed_headers([KEY], "a", b"{}", at)
    assert verified_id([KEY], headers, b"{}", at) == "a"
    for wrong in ({**headers, **change}, {name: value for name, value in headers.items() if name not in change}):
        with pytest.raises(SignInRefused):
            verified_id([KEY], wrong, b"{}", at)
    other_version = headers["webhook-signature"].replace("v1,", "v2,")
    for keys, body, given in (
        ([KEY], b"{} ", headers),
        ([b"x" * 24], b"{}", headers),
        ([], b"{}", headers),
        ([KEY], b"\xff", headers),
        ([KEY], b"{}", {**headers, "webhook-signature": other_version}),
        (
            [KEY],
            b"{}",
            {**headers, "webhook-signature": "v1,x " * 8 + headers["webhook-signature"]},
        ),  # more than are read
    ):
        with pytest.raises(SignInRefused):
            verified_id(keys, given, body, at)


@pytest.mark.parametrize("minutes", [-301 / 60, 301 / 60, 60 * 24])
def test_a_message_is_good_for_five_minutes(minutes: float) -> None:
    at = datetime.fromtimestamp(1614265330, tz=timezone.utc)
    headers = signed_headers([KEY], "a", b"{}", at)
    with pytest.raises(SignInRefused, match="too long ago"):
        verified_id([KEY], headers, b"{}", at + timedelta(minutes=minutes))


def test_a_secret_is_replaced_without_a_refusal() -> None:
    at, old, new = datetime.fromtimestamp(1614265330, tz=timezone.utc), KEY, b"n" * 32
    both = signed_headers([new, old], "a", b"{}", at)
    for key in (old, new):
        assert verified_id([key], both, b"{}", at) == "a"
        assert verified_id([new, old], signed_headers([key], "a", b"{}", at), b"{}", at) == "a"
    with pytest.raises(SignInRefused):
        verified_id([new], signed_headers([old], "a", b"{}", at), b"{}", at)


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_hunter2!", "aHVudGVyMg==", "QUFB" * 22])
def test_a_short_secret_is_none(secret: str) -> None:
    with pytest.raises(SettingsError, match="the secret env:X is no base64 of 24 to 64 bytes") as caught:
        signing_key(secret, "env:X")
    assert "hunter2" not in str(caught.value)


def test_a_trigger_is_signed_and_in_its_envelope(tmp_path: Path, clock: FixedClock) -> None:
    with Recorder(lambda _: (202, {}, b'{"execution": 7}')) as engine:
        webhook(tmp_path, "n8n", f"{engine.url}/webhook/refunds", "previous_secret: env:OLD_SECRET\n")
        ways: Effects = effects(tmp_path, SystemClock(), engine.listed)
        done = ways.trigger("n8n", trigger_body(), key="run1:resend:1", timeout_s=5)
        assert done == Outcome(Result.DONE, "http_202", output={"status": 202, "body": {"execution": 7}})
        method, path, headers, body = engine.received[0]
        assert (method, path, headers["content-type"]) == ("POST", "/webhook/refunds", "application/cloudevents+json")
        assert headers["webhook-id"] == "run1:resend:1"
        for secret in (SECRET, OTHER):  # the library of the receiver agrees
            found = LibraryWebhook(secret).verify(body, headers)
        assert found["data"] == trigger_body()
        event = JSONFormat().read(None, body)
        assert (event.get_id(), event.get_type(), event.get_source(), event.get_specversion()) == (
            "run1:resend:1", "gembascope.trigger.v1", "urn:gembascope:local", "1.0",
        )  # fmt: skip
        jsonschema.validate(found["data"], json.loads((SCHEMAS / "trigger.v1.json").read_text()))
        ways.trigger("n8n", trigger_body(), key="run1:resend:1", timeout_s=5)
        assert engine.received[1][3] == body  # the same deed is the same bytes


def test_an_alert_is_signed_and_in_its_envelope(tmp_path: Path) -> None:
    with Recorder() as team:
        webhook(tmp_path, "team", team.url)
        effects(tmp_path, SystemClock(), team.listed).notify("team", MESSAGE, key="g-1-team")
        _, _, headers, body = team.received[0]
        found = LibraryWebhook(SECRET).verify(body, headers)
        assert (found["id"], headers["webhook-id"], found["type"]) == ("g-1-team", "g-1-team", "gembascope.alert.v1")
        jsonschema.validate(found["data"], json.loads((SCHEMAS / "alert.v1.json").read_text()))
        assert found["data"]["fields"] == {"owner": "Returns"}


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "gembascope.trigger/v2"},
        {"cases": []},
        {"cases": [{"case_id": "R-1", "amount": "NaN", "currency": "EUR"}]},
        {"expires_at": "2026-03-01T13:00:00"},
        {"visit": 0},
        {"more": 1},
        {"idempotency_key": "another"},
    ],
    ids=str,
)
def test_a_body_that_is_no_trigger_is_a_mistake_of_the_program(
    change: dict[str, Any], tmp_path: Path, clock: FixedClock
) -> None:
    with pytest.raises(ValueError, match=r"no gembascope.trigger/v1|another idempotency key"):
        effects(tmp_path, clock).trigger("n8n", trigger_body(**change), key="run1:resend:1", timeout_s=5)


def test_the_schemas_in_the_folder_are_those_of_the_models() -> None:
    found = {path.name: json.loads(path.read_text()) for path in SCHEMAS.glob("*.json")}
    assert found == trigger.schemas()
    for schema in found.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_call_carries_its_key_and_its_authorization(tmp_path: Path, clock: FixedClock) -> None:
    with Recorder(lambda _: (200, {}, b'{"state": "PAID"}')) as erp:
        connection(
            tmp_path,
            "erp",
            f"kind: http\nurl: {erp.url}/api/\nauthorization: {{value: env:ERP_TOKEN}}\nidempotency_header: X-Once\n",
        )
        ways = effects(tmp_path, clock, erp.listed)
        done = ways.call("erp", "POST", "/refunds/R-1?dry=1", {"amount": "1.00"}, key="k:1", timeout_s=5)
        assert done.output == {"status": 200, "body": {"state": "PAID"}}
        method, path, headers, body = erp.received[0]
        assert (method, path, json.loads(body)) == ("POST", "/api/refunds/R-1?dry=1", {"amount": "1.00"})
        assert (headers["x-once"], headers["authorization"]) == ("k:1", TOKEN)
        ways.call("erp", "GET", "/refunds/R-1", None, key="k:2", timeout_s=5)
        assert erp.received[1][3] == b""


@pytest.mark.parametrize(
    "path",
    ["", "x", "//evil.example/", "/../admin", "/a/../b", "/a/%2e%2e/b", "/a/%252e%252e/b", "/a/./b", "/a//b",
     "/a\\..\\b", "/%5c..%5cx", "/a b", "/a\r\nHost: x", "/a%0d%0aHost:x", "/a#b",
     "/ä", "@evil.example/", ".evil.example/", ":1/"],
)  # fmt: skip
def test_a_path_stays_below_its_address(path: str, tmp_path: Path, clock: FixedClock) -> None:
    with Recorder() as erp:
        connection(tmp_path, "erp", f"kind: http\nurl: {erp.url}/api\n")
        done = effects(tmp_path, clock, erp.listed).call("erp", "GET", path, None, key="k", timeout_s=5)
        assert (done.result, done.code, erp.received) == (Result.FAILED, "path_refused", [])


@pytest.mark.parametrize(
    ("status", "headers", "result", "code", "retry_after_s"),
    [
        (200, {}, Result.DONE, "http_200", None),
        (204, {}, Result.DONE, "http_204", None),
        (301, {"Location": "/x"}, Result.FAILED, "redirect", None),
        (307, {"Location": "/x"}, Result.FAILED, "redirect", None),
        (400, {}, Result.FAILED, "http_400", None),
        (401, {}, Result.FAILED, "http_401", None),
        (404, {}, Result.FAILED, "http_404", None),
        (408, {}, Result.RETRY, "http_408", None),
        (409, {}, Result.FAILED, "http_409", None),
        (410, {}, Result.FAILED, "http_410", None),
        (425, {}, Result.RETRY, "http_425", None),
        (429, {"Retry-After": "17"}, Result.RETRY, "http_429", 17.0),
        (429, {"Retry-After": "99999999999999999"}, Result.RETRY, "http_429", 86400.0),
        (429, {"Retry-After": "soon"}, Result.RETRY, "http_429", None),
        (503, {"Retry-After": "Sun, 01 Mar 2026 12:02:00 GMT"}, Result.RETRY, "http_503", 120.0),
        (503, {"Retry-After": "Sun, 01 Mar 2020 12:02:00 GMT"}, Result.RETRY, "http_503", 0.0),
        (500, {}, Result.RETRY, "http_500", None),
    ],
)
def test_what_an_answer_means(
    status: int,
    headers: dict[str, str],
    result: Result,
    code: str,
    retry_after_s: float | None,
    tmp_path: Path,
    clock: FixedClock,
) -> None:
    with Recorder(lambda _: (status, headers, b"")) as server:
        webhook(tmp_path, "n8n", server.url)
        connection(tmp_path, "erp", f"kind: http\nurl: {server.url}\n")
        ways = effects(tmp_path, clock, server.listed)
        for done in (
            ways.trigger("n8n", trigger_body(), key="run1:resend:1", timeout_s=5),
            ways.call("erp", "POST", "/x", None, key="k", timeout_s=5),
            ways.notify("n8n", MESSAGE, key="k"),
        ):
            assert (done.result, done.code, done.retry_after_s) == (result, code, retry_after_s)


def test_an_answer_that_nobody_needs_is_no_failure(tmp_path: Path, clock: FixedClock) -> None:
    for content, code in ((b"x" * (2 << 20), "answer_too_large"), (b"<html>", "answer_malformed"), (b"[" * 99999, "")):
        with Recorder(lambda _, content=content: (200, {}, content)) as server:  # type: ignore[misc]
            webhook(tmp_path, "n8n", server.url)
            connection(tmp_path, "erp", f"kind: http\nurl: {server.url}\n")
            ways = effects(tmp_path, clock, server.listed)
            assert ways.notify("n8n", MESSAGE, key="k").result is Result.DONE
            asked = ways.call("erp", "GET", "/x", None, key="k", timeout_s=5)
            assert asked.result is Result.FAILED
            assert asked.code == (code or "answer_malformed")


def test_what_cannot_be_reached_is_tried_again_and_what_is_not_allowed_is_not(
    tmp_path: Path, clock: FixedClock
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    webhook(tmp_path, "gone", f"http://127.0.0.1:{port}/")
    webhook(tmp_path, "inside", "http://169.254.169.254/latest")
    webhook(tmp_path, "bare", "http://127.0.0.1:1/", "previous_secret: env:NOTHING\n")
    connection(tmp_path, "wrong", "kind: wrong\n")
    ways = effects(tmp_path, clock, f"127.0.0.1:{port}", "169.254.169.254:80", "127.0.0.1:1")
    found = {name: ways.notify(name, MESSAGE, key="k") for name in ("gone", "inside", "bare", "wrong", "gon", "../x")}
    assert {name: (done.result, done.code) for name, done in found.items()} == {
        "gone": (Result.RETRY, "unreachable"),
        "inside": (Result.FAILED, "host_refused"),
        "bare": (Result.FAILED, "secret"),
        "wrong": (Result.FAILED, "connection_unknown"),
        "gon": (Result.FAILED, "connection_unknown"),
        "../x": (Result.FAILED, "connection_unknown"),
    }
    assert "did you mean gone?" in found["gon"].detail
    assert ways.call("gone", "GET", "/", None, key="k", timeout_s=1).code == "connection_kind"
    with raw_server(lambda connection, over: over.wait(10)) as silent:
        webhook(tmp_path, "silent", f"http://127.0.0.1:{silent}/")
        ways = effects(tmp_path, clock, f"127.0.0.1:{silent}")
        done = ways.trigger("silent", trigger_body(), key="run1:resend:1", timeout_s=0.2)
        assert (done.result, done.code) == (Result.RETRY, "timeout")


def test_apprise_tells_and_reaches_what_is_listed_only(tmp_path: Path, clock: FixedClock) -> None:
    with Recorder() as chat, Recorder() as elsewhere:
        connection(tmp_path, "chat", f"kind: apprise\nurl: env:CHAT\nhosts: ['{chat.listed}']\n")
        told = {"CHAT": f"json://user:hunter2@{chat.listed}/team"}
        done = effects(tmp_path, clock, chat.listed, environ=told).notify("chat", MESSAGE, key="k")
        assert (done.result, done.code, done.detail) == (Result.DONE, "sent", "")
        sent = json.loads(chat.received[0][3])
        assert sent["title"] == "212 refunds stuck"
        assert sent["message"].endswith("https://ops.example/incident?incident=1")
        unlisted = effects(tmp_path, clock, environ=told).notify("chat", MESSAGE, key="k")
        assert (unlisted.result, unlisted.code) == (Result.FAILED, "host_refused")
        away = effects(
            tmp_path, clock, chat.listed, elsewhere.listed, environ={"CHAT": f"json://u:hunter2@{elsewhere.listed}/"}
        ).notify("chat", MESSAGE, key="k")
        assert (away.result, away.code) == (Result.FAILED, "host_refused")
        assert "hunter2" not in repr((done, unlisted, away))
        assert elsewhere.received == []
        here = effects(tmp_path, clock, chat.listed, environ={"CHAT": "syslog://"}).notify("chat", MESSAGE, key="k")
        assert here.result is Result.RETRY  # what is of this machine is refused by the hook alone
        nonsense = effects(tmp_path, clock, chat.listed, environ={"CHAT": "hunter2"}).notify("chat", MESSAGE, key="k")
        assert (nonsense.code, nonsense.detail) == ("url_refused", "apprise does not understand the URL at env:CHAT")
    with Recorder(lambda _: (302, {"Location": elsewhere.url}, b"")) as chat:
        connection(tmp_path, "chat", f"kind: apprise\nurl: env:CHAT\nhosts: ['{chat.listed}']\n")
        led = effects(tmp_path, clock, chat.listed, environ={"CHAT": f"json://{chat.listed}/"})
        assert led.notify("chat", MESSAGE, key="k").result is not Result.DONE


def test_no_secret_is_told_by_anything(
    tmp_path: Path, clock: FixedClock, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Everything that these objects show of themselves, and everything that is logged, at every level."""
    caplog.set_level(logging.DEBUG)
    for status in (200, 302, 401, 503):
        with Recorder(lambda _, status=status: (status, {}, b"no")) as server:  # type: ignore[misc]
            webhook(tmp_path, "n8n", f"{server.url}/hunter2")
            connection(tmp_path, "erp", f"kind: http\nurl: {server.url}\nauthorization: {{value: env:ERP_TOKEN}}\n")
            connection(tmp_path, "chat", f"kind: apprise\nurl: env:CHAT\nhosts: ['{server.listed}']\n")
            environ = {**ENVIRONMENT, "CHAT": f"json://user:hunter2-hunter2@{server.listed}/"}
            ways = effects(tmp_path, clock, server.listed, environ=environ)
            shown = [
                repr(ways.trigger("n8n", trigger_body(), key="run1:resend:1", timeout_s=5)),
                repr(ways.call("erp", "POST", "/x", {}, key="k", timeout_s=5)),
                repr(ways.notify("chat", MESSAGE, key="k")) if status in (200, 401) else "",
                repr(ways)
                + repr(vars(ways))
                + repr([vars(part) for part in vars(ways).values() if hasattr(part, "id")]),
            ]
            told = "".join(shown) + caplog.text + "".join(capfd.readouterr())
            for secret in ("hunter2", SECRET, SECRET.removeprefix("whsec_"), OTHER, KEY.decode()):
                assert secret not in told
