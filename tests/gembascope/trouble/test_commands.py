"""From trouble to a decision and beyond, by commands."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from doors import CHEAP, GOOD, key, person
from sqlalchemy import update
from troubled_home import incident_of, signed_in
from typer import Typer
from typer.testing import CliRunner, Result
from undelivered import SECRET, give_up

import gembascope as gs
from gembascope.commands import backtest, decisions, findings, incidents, messages, mutes, overview, playbooks, runs
from gembascope.workspace import LocalWorkspace
from kernel.access import Grant, Role
from kernel.clock import SystemClock
from kernel.errors import InputError, NotAllowed, NotFound, OutOfDate, SignInRefused
from kernel.identity.directory import Directory
from kernel.state.tables import RUNS


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
