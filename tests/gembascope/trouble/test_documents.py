"""Documents of trouble and remedies are the same here and through a service, to who may see them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from doors import GOOD, LOCAL, key, person, rules
from running_api import running
from troubled_home import incident_of, signed_in

import gembascope as gs
from api.app import create_app
from gembascope.operations import operations
from gembascope.workspace import LocalWorkspace, RemoteWorkspace
from kernel.access import Grant, Role
from kernel.clock import FixedClock
from kernel.errors import GembascopeError, InputError, NotAllowed, NotFound, SignInRefused
from kernel.identity.directory import Directory


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
