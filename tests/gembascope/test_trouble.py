"""Trouble and remedies on every surface: the same documents here and through a service, as frames, and by command."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from doors import CHEAP, GOOD, LOCAL, key, person, rules
from running_api import running
from sdk_orders import same
from sqlalchemy import func, select, update
from troubled_home import FOUND, troubled
from typer import Typer
from typer.testing import CliRunner, Result
from undelivered import SECRET, give_up

import gembascope as gs
from api.app import create_app
from gembascope import frames
from gembascope.commands import (
    backtest,
    decisions,
    findings,
    incidents,
    messages,
    mutes,
    overview,
    playbooks,
    runs,
)
from gembascope.operations import operations
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace, RemoteWorkspace
from kernel.access import Grant, Role
from kernel.clock import FixedClock, SystemClock
from kernel.errors import GembascopeError, InputError, NotAllowed, NotFound, OutOfDate, SignInRefused
from kernel.identity.directory import Directory
from kernel.settings import load_settings
from kernel.state.tables import RUNS, SESSIONS
from kernel.warehouse import Warehouse


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def opened(warehouse: Warehouse, clock: FixedClock, home: Path, tenant: str) -> Iterator[LocalWorkspace]:
    home.mkdir()
    workspace = LocalWorkspace(load_settings(home=home, tenant=tenant), clock, warehouse)
    troubled(workspace)
    yield workspace
    workspace.close()


@pytest.fixture
def people(opened: LocalWorkspace) -> Iterator[Directory]:
    with Directory(opened.settings, SystemClock(), CHEAP) as found:
        yield found


@pytest.fixture
def service(opened: LocalWorkspace, people: Directory, clock: FixedClock, home: Path) -> Iterator[str]:
    """The same home through a service, which does no work by itself."""
    desk = operations(opened, people.state).desk
    app = create_app(opened.views, clock, rules(people, open_house=False), upload_folder=home / "uploads", desk=desk)
    with running(app) as url:
        yield url


@pytest.fixture
def remote(service: str) -> Iterator[RemoteWorkspace]:
    workspace = RemoteWorkspace(service, LOCAL)
    yield workspace
    workspace.close()


def incident_of(workspace: LocalWorkspace) -> str:
    """The one incident, after a look."""
    found = gs.Workspace(workspace)
    found.detect()
    return str(found.incidents()["id"].item())


def test_the_documents_are_the_same_here_and_through_a_service(opened: LocalWorkspace, remote: RemoteWorkspace) -> None:
    incident = incident_of(opened)
    remote.post("/api/v1/detection")
    run = opened.post(f"/api/v1/incidents/{incident}/runs", {"playbook": "pay"})["run"]
    opened.post("/api/v1/detection")
    for path in (
        "overview",
        "incidents",
        f"incidents/{incident}",
        f"incidents/{incident}/findings",
        "playbooks",
        "runs",
        f"runs/{run}",
        "decisions",
        "mutes",
        "messages",
    ):
        here, there = opened.get(f"/api/v1/{path}"), remote.get(f"/api/v1/{path}")
        assert here == there, path
    stretch = {"since": "2026-06-01", "until": "2026-06-02"}
    assert opened.post("/api/v1/rules/unusual/backtest", stretch) == remote.post(
        "/api/v1/rules/unusual/backtest", stretch
    )
    for one, other in (
        (opened.get("/api/v1/incidents", [("limit", "1"), ("state", "resolved")]), {"incidents": []}),
        (opened.get("/api/v1/decisions", [("run", "none")]), {"decisions": []}),
    ):
        assert one == other


WRONG: list[tuple[Callable[[gs.Workspace, str], object], type[GembascopeError], str]] = [
    (lambda ws, _: ws.incident("0" * 32), NotFound, "incident|Not Found"),
    (lambda ws, _: ws.incident("../overview"), NotFound, "incident|Not Found"),
    (lambda ws, _: ws.incidents(states=["shut"]), InputError, "state: 'shut' is not one of"),
    (lambda ws, _: ws.run("x"), NotFound, "there is no run 'x'"),
    (lambda ws, incident: ws.propose(incident, "payy"), NotFound, r"did you mean pay\?"),
    (lambda ws, incident: ws.propose(incident, "pay", mode="boldly"), InputError, "mode: "),
    (lambda ws, _: ws.resume("x"), NotFound, "there is no run 'x'"),
    (lambda ws, _: ws.mute("return", until=timedelta(1), reason="r"), NotFound, r"did you mean returns\?"),
    (lambda ws, _: ws.mute("returns", playbook="payy", until=timedelta(1), reason="r"), NotFound, r"mean pay\?"),
    (lambda ws, _: ws.mute("returns", until="2020-01-01", reason="r"), InputError, "until: a mute ends later than now"),
    (lambda ws, _: ws.mute("returns", until="tomorrow", reason="r"), InputError, "until: 'tomorrow' is not a time"),
    (lambda ws, _: ws.mute("returns", until=timedelta(91), reason="r"), InputError, "until: .* at most 90 days"),
    (lambda ws, _: ws.mute("returns", until=timedelta(1), reason=" "), InputError, "reason: say why"),
    (lambda ws, _: ws.end_mute("x"), NotFound, "no mute 'x'"),
    (lambda ws, _: ws.requeue_message("x"), NotFound, "no message 'x' that was given up"),
    (lambda ws, _: ws.discard_message("x", reason=" "), InputError, "reason: say why"),
    (lambda ws, incident: ws.findings(incident, limit=0), InputError, "limit: 0 is not"),
    (lambda ws, _: ws.back_test("late", "2026-06-01", "2026-06-02"), InputError, "finds what its promise says"),
    (lambda ws, _: ws.back_test("lat", "2026-06-01", "2026-06-02"), NotFound, r"did you mean late\?"),
    (lambda ws, _: ws.back_test("unusual", "2026-06-02", "2026-06-01"), InputError, "to a later until"),
    (lambda ws, _: ws.back_test("unusual", "2026-06-01", "2026-06-09", every="1m"), InputError, "more than 1000"),
    (lambda ws, _: ws.back_test("unusual", "yesterday", "2026-06-09"), InputError, "since: 'yesterday' is not a time"),
]


def test_the_errors_are_the_same_too(opened: LocalWorkspace, remote: RemoteWorkspace) -> None:
    incident = incident_of(opened)
    for deed, kind, message in WRONG:
        said = []
        for workspace in (opened, remote):
            with pytest.raises(kind, match=message) as raised:
                deed(gs.Workspace(workspace), incident)
            said.append((type(raised.value), str(raised.value)))
        assert said[0] == said[1]


def test_the_frames(opened: LocalWorkspace, remote: RemoteWorkspace, people: Directory) -> None:
    here, there = gs.Workspace(opened), gs.Workspace(remote)
    for workspace in (here, there):  # nothing yet: the columns are there all the same
        assert workspace.incidents().schema == frames.INCIDENTS
        assert workspace.runs().schema == frames.RUNS
        assert workspace.decisions().schema == frames.DECISIONS
        assert workspace.mutes().schema == frames.MUTES
        assert workspace.messages().given_up.schema == frames.MESSAGES
    detected = here.detect()
    assert detected.problem == ""
    assert dict(detected.rules.select("rule", "lasting").iter_rows()) == {"late": 3, "unusual": 0}
    there.detect()
    (row,) = here.incidents().to_dicts()
    assert (row["severity"], row["state"], row["owner"], row["cases"], row["unpriced"]) == (
        *("high", "open", "returns-team"),
        *(3, 1),
    )
    assert row["value"] == [{"amount": Decimal("1240.500000"), "currency": "EUR"}]
    incident = row["id"]
    found = here.findings(incident)
    assert found.schema == frames.FINDINGS
    assert list(found.select("case_id", "value").iter_rows()) == [
        (case, None if value is None else Decimal(value)) for case, value in FOUND
    ]
    assert here.findings(incident, lasting=True, limit=2)["case_id"].to_list() == ["2", "1"]
    proposed = here.propose(incident, "pay")
    assert proposed.reason is None
    assert proposed.run_id is not None
    assert there.propose(incident, "pay") == type(proposed)(proposed.run_id, "duplicate")
    (waiting,) = here.decisions().to_dicts()
    assert (waiting["run_id"], waiting["step"], waiting["cases"]) == (proposed.run_id, "ask", 3)
    assert waiting["totals"] == [{"amount": Decimal("1240.500000"), "currency": "EUR"}]
    run = here.run(proposed.run_id)
    assert (run.status, run.step, run.votes.height) == ("waiting", "ask", 0)
    assert run.history["activity"].to_list() == ["Run opened", "Context gathered", "Approval requested"]
    assert here.playbooks()["id"].to_list() == ["pay"]
    assert here.playbooks()["file"].to_list() == [f"tenants/{opened.settings.tenant}/playbooks/pay.yaml"]
    for name in ("overview", "incidents", "runs", "decisions", "playbooks"):
        same(getattr(here, name)(), getattr(there, name)())
    for name, of in (("incident", incident), ("findings", incident), ("run", proposed.run_id)):
        same(getattr(here, name)(of), getattr(there, name)(of))
    tested = here.back_test("unusual", date(2026, 6, 1), "2026-06-02", every=timedelta(hours=12), truth=["2"])
    assert (tested.instants, tested.found.schema, tested.recall) == (3, frames.BACK_TESTED, 0.0)


def test_it_can_be_asked_where_an_event_loop_runs(opened: LocalWorkspace) -> None:
    async def in_a_notebook() -> int:
        return gs.Workspace(opened).incidents().height

    assert asyncio.run(in_a_notebook()) == 0


def test_without_a_service_what_is_due_is_done_once(
    opened: LocalWorkspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "at", datetime(2026, 6, 5, 14, tzinfo=timezone.utc))
    folder = opened.views.processes.folder.parent / "playbooks"
    text = (folder / "pay.yaml").read_text()
    (folder / "pay.yaml").write_text(text.replace("mode: manual", "mode: automatic"))
    seen = {"id": "seen-5", "activity": "Seen", "occurred_at": "2026-06-05T13:00:00Z", "source": "shop"}
    with taking_events(opened, background=False) as live:  # of loaded history alone nothing is done by itself
        live.accept(json.dumps([seen | {"objects": [{"type": "case:returns", "id": "5"}]}]).encode())
        live.drain()
    workspace = gs.Workspace(opened)
    workspace.detect()  # people are told, which opens the run, and it goes as far as it can
    assert workspace.runs()["status"].to_list() == ["waiting"]
    (run,) = workspace.runs()["run_id"]
    opened.post(f"/api/v1/runs/{run}/cancel", {"reason": "not today"})
    assert (workspace.run(run).status, workspace.run(run).reason) == ("cancelled", "cancelled")

    monkeypatch.setattr("gembascope.home_api.find_service", lambda _: object())
    opened.post(f"/api/v1/incidents/{workspace.incidents()['id'].item()}/runs", {"playbook": "pay"})
    assert set(workspace.runs()["status"]) == {"cancelled", "ready"}  # the service that holds the home moves it


def test_who_may_what(opened: LocalWorkspace, service: str, people: Directory) -> None:
    incident = incident_of(opened)
    viewer, elsewhere = key(people, Role.VIEWER), key(people, Grant(Role.OPERATOR, "orders"))
    approver = key(people, Role.APPROVER, Role.OPERATOR)
    with gs.connect(service, token=viewer) as seen:
        assert seen.incidents().height == 1
        assert not seen.incident(incident).may_act
        for deed in (seen.detect, lambda: seen.propose(incident, "pay")):
            with pytest.raises(NotAllowed, match="has no grant to act here"):
                deed()
        with pytest.raises(NotAllowed, match="has no grant to act here"):
            seen.back_test("unusual", "2026-06-01", "2026-06-02")
    with gs.connect(service, token=elsewhere) as other:
        assert other.incidents().is_empty()
        assert other.playbooks().is_empty()
        with pytest.raises(NotFound, match="no rule 'unusual'; there are: none"):
            other.back_test("unusual", "2026-06-01", "2026-06-02")
        with pytest.raises(NotFound):
            other.propose(incident, "pay")
    in_bonn = key(people, Grant(Role.OPERATOR, "returns", "Bonn"))
    with gs.connect(service, token=in_bonn) as some:
        assert some.findings(incident)["case_id"].to_list() == ["1"]
        for deed in (
            lambda: some.propose(incident, "pay"),  # which is of other stores, too
            lambda: some.back_test("unusual", "2026-06-01", "2026-06-02"),
        ):
            with pytest.raises(NotAllowed, match="has no grant to act here"):
                deed()
    run = gs.Workspace(opened).propose(incident, "pay").run_id
    decision = {"step": "ask", "version": 1, "decision": "approve"}
    program = RemoteWorkspace(service, approver)
    for workspace, message in (
        (opened, "a command on this machine has no grant to approve here"),
        (program, "people decide, not programs"),
    ):
        with pytest.raises(NotAllowed, match=message):
            workspace.post(f"/api/v1/runs/{run}/decisions", decision)
    program.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "behind TLS"])
def test_a_person_decides_through_a_service(
    opened: LocalWorkspace, people: Directory, clock: FixedClock, home: Path, secure: bool
) -> None:
    run = gs.Workspace(opened).propose(incident_of(opened), "pay").run_id
    decision = {"step": "ask", "version": 1, "decision": "approve"}
    person(people, "petra", Role.APPROVER)
    door = rules(people, open_house=False, secure=secure)
    desk = operations(opened, people.state).desk
    app = create_app(opened.views, clock, door, upload_folder=home / "uploads", desk=desk)
    with running(app) as url, closing(RemoteWorkspace(url, LOCAL)) as remote:
        with pytest.raises(SignInRefused, match="not right"), remote.signed_in("petra", "wrong"):
            pass
        with remote.signed_in("petra", GOOD) as petra_herself:
            assert petra_herself.get("/api/v1/decisions")["decisions"][0]["refusal"] is None
            decided = petra_herself.post(f"/api/v1/runs/{run}/decisions", decision)
        assert decided == {"outcome": "approved", "votes": 1, "needed": 1}
    assert signed_in(opened) == 0


@pytest.fixture
def command(
    opened: LocalWorkspace, people: Directory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """A command on the home as the command line runs it, within this process."""
    person(people, "petra", Role.APPROVER)
    person(people, "vic", Role.VIEWER)
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr("gembascope.home_api.Passwords", lambda **_: CHEAP)
    with ExitStack() as stack:

        def again(_: Any) -> LocalWorkspace:
            workspace = LocalWorkspace(opened.settings, opened.clock, opened.warehouse)
            stack.callback(workspace.close)
            return workspace

        monkeypatch.setattr("gembascope.commands.options.open_workspace", again)

        def run(app: Typer, *words: str, says: str = "") -> Result:
            return CliRunner().invoke(app, list(words), input=says, catch_exceptions=True)

        yield run


def told(ended: Result) -> str:
    assert ended.exit_code == 0, (ended.output, ended.exception)
    return " ".join(ended.stdout.split())


def test_the_commands_from_trouble_to_a_decision(command: Callable[..., Result], opened: LocalWorkspace) -> None:
    assert "No trouble is known. `gembascope detect` looks for it" in told(command(incidents.app))
    assert "No playbook has run." in told(command(runs.app))
    assert "Nothing waits for a decision." in told(command(decisions.app, "decisions"))
    detected = told(command(findings.app, "detect"))
    assert "1,240.50 EUR" in detected
    assert "late returns" in detected
    (incident,) = [row["id"] for row in json.loads(told(command(incidents.app, "--json")))["incidents"]]
    assert "1,240.50 EUR; 1 cases without a price" in told(command(incidents.app, "show", incident))
    assert "2 Koeln high" in told(command(findings.app, "findings", incident, "--lasting"))
    assert "state acknowledged" in told(command(incidents.app, "acknowledge", incident))
    assert "noted as number" in told(command(incidents.app, "comment", incident, "it is the ERP"))
    assert "owner other-team" in told(command(incidents.app, "assign", incident, "other-team"))
    assert "pay Pay late refunds manual needed returns: sla_breach, low or more" in told(
        command(playbooks.app, "playbooks")
    )
    proposed = told(command(playbooks.app, "propose", incident, "pay"))
    assert "status waiting step ask at stake 3 cases, 1,240.50 EUR asked for by local" in proposed
    assert "no run was opened: duplicate" in told(command(playbooks.app, "propose", incident, "pay"))
    (run,) = [row["run_id"] for row in json.loads(told(command(runs.app, "--json")))["runs"]]
    shown = told(command(overview.app))
    for words in ("refund 3 1,240.50 EUR", incident, "Pay 3 refunds (1240.50 EUR)?"):
        assert words in shown
    assert "gembascope approve RUN --user NAME" in told(command(decisions.app, "decisions"))

    for words, says, kind, message in (
        (("approve", run, "--user", "petra"), "", InputError, "first line of standard input"),
        (("approve", run, "--user", "petra"), "wrong\n", SignInRefused, "not right"),
        (("approve", run, "--user", "vic"), GOOD, NotAllowed, "vic has no grant to approve here"),
        (("approve", run, "--user", "petra", "--version", "7"), GOOD, OutOfDate, "something else"),
        (("approve", run, "--user", "petra", "--step", "no"), GOOD, NotFound, "at the step 'no'"),
        (("approve", "x", "--user", "petra"), GOOD, NotFound, "nothing waits for a decision in a run 'x'"),
    ):
        refused = command(decisions.app, *words, says=says).exception
        assert isinstance(refused, kind), (words, refused)
        assert message in str(refused)
    assert gs.Workspace(opened).run(run).votes.is_empty()

    approved = told(command(decisions.app, "approve", run, "--user", "petra", "--reason", "seen", says=GOOD + "\n"))
    assert "asked Pay 3 refunds (1240.50 EUR)?" in approved
    assert "status done: resolved" in approved  # no service runs: it was moved here
    assert signed_in(opened) == 0  # the command's session ended with it
    (vote,) = gs.Workspace(opened).run(run).votes.to_dicts()
    assert (vote["decision"], vote["reason"], vote["actor"]) == ("approve", "seen", petra(opened))
    assert "status done" in told(command(runs.app, "show", run))
    closed = told(command(incidents.app, "close", incident, "--reason", "paid"))
    assert "state resolved" in closed
    assert closed.endswith("a command on this machine paid")


def signed_in(opened: LocalWorkspace) -> int:
    with Directory(opened.settings, SystemClock(), CHEAP) as people, people.state.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(SESSIONS)).scalar_one())


def petra(opened: LocalWorkspace) -> str:
    with Directory(opened.settings, SystemClock(), CHEAP) as people:
        return people.users.get("petra").user_id


def test_a_run_is_rejected_by_command(command: Callable[..., Result], opened: LocalWorkspace) -> None:
    run = gs.Workspace(opened).propose(incident_of(opened), "pay").run_id
    answer = command(decisions.app, "reject", str(run), "--user", "petra", "--reason", "no", "--json", says=GOOD)
    assert json.loads(told(answer)) == {"outcome": "rejected", "votes": 0, "needed": 1}
    cancelled = command(runs.app, "cancel", str(run), "--reason", "late").exception
    assert isinstance(cancelled, InputError | NotAllowed)


def test_what_is_muted_what_holds_and_what_did_not_arrive(
    command: Callable[..., Result], opened: LocalWorkspace, service: str, people: Directory
) -> None:
    incident = incident_of(opened)
    _muted_and_held(command, opened, people, incident)
    _not_arrived(command, opened, service, people, incident)


def _muted_and_held(command: Callable[..., Result], opened: LocalWorkspace, people: Directory, incident: str) -> None:
    assert "Nothing is muted." in told(command(mutes.app))
    muted = ("add", "returns", "--playbook", "pay", "--for", "4h", "--reason", "the bank is closed")
    assert "pay of returns: muted until" in told(command(mutes.app, *muted))
    (mute,) = gs.Workspace(opened).mutes().to_dicts()
    assert mute["until"] - mute["muted_at"] == timedelta(hours=4)
    assert "returns pay any" in told(command(mutes.app))
    assert gs.Workspace(opened).propose(incident, "pay").reason == "muted"
    assert isinstance(command(mutes.app, *muted, "--until", "2026-07-01").exception, InputError)
    assert "pay of returns: ended at" in told(command(mutes.app, "end", mute["mute_id"]))

    run = str(gs.Workspace(opened).propose(incident, "pay").run_id)
    assert "does not hold" in str(command(runs.app, "resume", run).exception)
    with people.state.writing() as connection:
        mine = (RUNS.c.tenant == opened.settings.tenant, RUNS.c.run_id == run)
        later = opened.clock.now() + timedelta(days=9)
        connection.execute(update(RUNS).where(*mine).values(status="holding", wake_at=later))
    assert "status waiting" in told(command(runs.app, "resume", run))


def _not_arrived(
    command: Callable[..., Result], opened: LocalWorkspace, service: str, people: Directory, incident: str
) -> None:
    """Messages are shown to who may read everything, and sent again or given up by who may act on everything."""
    for number in (1, 2):
        at = opened.clock.now() + timedelta(seconds=number)
        give_up(people.state, opened.settings.tenant, f"m-{number}", at, incident=incident)
    shown = told(command(messages.app))
    assert re.search(r"m-2 ops .* and 1 more .* 1 .* http_410: it is gone m-1 ops", shown), shown
    assert SECRET not in shown
    of_one = key(people, Grant(Role.OPERATOR, "returns"), Grant(Role.OPERATOR, "", "Bonn"))
    reader = key(people, Role.ANALYST)
    with gs.connect(service, token=of_one) as some, gs.connect(service, token=reader) as all_of_it:
        assert set(all_of_it.messages().given_up["incident"]) == {incident}
        for deed in (
            lambda: some.messages(),
            lambda: some.requeue_message("m-1"),
            lambda: some.requeue_message("m-9"),
            lambda: some.discard_message("m-1", reason="no"),
            lambda: all_of_it.requeue_message("m-1"),
            lambda: all_of_it.discard_message("m-1", reason="no"),
        ):
            with pytest.raises(NotAllowed, match=r"has no grant to (read|act) here"):
                deed()
    again = told(command(messages.app, "requeue", "m-1"))
    assert "1 wait to be delivered, the oldest since" in again
    assert "m-1" not in again
    left = gs.Workspace(opened).discard_message("m-2", reason="told by phone")
    assert (left.given_up.height, left.dead, left.waiting) == (0, 0, 1)
    assert "No message was given up." in told(command(messages.app))


def test_a_back_test_by_command(command: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "truth.txt").write_text("2\n\n1\n")
    words = ("unusual", "--since", "2026-06-01", "--until", "2026-06-03", "--truth", str(tmp_path / "truth.txt"))
    shown = told(command(backtest.app, *words))
    assert "unusual would have found nothing at 3 instants" in shown
    assert json.loads(told(command(backtest.app, *words, "--json")))["recall"] == 0.0
    unread = command(backtest.app, *words[:-1], str(tmp_path)).exception
    assert isinstance(unread, InputError)
