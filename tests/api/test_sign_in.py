"""Signing in and out: forms, cookies, and what another site cannot do with them."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from doors import GOOD, bearer, directory, key, person, rules
from fastapi import FastAPI, Request
from running_api import running

from api.gate import Gate
from api.sign_in import MOST_WAITING
from api.visitors import COOKIE, CSRF_COOKIE, CSRF_HEADER, csrf_token
from kernel.access import Permission, Role
from kernel.clock import FixedClock
from kernel.identity.directory import Directory
from kernel.identity.passwords import Passwords
from kernel.identity.sessions import IDLE

ANA = "ana@shop.example"
NEEDS = {
    ("GET", "/"): Permission.READ,
    ("POST", "/_dash-update-component"): Permission.READ,
    ("POST", "/api/v1/act"): Permission.ACT,
}


@pytest.fixture
def clock(clock: FixedClock) -> FixedClock:
    """One that this test may move."""
    return FixedClock(clock.now())


@pytest.fixture
def people(clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with directory(tmp_path_factory.mktemp("people"), clock) as opened:
        person(opened, ANA, Role.OPERATOR)
        yield opened


@pytest.fixture
def browser(people: Directory) -> Iterator[httpx.Client]:
    """A browser at a service with one page, its callback and an address that does something."""
    app = FastAPI()

    @app.get("/")
    def page() -> str:
        return "a page"

    @app.post("/_dash-update-component")
    @app.post("/api/v1/act")
    async def act(request: Request) -> int:
        return len(await request.body())

    app.add_middleware(Gate, rules=rules(people, open_house=False, needs=NEEDS))
    with running(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def sign_in(browser: httpx.Client, password: str = GOOD, **more: str) -> httpx.Response:
    return browser.post("/login", data={"name": ANA, "password": password}, **more)  # type: ignore[arg-type]


def csrf(browser: httpx.Client) -> dict[str, str]:
    """What a page of the service sends with what it writes."""
    return {CSRF_HEADER: browser.cookies[CSRF_COOKIE]}


def test_visitors_are_sent_to_the_form_and_back_with_their_filters(browser: httpx.Client) -> None:
    sent = browser.get("/?process=p&activity=A%20%26%20B")
    assert sent.status_code == 303
    form = browser.get(sent.headers["location"])
    assert 'name="password"' in form.text
    entered = browser.post(sent.headers["location"], data={"name": ANA, "password": GOOD})
    assert (entered.status_code, entered.headers["location"]) == (303, "/?process=p&activity=A%20%26%20B")
    cookies = {cookie.partition("=")[0]: cookie for cookie in entered.headers.get_list("set-cookie")}
    assert set(cookies) == {COOKIE, CSRF_COOKIE}
    assert {"httponly", "samesite=lax", "path=/"} <= {part.strip().lower() for part in cookies[COOKIE].split(";")}
    assert "httponly" not in cookies[CSRF_COOKIE].lower()
    assert browser.get("/").json() == "a page"


def test_over_tls_the_cookie_is_for_this_host_and_tls_alone(people: Directory) -> None:
    app = FastAPI()
    app.add_middleware(Gate, rules=rules(people, needs=NEEDS, secure=True))
    with running(app) as url:
        answer = httpx.post(f"{url}/login", data={"name": ANA, "password": GOOD}, trust_env=False)
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    for cookie in answer.headers.get_list("set-cookie"):
        assert "secure" in cookie.lower()
        assert cookie.startswith((f"__Host-{COOKIE}=", f"{CSRF_COOKIE}="))


def test_over_tls_a_cookie_that_another_host_could_set_is_none(people: Directory) -> None:
    app = FastAPI()
    app.add_middleware(Gate, rules=rules(people, open_house=False, needs=NEEDS, secure=True))
    secret = people.sessions.open(people.users.get(ANA).user_id)
    with running(app) as url:
        for name, status in ((COOKIE, 303), (f"__Host-{COOKIE}", 404)):
            answer = httpx.get(f"{url}/", headers={"cookie": f"{name}={secret}"}, trust_env=False)
            assert answer.status_code == status


@pytest.mark.parametrize("others", ['theme={"a":1}', "foo", "a,b=1", "café=1"])
def test_cookies_of_other_applications_do_not_sign_anybody_out(
    browser: httpx.Client, people: Directory, others: str
) -> None:
    secret = people.sessions.open(people.users.get(ANA).user_id)
    cookie = f"{others}; {COOKIE}={secret}".encode("latin-1")
    assert browser.get("/", headers={"cookie": cookie}).json() == "a page"  # type: ignore[dict-item]


def test_an_empty_credential_is_a_wrong_one(browser: httpx.Client) -> None:
    sign_in(browser)
    headers = {"authorization": "", "origin": "http://elsewhere.example"}
    assert browser.post("/_dash-update-component", headers=headers).status_code == 401


def test_many_who_sign_in_keep_nobody_else_waiting(
    browser: httpx.Client, people: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than may wait are refused at once, and the others take no thread from who is known."""
    release = threading.Event()
    monkeypatch.setattr(Passwords, "right", lambda *_: not release.wait(30))
    url, shown = str(browser.base_url).rstrip("/"), bearer(key(people, Role.VIEWER))
    with ThreadPoolExecutor(60) as pool:
        tries = [
            pool.submit(httpx.post, f"{url}/login", data={"name": f"nobody{number}", "password": "x"}, trust_env=False)
            for number in range(60)
        ]
        while sum(one.done() for one in tries) < 60 - MOST_WAITING:
            time.sleep(0.01)
        assert browser.get("/", headers=shown).json() == "a page"
        release.set()
    found = Counter(one.result().status_code for one in tries)
    assert found == {503: 60 - MOST_WAITING, 403: MOST_WAITING}


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x"])
def test_the_form_leads_nowhere_else(browser: httpx.Client, target: str) -> None:
    assert sign_in(browser, params={"next": target}).headers["location"] == "/"  # type: ignore[arg-type]


