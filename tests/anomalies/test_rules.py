"""Rule files: every mistake is told with its file and line, all of them at once."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from returns import returns

from anomalies.rule_models import KINDS, MissingEventRule, SlaRule, UnusualCaseRule
from anomalies.rules import EXAMPLES, Rules, read_rule
from kernel.errors import DefinitionError, NotFound
from kernel.findings import Severity

BAD = Path(__file__).resolve().parent.parent / "bad_rules"
KNOWN = {"return-to-refund": returns()}

MESSAGES = {
    "finds_nothing.yaml": [
        "finds_nothing.yaml:6: at_risk: breached and at_risk are both null: the rule would find nothing"
    ],
    "no_kind.yaml": ["no_kind.yaml:1: kind: is needed"],
    "not_the_file_name.yaml": [
        "not_the_file_name.yaml:2: id: 'another' is not the file's name; call the file another.yaml"
    ],
    "nothing_settles.yaml": [
        "nothing_settles.yaml:1: settle must be less than half of learn_from, or no wait is watched long enough"
    ],
    "unknown_activities.yaml": [
        "unknown_activities.yaml:4: after: 'Refund authorized' is not among the activities of return-to-refund "
        "(did you mean Refund authorised?)",
        "unknown_activities.yaml:5: expect: 'Payment confirmd' is not among the activities of return-to-refund "
        "(did you mean Payment confirmed?)",
        "unknown_activities.yaml:7: unless.1: 'Retrun rejected' is not among the activities of return-to-refund "
        "(did you mean Return rejected?)",
    ],
    "unknown_field.yaml": ["unknown_field.yaml:4: segmnt: not a known field (did you mean segment?)"],
    "unknown_kind.yaml": [
        "unknown_kind.yaml:2: kind: 'missing_evnt' is not a kind of rule (did you mean missing_event?): "
        "missing_event, unusual_case, sla"
    ],
    "unknown_process.yaml": [
        "unknown_process.yaml:3: process: no process 'return-to-refnd' (did you mean return-to-refund?); there are: "
        "return-to-refund"
    ],
    "unknown_promise.yaml": [
        "unknown_promise.yaml:4: promise: return-to-refund has no promise 'refund in five working days' (did you mean "
        "refund within five working days of receipt?); there are: 'refund within five working days of receipt'"
    ],
    "unless_it_comes.yaml": [
        "unless_it_comes.yaml:1: unless names 'Payment confirmed', which the rule itself waits after or for"
    ],
    "waits_for_itself.yaml": ["waits_for_itself.yaml:1: after and expect are both 'Payment confirmed'"],
    "wrong_values.yaml": [
        "wrong_values.yaml:6: source: String should have at least 1 character",
        "wrong_values.yaml:7: within: '5 workdays' is not a duration: expected whole numbers with the units w, d, h, "
        "m, s or ms, such as 4h or 1h30m; of a calendar write 5 working days or 30 working hours",
        "wrong_values.yaml:8: quantile: Input should be less than 1",
        "wrong_values.yaml:9: settle: expected more than nothing, such as 30d",
        "wrong_values.yaml:11: silence.margn: not a known field (did you mean margin?)",
        "wrong_values.yaml:12: silence.at_least: Input should be greater than or equal to 2",
        "wrong_values.yaml:13: severity: Input should be 'low', 'medium', 'high' or 'critical'",
    ],
}


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_file_gives_its_exact_messages(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_rule(path, KNOWN)
    assert [str(problem).removeprefix(f"{BAD}/") for problem in caught.value.problems] == MESSAGES[path.name]


def test_the_problems_of_all_files_are_listed_together(tmp_path: Path) -> None:
    rules = Rules(tmp_path, "t", lambda: KNOWN)
    shutil.copytree(BAD, rules.folder)
    with pytest.raises(DefinitionError) as caught:
        rules.all()
    assert {Path(problem.path).name for problem in caught.value.problems} == set(MESSAGES)


def test_the_shipped_rules_fit_the_process_of_the_demo(tmp_path: Path) -> None:
    rules = Rules(tmp_path, "t", lambda: KNOWN)
    assert rules.all() == {}
    shutil.copytree(EXAMPLES, rules.folder)
    found = rules.all()
    assert list(found) == ["refund_in_five_days", "refund_not_confirmed", "unusual_returns"]
    assert [type(rule) for rule in found.values()] == [SlaRule, MissingEventRule, UnusualCaseRule]
    missing = rules.get("refund_not_confirmed")
    assert missing == found["refund_not_confirmed"]
    assert isinstance(missing, MissingEventRule)
    assert (missing.quantile, missing.settle, missing.severity) == (0.99, timedelta(days=30), Severity.HIGH)


def test_a_process_without_a_list_of_activities_has_them_all(tmp_path: Path) -> None:
    path = tmp_path / "unknown_activities.yaml"
    shutil.copy(BAD / path.name, path)
    assert read_rule(path, {"return-to-refund": returns(activities=())}).process == "return-to-refund"


def test_a_rule_that_is_not_there(tmp_path: Path) -> None:
    rules = Rules(tmp_path, "t", lambda: KNOWN)
    with pytest.raises(NotFound, match=r"no rule 'refund'; there is none"):
        rules.get("refund")
    shutil.copytree(EXAMPLES, rules.folder)
    with pytest.raises(NotFound, match=r"no rule 'refund_in_five_dys' \(did you mean refund_in_five_days\?\)"):
        rules.get("refund_in_five_dys")
    with pytest.raises(NotFound, match=r"no rule '../rules/refund_in_five_days'"):
        rules.get("../rules/refund_in_five_days")


def test_the_version_follows_the_content() -> None:
    fields = {"id": "r", "kind": "unusual_case", "process": "p"}
    one = UnusualCaseRule.model_validate(fields)
    assert one.version == UnusualCaseRule.model_validate(fields | {"severity": "low"}).version
    assert one.version != UnusualCaseRule.model_validate(fields | {"severity": "high"}).version
    assert len(one.version) == 32


def test_every_field_is_described() -> None:
    for model in KINDS.values():
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
