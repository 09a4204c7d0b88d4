"""The service of a home: commands and the SDK find it, and answer as when the home is opened directly.

The services are real processes, as the embedded warehouse belongs to one process at a time, and so are commands that
open a home themselves; those that ask a service need no process of their own.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from commands_here import asked_here, run_here, run_together
from running_service import asked, run, serving

import gembascope as gs
from gembascope.service import FILE, Service, announced, find_service, instance_of
from gembascope.workspace import RemoteWorkspace, open_workspace
from kernel.errors import HomeInUse, SettingsError, SignInRefused
from kernel.settings import load_settings
from kernel.warehouse import lock_home

LOG = (
    "case,activity,time\n"
    "1,A,2024-01-05T09:00:00Z\n1,B,2024-01-05T09:10:00Z\n"
    "..,A,2024-01-05T10:00:00Z\n..,B,2024-01-05T10:30:00.25Z\n"
)
COLUMNS = ["--case", "case", "--activity", "activity", "--time", "time"]
QUESTIONS = (["map", "p", "--activity", "B"], ["cases", "p", "--limit", "1"], ["case", "p", ".."])
WRONG = ((["log", "q"], 3), (["map", "p", "--since", "yesterday"], 3))


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any], list[tuple[int, str]]]:
    """A home with a log, and what was answered and refused while commands opened it themselves."""
    folder = tmp_path_factory.mktemp("served")
    home, file = folder / "home", folder / "log.csv"
    file.write_text(LOG)
    asking = [["ingest", str(file), "--process", "p", *COLUMNS], *QUESTIONS]
    ended = run_together(home, *([*words, "--json"] for words in asking), *(words for words, _ in WRONG))
    loaded, *answers = [json.loads(done.stdout) for done in ended[: len(asking)]]
    assert loaded["stored"] == 4
    assert not (home / FILE).exists()
    return home, answers, [(done.returncode, done.stderr) for done in ended[len(asking) :]]


@pytest.fixture(scope="module")
def service(answered: tuple[Path, list[Any], Any]) -> Iterator[tuple[Path, str]]:
    with serving(answered[0]) as (url, _):
        yield answered[0], url


def test_the_service_is_announced_to_its_owner_alone(service: tuple[Path, str]) -> None:
    home, url = service
    content = json.loads((home / FILE).read_text())
    assert content["url"] == url
    assert stat.S_IMODE((home / FILE).stat().st_mode) == 0o600
    found = find_service(home)
    assert found is not None
    assert found.tenant == "local"
    answer = httpx.get(f"{url}/healthz", trust_env=False).json()
    assert answer == {"status": "ok", "instance": instance_of(content["token"])}
    assert content["token"] not in json.dumps(answer)


def test_commands_answer_as_if_they_opened_the_home(
    service: tuple[Path, str], answered: tuple[Path, list[Any], list[tuple[int, str]]]
) -> None:
    home, _ = service
    with pytest.raises(HomeInUse):
        lock_home(home)
    assert asked(home, *QUESTIONS[0]) == answered[1][0]
    for words, document in zip(QUESTIONS, answered[1], strict=True):
        assert asked_here(home, *words) == document, words
    for (words, code), (direct_code, direct_message) in zip(WRONG, answered[2], strict=True):
        done = run_here(home, *words)
        assert (done.returncode, done.stderr) == (direct_code, direct_message), words
        assert done.returncode == code


def test_the_sdk_reaches_it_by_home_and_by_address(
    service: tuple[Path, str], answered: tuple[Path, list[Any], Any]
) -> None:
    home, url = service
    with gs.connect(home) as by_home, gs.connect(url) as by_address:
        assert isinstance(by_home._connection, RemoteWorkspace)
        for workspace in (by_home, by_address):
            assert workspace.processes()["process"].to_list()[-1] == "p"
            assert workspace.process("p").map(activity="B").edges["frequency"].to_list() == [
                edge["frequency"] for edge in answered[1][0]["edges"]
            ]
            assert workspace.process("p").case("..").events["wait_s"].to_list() == [None, 1800.25]


def test_a_file_is_loaded_through_it(service: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = service
    file = tmp_path / "more.csv"
    file.write_text(LOG)
    assert asked_here(home, "ingest", str(file), "--process", "more", *COLUMNS)["stored"] == 4
    assert asked_here(home, "log", "more")["events"] == 4
    assert asked_here(home, "ingest", str(file), "--process", "more", *COLUMNS)["stored"] == 0


def test_another_tenant_is_not_answered_with_this_ones_data(service: tuple[Path, str]) -> None:
    home, _ = service
    done = run_here(home, "log", "p", "--tenant", "other")
    assert done.returncode == 6
    assert "acts for the tenant 'local', not for 'other'" in done.stderr


def test_a_second_service_on_the_home_is_refused(service: tuple[Path, str]) -> None:
    done = run(service[0], "serve", "--port", "0")
    assert done.returncode == 6
    assert "is in use by process" in done.stderr
    assert find_service(service[0]) is not None


def test_the_pages_and_the_api_are_served_together(service: tuple[Path, str]) -> None:
    _, url = service
    page = httpx.get(f"{url}/", trust_env=False, follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy.partition("script-src")[2].partition(";")[0]
    missing = httpx.get(f"{url}/api/typo", trust_env=False)
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_a_killed_service_is_not_found_and_its_home_opens(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home) as (_, process):
        assert find_service(home) is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (home / FILE).exists()
    assert find_service(home) is None
    assert asked(home, "processes") == {"processes": []}


def stopped(home: Path, process: subprocess.Popen[str], number: signal.Signals, code: int) -> None:
    """A service that is stopped leaves nothing behind."""
    assert (home / FILE).exists()
    process.send_signal(number)
    assert process.wait() == code
    assert not (home / FILE).exists()


def test_the_service_of_another_home_is_not_taken_for_this_ones(service: tuple[Path, str], tmp_path: Path) -> None:
    """A port is used again: the file of a killed service then names the address of one that holds another home."""
    stale = Service(service[1], "the token of the killed one", os.getpid(), "local")
    with announced(tmp_path, stale):
        assert find_service(tmp_path) is None
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("demo", [True, False])
def test_an_announcement_is_found_as_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demo: bool) -> None:
    service = Service("http://localhost:1", "a token", os.getpid(), "local", demo)
    answer = httpx.Response(200, json={"instance": instance_of("a token")})
    monkeypatch.setattr(httpx, "get", lambda *args, **more: answer)
    with announced(tmp_path, service):
        assert find_service(tmp_path) == service


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"url": "http://127.0.0.1:1"}', '{"url": "x", "token": "t", "pid": 1, "tenant": "local"}'],
)
def test_a_broken_announcement_is_ignored(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert find_service(tmp_path) is None


def test_beyond_this_machine_everybody_needs_a_key_or_an_account(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with serving(home, "--host", "0.0.0.0") as (url, process):
        near = url.replace("0.0.0.0", "127.0.0.1")
        assert process.stdout is not None
        assert "Nobody administers it yet" in process.stdout.readline()
        assert "/first-administrator?token=" in process.stdout.readline()
        assert json.loads((home / FILE).read_text())["url"] == near
        address = f"{near}/api/v1/processes"
        assert httpx.get(address, trust_env=False).status_code == 401
        assert httpx.get(f"{near}/", trust_env=False).headers["location"] == "/login?next=/"
        assert asked_here(home, "processes") == {"processes": []}
        made = asked_here(home, "keys", "create", "n8n", "--role", "viewer")
        assert (
            httpx.get(address, trust_env=False, headers={"Authorization": f"Bearer {made['key']}"}).status_code == 200
        )
        with gs.connect(near, token=made["key"]) as workspace:
            assert workspace.processes().is_empty()
        assert asked_here(home, "keys", "revoke", made["id"])["state"] == "revoked"
        with pytest.raises(SignInRefused), gs.connect(near, token=made["key"]) as workspace:
            workspace.processes()
        stopped(home, process, signal.SIGTERM, 143)


def test_the_first_administrator_closes_the_open_house(tmp_path: Path) -> None:
    home, good = tmp_path / "home", "plum-violin harbour 7"
    with serving(home) as (url, process), httpx.Client(base_url=url, trust_env=False, timeout=60) as browser:
        assert process.stdout is not None
        process.stdout.readline()
        link = process.stdout.readline().strip()
        assert httpx.get(f"{url}/api/v1/processes", trust_env=False).status_code == 200
        form = {"name": "root@shop.example", "password": good, "again": good}
        assert "The first administrator" in browser.get(link).text
        assert browser.post(link, data=form).status_code == 303
        assert browser.get("/api/v1/processes").json() == {"processes": []}
        assert httpx.get(f"{url}/api/v1/processes", trust_env=False).status_code == 401
        assert browser.post(link, data=form | {"name": "second@shop.example"}).status_code == 403
        assert asked_here(home, "users", "list")["users"][0]["roles"] == ["admin", "operator"]
        added = asked_here(home, "users", "add", "ben@shop.example", "--role", "approver:returns")
        assert added["password_link"].startswith(f"{url}/password?token=")
        assert browser.post("/logout").status_code == 303
        browser.cookies.clear()
        assert browser.get("/").status_code == 303
        assert browser.post(added["password_link"], data={"password": good, "again": good}).status_code == 303
        assert browser.get("/api/v1/processes").json() == {"processes": []}
        stopped(home, process, signal.SIGINT, 130)
    assert "root@shop.example" in run(home, "users", "list").stdout


def test_a_warehouse_elsewhere_is_asked_directly(service: tuple[Path, str]) -> None:
    """The home of a server's client may hold the announcement of another service; it says nothing about the server."""
    settings = load_settings(home=service[0], warehouse_url="clickhouse://127.0.0.1:1/none")
    with pytest.raises(Exception, match="the warehouse does not open"):
        open_workspace(settings)


def test_the_workspace_of_a_home_whose_service_acts_for_another(service: tuple[Path, str]) -> None:
    with pytest.raises(SettingsError, match="acts for the tenant"):
        gs.connect(service[0], tenant="other")