def test_a_wrong_password_does_not_enter_and_is_not_shown(browser: httpx.Client) -> None:
    refused = sign_in(browser, "a wrong password")
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert "a wrong password" not in refused.text
    assert re.search(r'role="alert">that name and password are not right', refused.text)
    assert browser.get("/").status_code == 303


def test_what_was_typed_comes_back_as_text(browser: httpx.Client) -> None:
    answer = browser.post("/login", data={"name": '"><script>alert(1)</script>', "password": "x"})
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


@pytest.mark.parametrize("cookie", ["", "another", "x" * 5_000, '"', "a; b=c"])
def test_a_wrong_cookie_does_not_enter(browser: httpx.Client, cookie: str) -> None:
    assert browser.get("/", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 303
    assert browser.get("/api/v1/act", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 401


def test_a_session_ends_when_it_is_closed_and_when_it_is_idle(browser: httpx.Client, clock: FixedClock) -> None:
    sign_in(browser)
    kept = browser.cookies[COOKIE]
    assert browser.post("/logout").headers["location"] == "/login"
    assert COOKIE not in browser.cookies
    assert browser.get("/", headers={"cookie": f"{COOKIE}={kept}"}).status_code == 303
    sign_in(browser)
    clock.at += IDLE + timedelta(seconds=1)
    assert browser.get("/").status_code == 303


def test_who_signs_in_again_gets_another_session(browser: httpx.Client) -> None:
    sign_in(browser)
    first = browser.cookies[COOKIE]
    sign_in(browser)
    assert browser.cookies[COOKIE] != first


@pytest.mark.parametrize("path", ["/_dash-update-component", "/api/v1/act"])
def test_what_a_session_writes_carries_its_token(browser: httpx.Client, people: Directory, path: str) -> None:
    sign_in(browser)
    own = str(browser.base_url).rstrip("/")
    assert browser.post(path, content=b"{}", headers=csrf(browser)).json() == 2
    assert browser.post(path, content=b"{}", headers=csrf(browser) | {"origin": own}).json() == 2
    other = people.sessions.open(people.users.get(ANA).user_id)
    for token in (b"", csrf_token(other).encode(), csrf(browser)[CSRF_HEADER].encode() + b"0", b"\xe9", None):
        headers = {} if token is None else {CSRF_HEADER: token}
        assert browser.post(path, content=b"{}", headers=headers).status_code == 403
    for headers in ({"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}):
        refused = browser.post(path, content=b"{}", headers=csrf(browser) | headers)
        assert refused.json()["type"].endswith(":cross_origin")


def test_a_key_needs_no_token_of_a_session(browser: httpx.Client, people: Directory) -> None:
    shown = key(people, Role.OPERATOR)
    assert browser.post("/api/v1/act", content=b"{}", headers=bearer(shown)).json() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "https://elsewhere.example", "sec-fetch-site": "same-origin"},
        {"origin": "null"},
        {"origin": "http://["},
        {"origin": "null", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/login", "/logout", "/first-administrator", "/password"])
def test_no_other_site_sends_the_forms(browser: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = browser.post(path, data={"name": ANA, "password": GOOD}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"password": "short", "again": "short"}, 422, "a password has 12 to 256 characters"),
        ({"password": "otter kettle marble 12", "again": "otter"}, 422, "the two passwords are not the same"),
        ({"password": "passwordpassword", "again": "passwordpassword"}, 422, "that password will not do"),
    ],
)
def test_a_password_that_will_not_do_can_be_mended(
    browser: httpx.Client, people: Directory, form: dict[str, str], status: int, said: str
) -> None:
    link = f"/password?token={people.users.forget_password(ANA, by='test')}"
    answer = browser.post(link, data=form)
    assert answer.status_code == status
    assert said in answer.text
    assert form["password"] not in answer.text
    good = {"password": "otter kettle marble 12", "again": "otter kettle marble 12"}
    assert browser.post(link, data=good).status_code == 303
    assert browser.get("/").json() == "a page"
    assert browser.post(link, data=good).status_code == 403


def test_the_link_for_a_first_administrator_makes_nobody_else(browser: httpx.Client, people: Directory) -> None:
    token = people.users.first_admin_token()
    good = {"password": GOOD, "again": GOOD}
    assert browser.post(f"/password?token={token}", data=good).status_code == 422
    assert browser.post(f"/first-administrator?token={token}", data=good | {"name": "root"}).status_code == 303
    assert {user.name for user in people.users.all()} == {ANA, "root"}
