"""What pages write: only who may do it changes anything, however a callback is sent; and what a person did meanwhile
outside ends a remedy before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from doors import key
from page_parts import text
from sqlalchemy import select, update
from trouble_world import ADDRESS, Door, Place, Trouble, trouble
from undelivered import give_up

from dashboards.pages import remediation
from kernel.access import Grant, Role
from kernel.state.tables import RUNS
from kernel.warehouse import Warehouse
from orchestration_hooks.states import Status

HERE, ELSEWHERE = "return-to-refund", "order-to-cash"
SAID = "incident-said.children"
DECIDED = "remediation-said.children"


def clicks(identity: Any) -> Place:
    return {"id": identity, "property": "n_clicks"}


BUTTONS: dict[str, Place] = {
    "acknowledge": clicks("incident-acknowledge"),
    "comment": clicks("incident-say"),
    "propose": clicks({"playbook": "refund_stuck", "type": "incident-propose"}),
    "try": clicks({"playbook": "refund_stuck", "type": "incident-try"}),
}


@pytest.fixture(scope="module")
def at(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    with trouble(warehouse, tmp_path_factory.mktemp("trouble"), "written-from-pages") as found:
        found.goes_on()
        yield found


def press(at: Trouble, door: Door, button: str) -> Any:
    given = {"url.search": f"?incident={at.incident()}", "incident-comment.value": "I look at it."}
    return at.press(door, SAID, BUTTONS[button], given)


def state_of(at: Trouble) -> Any:
    """Everything that the buttons could change."""
    desk, incident = at.known.desk, at.incident()
    runs = [(run.run_id, run.status, len(desk.run(run.run_id).history)) for run in desk.runs()]
    return desk.incidents.line(incident).incident.state, desk.incidents.notes(incident), runs, desk.inbox()


def quiet(at: Trouble) -> Any:
    """What the buttons about mutes, messages and runs that hold could change."""
    desk = at.known.desk
    return desk.mutes(), desk.undelivered(), [(run.run_id, run.status) for run in desk.runs()]


def outsiders(at: Trouble, of: Door, role: Role, prefix: str = "") -> dict[str, tuple[Door, int]]:
    """Who may not, with the status of the answer: 200 has the reason as a sentence of the page."""
    store = at.made.truth["fault"]["store"] + "-other"
    reader = Grant(Role.VIEWER)
    name = f"{prefix}{role.value}"
    return {
        "an anonymous visitor": (Door(), 200),
        "a viewer": (at.person(f"{name}-viewer", reader), 200),
        "of another process": (at.person(f"{name}-elsewhere", reader, Grant(role, ELSEWHERE)), 200),
        "of another process, who reads nothing here": (at.person(f"{name}-blind", Grant(role, ELSEWHERE)), 200),
        "of another store": (at.person(f"{name}-store", reader, Grant(role, HERE, store)), 200),
        "a page of this service did not send it": (replace(of, csrf=False), 403),
        "from a foreign origin": (replace(of, origin="https://evil.example"), 403),
        "with a session that is none": (Door("no session at all"), 200),
        "with a key that is none": (Door(key="gmb_nothing"), 401),
    }


def _who_may_not_act_changes_nothing_from_the_page_of_an_incident(at: Trouble) -> None:
    oskar = at.person("oskar", Grant(Role.OPERATOR))
    before = state_of(at)
    for who, (door, status) in outsiders(at, oskar, Role.OPERATOR).items():
        for button in BUTTONS:
            answer = press(at, door, button)
            assert answer.status_code == status, (who, button, answer.text)
            assert "It is " not in answer.text, (who, button)
            if status == 200:
                assert "wrong" in answer.text, (who, button, answer.text)
            assert state_of(at) == before, (who, button)


def _who_may_act_does_and_who_asked_does_not_agree(at: Trouble) -> None:
    """From the proposal to the decision, with everybody at the door who may not decide."""
    both = at.person("both", Grant(Role.OPERATOR), Grant(Role.APPROVER))
    for button, said in (("comment", ""), ("acknowledge", "It is in your hands now."), ("propose", "It is proposed")):
        answer = press(at, replace(both, origin=ADDRESS), button)
        assert (answer.status_code, said in answer.text) == (200, True), answer.text
    incident, notes, runs, _ = state_of(at)
    assert (incident, [note.kind for note in notes][-2:], len(runs)) == ("acknowledged", ["comment", "acknowledged"], 1)
    assert "It is open already" in press(at, both, "propose").text  # asked twice it is one run
    at.goes_on()

    [waiting] = at.known.desk.inbox()
    asked = {"run": waiting.run.run_id, "step": waiting.step, "version": waiting.version}
    given = {"decision-asked.data": asked, "decision-reason.value": "because"}

    def decide(door: Door, button: str) -> Any:
        return at.press(door, DECIDED, clicks(button), given)

    anna = at.person("anna", Grant(Role.APPROVER))
    before = state_of(at)
    answer = decide(both, "approve")
    assert "who asked for it does not approve it" in answer.text
    for who, (door, status) in outsiders(at, anna, Role.APPROVER).items():
        for button in ("approve", "reject"):
            answer = decide(door, button)
            assert answer.status_code == status, (who, button, answer.text)
            assert not {"Approved", "Rejected"} & set(re.findall(r"\w+", answer.text)), (who, button)
    program = key(at.people, Role.APPROVER, Role.OPERATOR)
    assert "people decide, not programs" in decide(Door(key=program), "approve").text
    given["decision-asked.data"] = asked | {"version": waiting.version - 1}
    assert "wrong" in decide(anna, "approve").text  # what she saw is not what is asked
    assert state_of(at) == before
    assert at.taken() == 0


def _who_may_act_mutes_sends_again_and_has_a_held_run_look(at: Trouble) -> None:
    """While the decision waits, the run is made to hold; at the end everything is as before."""
    [waiting] = at.known.desk.inbox()
    run, state, tenant = waiting.run.run_id, at.people.state, at.people.tenant
    give_up(state, tenant, "m", at.clock.now(), incident=at.incident())
    mute = at.known.desk.mute(HERE, until=timedelta(hours=1), reason="so far")
    mine = (RUNS.c.tenant == tenant, RUNS.c.run_id == run)
    held = {"status": "holding", "wake_at": at.clock.now() + timedelta(days=9)}
    with state.writing() as connection:
        before = dict(connection.execute(select(RUNS.c.status, RUNS.c.wake_at).where(*mine)).mappings().one())
        connection.execute(update(RUNS).where(*mine).values(**held))
    assert "Look again now" in text(remediation.remediation_of(at.known.desk, f"?run={run}")[0])
    given = {"url.search": f"?run={run}", "mute-what.value": f"{HERE}/refund_stuck", "mute-lasts.value": "1w"}
    given["mute-reason.value"] = "the bank is closed"
    buttons = {
        "It is not muted any more.": clicks({"mute": mute.mute_id, "type": "mute-end"}),
        "It is sent again.": clicks({"message": "m", "type": "message-requeue"}),
        "Muted, with your reason.": clicks("mute-add"),
        "It looks again now.": clicks("run-resume"),
    }
    olaf = at.person("olaf", Grant(Role.OPERATOR))
    unchanged = quiet(at)
    for who, (door, status) in outsiders(at, olaf, Role.OPERATOR, "quiet-").items():
        for said, pressed in buttons.items():
            answer = at.press(door, DECIDED, pressed, given)
            assert answer.status_code == status, (who, said, answer.text)
            assert said not in answer.text, (who, said)
    assert quiet(at) == unchanged
    for said, pressed in buttons.items():
        assert said in at.press(olaf, DECIDED, pressed, given).text
    assert "choose what" in at.press(olaf, DECIDED, clicks("mute-add"), {"mute-reason.value": "r"}).text
    mutes, messages, runs = quiet(at)
    assert [(one.playbook, one.until - one.muted_at) for one in mutes] == [("refund_stuck", timedelta(weeks=1))]
    assert (messages.dead_count, messages.waiting, runs) == (0, unchanged[1].waiting + 1, unchanged[2])
    with state.writing() as connection:
        assert connection.execute(select(RUNS.c.wake_at).where(*mine)).scalar_one() == at.clock.now()
        connection.execute(update(RUNS).where(*mine).values(**before))
    at.known.desk.end_mute(mutes[0].mute_id)


def _a_clerk_who_pays_by_hand_meanwhile_ends_it_before_anything_is_sent(at: Trouble) -> None:
    """They paid while the decision waited: what is approved is looked at anew, and the engine is told nothing."""
    [waiting] = at.known.desk.inbox()
    incident = at.incident()
    for entry in at.made.truth["stuck"]:
        at.world.shop.pay_by_hand(entry["case_id"], at.clock.now())
    events = at.world.shop.step(at.clock.now())
    assert {event["actor"] for event in events if event["activity"] == "Payment confirmed"} >= {"clerk-02"}

    at.live.accept(msgspec.json.encode(events))
    at.live.drain()

    vera = at.person("vera", Grant(Role.APPROVER))
    asked = {"run": waiting.run.run_id, "step": waiting.step, "version": waiting.version}
    answer = at.press(vera, DECIDED, clicks("approve"), {"decision-asked.data": asked})
    assert answer.status_code == 200
    at.goes_on()
    run = at.known.desk.run(waiting.run.run_id).run
    assert (Status(run.status), run.reason) == (Status.DONE, "no_longer_needed")
    assert at.taken() == 0
    assert at.known.desk.incidents.line(incident).incident.state == "resolved"


def test_from_the_page_of_an_incident_to_the_end_of_its_remedy(at: Trouble) -> None:
    """One story, each part begins where the one before it ended."""
    _who_may_not_act_changes_nothing_from_the_page_of_an_incident(at)
    _who_may_act_does_and_who_asked_does_not_agree(at)
    _who_may_act_mutes_sends_again_and_has_a_held_run_look(at)
    _a_clerk_who_pays_by_hand_meanwhile_ends_it_before_anything_is_sent(at)
