"""What goes on by itself: trouble is found, told and proposed to be mended, once, however often one looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logs import START
from sqlalchemy import Table, func, select
from state_databases import KINDS, empty_database

from gembascope.background import FORGET_EVERY_S, KEPT, LOOK_EVERY_S, Background
from gembascope.operations import Operations, operations
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace
from ingest.live import LiveIngest
from kernel.clock import FixedClock
from kernel.errors import StateError
from kernel.process import ProcessDefinition, write_process
from kernel.state.database import State
from kernel.state.tables import AUDIT_ANCHORS, OUTBOX, RUN_EVENTS, RUNS
from kernel.warehouse import Warehouse
from orchestration_hooks import telling
from orchestration_hooks.effects import Outcome, Result
from orchestration_hooks.telling import tell

FILES = {
    "rules/unpaid.yaml": "id: unpaid\nkind: missing_event\nprocess: refunds\nafter: Authorised\nexpect: Paid\n"
    "source: bank\nwithin: 3h\n",
    "connections/ops.yaml": "id: ops\nkind: webhook\nurl: https://ops.example/hook\nsecret: env:NOWHERE\n",
    "alerts/all.yaml": "id: all\nchannels: [ops]\ngroup_by: [incident]\ngroup_wait: 0s\ngroup_interval: 1m\n",
    "playbooks/resend.yaml": "id: resend\nname: Send again\nauthor: gembascope\n"
    "trigger: {mode: automatic, match: {process: refunds, kind: [missing_event]}}\n"
    "steps:\n  - {id: gather, gather: {}}\n"
    "  - id: approve\n    approval: {ask: 'Send {{ count }} again?', role: approver, timeout: 1d}\n"
    "    on_reject: no\n    on_timeout: no\n"
    "  - {id: yes, record: {outcome: resolved}}\n  - {id: no, record: {outcome: rejected}}\n",
}


class Running:
    """A tenant at work, one turn at a time."""

    def __init__(self, known: Operations, live: LiveIngest, background: Background, clock: FixedClock) -> None:
        self.known, self.live, self.background, self.clock = known, live, background, clock
        self._at_s = 0.0
        background._live = live

    def send(self, *events: tuple[str, float, str, str]) -> None:
        """Events (activity, hours, case, source), loaded when this returns."""
        told = [
            {
                "id": f"{activity}-{case}",
                "activity": activity,
                "occurred_at": (START + timedelta(hours=hours)).isoformat(),
                "source": source,
                "objects": [{"type": "refund", "id": case}],
            }
            for activity, hours, case, source in events
        ]
        self.live.accept(msgspec.json.encode(told))
        self.live.drain()

    def turn(self, after_s: float = LOOK_EVERY_S) -> None:
        self._at_s += after_s
        self.background.turn(self._at_s)
        self.live.drain()

    def count(self, table: Table) -> int:
        with self.known.state.reading() as connection:
            tenant = self.known.settings.tenant
            asked = select(func.count()).select_from(table).where(table.c.tenant == tenant)
            return int(connection.execute(asked).scalar_one())


BOTH = pytest.mark.parametrize("running", KINDS, indirect=True)
"""What is written to the state database here is written by parts that are tested on both: this is their wiring."""


@pytest.fixture
def running(request: pytest.FixtureRequest, warehouse: Warehouse, tenant: str, tmp_path: Path) -> Iterator[Running]:
    clock = FixedClock(START + timedelta(hours=10))
    with empty_database(getattr(request, "param", "sqlite"), tmp_path) as found:
        settings = found.model_copy(update={"tenant": tenant})
        workspace = LocalWorkspace(settings, clock, warehouse)
        processes = workspace.views.processes
        definition = ProcessDefinition(id="refunds", object_type="refund", end=("Paid",), owner="ops")
        write_process(processes.folder, definition)
        write_process(processes.folder, ProcessDefinition(id="remediation", object_type="remediation_run"))
        for name, text in FILES.items():
            path = processes.folder.parent / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        with State(settings) as state:
            known = operations(workspace, state, machine_clock=clock)
            background = Background(known)
            with taking_events(workspace, background=False, on_loaded=[background.noticed]) as live:
                yield Running(known, live, background, clock)


STUCK: list[tuple[str, float, str, str]] = [
    ("Authorised", 0, "1", "crm"),
    ("Authorised", 0, "2", "crm"),
    ("Paid", 6, "9", "bank"),
]


@BOTH
def test_trouble_is_found_told_and_proposed_once(running: Running) -> None:
    running.send(*STUCK)
    for _ in range(3):
        running.turn()
    (incident,) = running.known.incidents.all()
    assert (incident.state, incident.findings, incident.told) == ("open", 2, "open:high:2")
    assert (running.count(OUTBOX), running.count(RUNS)) == (1, 1)
    assert running.count(AUDIT_ANCHORS) >= 1


def test_what_a_run_did_is_an_event_of_the_log(running: Running) -> None:
    running.send(*STUCK)
    running.turn()
    running.background._worker.run_due()
    running.turn()
    assert running.known.engine.history.unsent() == []
    views = running.known.desk.views
    from mining.summary import log_summary

    assert log_summary(views.view("remediation")).events == running.count(RUN_EVENTS) > 2


def test_more_of_it_is_told_with_the_next_reminder_and_opens_no_second_run(running: Running) -> None:
    running.send(*STUCK)
    running.turn()
    running.clock.at += timedelta(minutes=5)
    running.send(("Authorised", 1, "3", "crm"))
    running.turn()
    (incident,) = running.known.incidents.all()
    assert (incident.findings, incident.told) == (3, "open:high:3")
    assert (running.count(OUTBOX), running.count(RUNS)) == (1, 1)
    running.clock.at += timedelta(hours=4)
    running.turn()
    assert (running.count(OUTBOX), running.count(RUNS)) == (2, 1)


def test_what_is_cured_is_told_to_be_over_and_what_was_told_is_forgotten_after_a_month(running: Running) -> None:
    running.background._deliverer._send = lambda _: Outcome(Result.DONE)
    running.send(*STUCK)
    running.turn()
    assert running.background._deliverer.deliver_due() == 1
    running.clock.at += timedelta(minutes=5)
    running.send(("Paid", 7, "1", "bank"), ("Paid", 7, "2", "bank"))
    running.turn()
    (incident,) = running.known.incidents.all()
    assert (incident.state, incident.resolution, incident.told) == ("resolved", "cured", "resolved:high:2")
    assert running.count(OUTBOX) == 2
    running.clock.at += KEPT
    running.turn(FORGET_EVERY_S - 2 * LOOK_EVERY_S)
    assert running.count(OUTBOX) == 2  # it looks but once an hour
    running.turn()
    assert running.count(OUTBOX) == 1  # the other one was not delivered


def test_a_playbook_that_is_muted_does_not_begin_and_its_incident_says_so_once(running: Running) -> None:
    running.known.desk.mute("refunds", playbook="resend", until=timedelta(hours=1), reason="the bank is closed")
    for more in STUCK, [("Authorised", 1, "3", "crm")]:
        running.send(*more)
        running.turn()
    (incident,) = running.known.incidents.all()
    said = [note.text for note in running.known.incidents.notes(incident.id) if note.kind == "comment"]
    assert (incident.findings, running.count(OUTBOX), running.count(RUNS)) == (3, 1, 0)
    assert said == [
        "The playbook resend did not begin by itself: somebody muted it for a while. It can be proposed afterwards."
    ]


@BOTH
def test_killed_before_it_was_told_it_is_told_the_next_time(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.send(*STUCK)

    def dies(*_: Any, **__: Any) -> Any:
        raise StateError("the state database refused")

    with monkeypatch.context() as dying:
        dying.setattr(telling, "news", dies)
        running.turn()
    assert running.count(OUTBOX) == 0
    assert running.known.incidents.all()[0].told == ""
    running.turn()
    assert (running.count(OUTBOX), running.count(RUNS)) == (1, 1)


def test_of_the_past_nobody_is_told_and_nothing_is_done(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "is_live", lambda _: False)
    running.send(*STUCK)
    running.turn()
    assert [one.told for one in running.known.incidents.all()] == ["open:high:2"]
    assert (running.count(OUTBOX), running.count(RUNS)) == (0, 0)


def test_a_part_that_fails_stops_no_other(running: Running) -> None:
    running.send(*STUCK)
    policy = running.known.desk.views.processes.folder.parent / "alerts" / "all.yaml"
    right: Callable[[], int] = lambda: policy.write_text(FILES["alerts/all.yaml"], encoding="utf-8")  # noqa: E731
    policy.write_text("id: all\nchannels: [opps]\n", encoding="utf-8")
    running.turn()
    assert (running.count(OUTBOX), running.known.incidents.all()[0].told) == (0, "")
    assert running.count(AUDIT_ANCHORS) == 0  # nothing was audited yet
    right()
    running.turn()
    assert (running.count(OUTBOX), running.count(RUNS)) == (1, 1)
    tell(running.known.desk, running.known.state, running.known.alerter(), running.clock.now())
    assert running.count(OUTBOX) == 1


def test_news_that_could_not_be_passed_on_are_passed_on_at_the_next_turn(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another definition is wrong: that is no fault of the events."""
    told: list[str] = []

    def look_again(process: str) -> None:
        if not told:
            told.append("refused")
            raise StateError("the state database does not answer")
        told.append(process)

    monkeypatch.setattr(running.known.engine.controls, "look_again", look_again)
    (running.known.desk.views.processes.folder / "torn.yaml").write_text("id: [", encoding="utf-8")
    running.send(*STUCK)
    running.turn()
    assert told == ["refused"]
    running.turn()
    assert "refunds" in told[1:]


def test_what_cannot_be_read_is_told_later_and_not_taken_for_history(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> bool:
        raise StateError("the warehouse does not answer")

    running.send(*STUCK)
    with monkeypatch.context() as broken:
        broken.setattr(telling, "is_live", away)
        running.turn()
    assert running.known.incidents.all()[0].told == ""
    running.turn()
    assert (running.count(OUTBOX), running.count(RUNS)) == (1, 1)
