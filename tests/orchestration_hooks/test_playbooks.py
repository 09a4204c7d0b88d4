"""Playbook files: every mistake is told with its line, all of a file at once; a good one stays what it is when kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playbook_world import ASK, CALL, END, SHIPPED, playbook

from kernel.definitions import read_definition
from kernel.errors import DefinitionError
from orchestration_hooks.library import read_playbooks
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.templates import FIELDS, Unfit, fill, path, problem

BAD = Path(__file__).resolve().parent.parent / "bad_playbooks"

MESSAGES: dict[str, list[str]] = {
    "approvers.yaml": [
        "7: limits.approvals.0: give either a role or a person, and not both",
        "8: limits.approvals.1.max_cases: Input should be greater than or equal to 1",
        "8: limits.approvals.1.max_money.Euro.[key]: String should match pattern '^[A-Z]{3}$'",
        "12: steps.1.approval.role: nobody approves as operator; roles that do: approver",
    ],
    "branch_without_a_way_left.yaml": [
        "9: steps.1.call.body: '1 + 1' is not the name of a field: nothing is computed here",
        "9: steps.1.call.body: 'steps.gathr.x': there is no step 'gathr' (did you mean gather?)",
        "9: steps.1.call.path: 'subject.tite' is not a field of a run (did you mean subject.title?)",
        "11: steps.2.branch: the last way, and only that, has no conditions: one has to be left always",
        "12: steps.2.branch.0.when: 'totals.eur' is not a field of a run (did you mean totals?)",
    ],
    "fields.yaml": [
        "13: steps.2.branch.1.when.0: expected exactly one of is, is_not, above, at_least, below, at_most",
    ],
    "first_step_and_ids.yaml": [
        "6: steps.0: the first step has to gather: nothing is known before",
        "8: steps.1.id: 'ask' is the id of two steps",
        "9: steps.2.id: 'compensate' means something else and cannot be an id",
    ],
    "key.yaml": [
        "4: trigger.key: 'case.id' is not a field of a subject",
        "4: trigger.key: 'subject.key' is not a field of a subject (did you mean subject.rule?)",
    ],
    "no_end.yaml": [
        "7: steps.1: nothing comes after the last step: it has to record how the run ended",
    ],
    "no_kind_and_two_kinds.yaml": [
        "7: steps.1: expected exactly one of gather, call, notify, approval, trigger, wait_event, branch, record",
        "8: steps.2: expected exactly one of gather, call, notify, approval, trigger, wait_event, "
        "branch, record, got gather and record",
    ],
    "nothing_to_undo.yaml": [
        "6: steps.0.effect: a gather that changes nothing cannot be unsafe",
        "6: steps.0.on_reject: a gather rejects nothing",
        "6: steps.0.on_timeout: a gather that waits for nothing does not run out of time",
        "9: steps.1.compensate: a notify that changes nothing cannot be undone",
        "10: steps.2.next: a record has no next step",
    ],
    "outcome.yaml": [
        "7: steps.1.record.outcome: Input should be 'sent', 'resolved', 'handed_over', "
        "'no_longer_needed', 'rejected', 'expired' or 'failed_permanently'",
    ],
    "times.yaml": [
        "10: steps.2.wait_event.timeout: '2 days' is not a duration: expected whole numbers with the "
        "units w, d, h, m, s or ms, such as 4h or 1h30m; of a calendar write 5 working days or 30 "
        "working hours",
    ],
    "times_without_a_calendar.yaml": [
        "8: steps.1.approval.timeout: '2 working days' needs a calendar, and the playbook names none",
        "9: steps.2: on_timeout is needed: where to go when nothing comes",
    ],
    "unapproved.yaml": [
        "10: steps.2: a way leads to the call 'pay' on which nobody has agreed",
    ],
    "unknown_calendar.yaml": [
        "5: calendar: no calendar 'returns_centre' in the folder calendars (did you mean "
        "returns_center?); there are: returns_center",
    ],
    "unknown_field.yaml": [
        "9: steps.1.call.bdy: not a known field (did you mean body?)",
    ],
    "unknown_targets.yaml": [
        "10: steps.1.next: there is no step 'ende' (did you mean end?)",
        "11: steps.1.on_failed: there is no step 'compensat' (did you mean compensate?)",
    ],
    "unreachable.yaml": [
        "7: steps.1.id: no way leads to the step 'tell'",
    ],
}
"""Of each file its mistakes, as line: message."""


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_bad_playbook(name: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_definition(BAD / name, Playbook, shown_as=name, context=["returns_center"])
    assert [str(found).removeprefix(f"{name}:") for found in caught.value.problems] == MESSAGES[name]


def test_every_bad_playbook_is_in_the_table() -> None:
    assert {found.name for found in BAD.glob("*.yaml")} == set(MESSAGES)


def test_a_kept_playbook_is_the_same() -> None:
    shipped = read_playbooks(Path("nowhere"), ["returns_center"])
    assert set(shipped) == {found.stem for found in SHIPPED.glob("*.yaml")}
    for book in (*shipped.values(), playbook(ASK, CALL, END)):
        again = Playbook.model_validate(json.loads(book.body))
        assert (again, again.hash) == (book, book.hash)
    assert playbook(ASK, END).hash != playbook(ASK, END, name="Other").hash


def test_a_playbook_of_a_tenant_wins_and_one_without_its_calendar_is_left_out(tmp_path: Path) -> None:
    assert read_playbooks(tmp_path, []) == {}
    own = tmp_path / "refund_stuck.yaml"
    own.write_text(SHIPPED.joinpath("refund_stuck.yaml").read_text().replace("name: Send", "name: Really send"))
    assert read_playbooks(tmp_path, ["returns_center"])["refund_stuck"].name.startswith("Really send")
    with pytest.raises(DefinitionError, match="no calendar 'returns_center'"):
        read_playbooks(tmp_path, [])


def test_what_it_uses_outside() -> None:
    shipped = read_playbooks(Path("nowhere"), ["returns_center"])["refund_stuck"]
    assert set(shipped.outside()) == {("channel", "returns"), ("connection", "payments_engine")}


@pytest.mark.parametrize("name", ["__class__", "subject.__init__", "a b", "count()", "x[0]", "subject", "", "steps.a"])
def test_a_name_that_is_no_field(name: str) -> None:
    assert problem(name, frozenset({"a"}))


def test_fields_are_put_in_once_and_keep_their_type() -> None:
    context = {"count": 3, "money": "{{ count }}", "steps": {"a": {"list": [1, {"x": 2}]}}}
    assert all(not problem(name, frozenset()) for name in FIELDS)
    template = {"n": "{{ count }}", "t": "n={{count}}", "deep": ["{{ steps.a.list }}", 5], "m": "{{ money }}!"}
    assert fill(template, context) == {"n": 3, "t": "n=3", "deep": [[1, {"x": 2}], 5], "m": "{{ count }}!"}
    assert path("/a/{{ money }}", {"money": "ü/?#%2F"}) == "/a/%C3%BC%2F%3F%23%252F"
    for value in ("", ".", "..", None):
        with pytest.raises(Unfit):
            path("/a/{{ money }}/x", {"money": value})
