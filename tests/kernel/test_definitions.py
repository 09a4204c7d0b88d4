"""Definition files: every mistake is told with its file and line, all of them at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, model_validator

from kernel import process
from kernel.calendar_definition import CalendarDefinition
from kernel.case_value import CaseValue, LateCost
from kernel.definitions import read_definition, read_folder
from kernel.errors import DefinitionError, NotFound
from kernel.process import ProcessDefinition, Processes, read_process, write_process
from kernel.promise import Pause, Promise
from kernel.target import Target

BAD = Path(__file__).resolve().parent.parent / "bad_definitions"

MESSAGES = {
    "a_list_at_the_top.yaml": ["a_list_at_the_top.yaml:1: expected a mapping of fields at the top"],
    "aliases_that_multiply.yaml": ["aliases_that_multiply.yaml:3: more than 20000 values: aliases that multiply?"],
    "end_is_no_activity.yaml": [
        "end_is_no_activity.yaml:1: 'Payd' is not among the process's activities (did you mean Paid?)"
    ],
    "id_is_not_the_file_name.yaml": [
        "id_is_not_the_file_name.yaml:2: id: 'another' is not the file's name; call the file another.yaml"
    ],
    "key_given_twice.yaml": ["key_given_twice.yaml:3: object_type: given twice"],
    "late_cost_in_another_currency.yaml": [
        "late_cost_in_another_currency.yaml:5: promises.0: late_cost is in USD, and the value of a case in EUR"
    ],
    "late_cost_without_value.yaml": [
        "late_cost_without_value.yaml:4: promises.0: late_cost is a share of the value of a case, and the process "
        "names no value"
    ],
    "link_paths.yaml": [
        "link_paths.yaml:5: links.1: 'delivery → parcel' begins with 'delivery', not with the case notion 'order'",
        "link_paths.yaml:6: links.2: expected a path of two object types or more, such as order -> delivery -> parcel",
        "link_paths.yaml:7: links.3: 'order → delivery → order' names 'order' twice",
        "link_paths.yaml:8: links.4: 'order → ' has an arrow without an object type on both sides",
        "link_paths.yaml:9: links.5: 'order → delivery → parcel' is given twice",
        "link_paths.yaml:10: links.6: expected a path of two object types or more, such as order -> delivery -> parcel",
    ],
    "links_are_no_list.yaml": [
        "links_are_no_list.yaml:3: links: expected a list of paths, such as - order -> delivery -> parcel"
    ],
    "missing_object_type.yaml": ["missing_object_type.yaml:1: object_type: is needed"],
    "no_yaml.yaml": ["no_yaml.yaml:3: not valid YAML: did not find expected ',' or ']'"],
    "order_names_one_twice.yaml": ["order_names_one_twice.yaml:1: order names 'A' twice"],
    "promise_from_the_end.yaml": [
        "promise_from_the_end.yaml:5: promises.0: starts with 'Paid', which is also an end activity, and names none "
        "in to"
    ],
    "promise_terms.yaml": [
        "promise_terms.yaml:5: value.currency: 'euro' is no currency: write its code of three capital letters, such as "
        "EUR",
        "promise_terms.yaml:13: promises.0.pauses.1: from and to are both 'Asked': the same event would begin and end "
        "the pause",
        "promise_terms.yaml:14: promises.1: pauses.0.from: 'Askd' is not among the process's activities (did you mean "
        "Asked?)",
        "promise_terms.yaml:20: promises.2: pauses begin with 'Paid', which keeps the promise",
        "promise_terms.yaml:25: promises.3: pauses.0.from: 'Rejected' is an end activity, which keeps the promise",
        "promise_terms.yaml:29: promises.4: pauses need within: a due instant that an attribute holds is not postponed "
        "by a pause",
        "promise_terms.yaml:33: promises.5: at_risk 2 working days is not shorter than within 2 working days: every "
        "case would be at risk from its start",
        "promise_terms.yaml:41: promises.6.calendar: no calendar 'always' in the folder calendars; there are: none",
        "promise_terms.yaml:45: promises.7.at_risk: 'soon' is not a duration: expected whole numbers with the units w, "
        "d, h, m, s or ms, such as 4h or 1h30m; of a calendar write 5 working days or 30 working hours",
        "promise_terms.yaml:49: promises.8.late_cost: give either per_hour or per_day, and not both",
        "promise_terms.yaml:53: promises.9.late_cost.per_day: '0%' is no cost: write 2.50 EUR, or 0.5% of the value of "
        "the case",
    ],
    "promises.yaml": [
        "promises.yaml:4: calendar: no calendar 'dc_leipzig' in the folder calendars; there are: none",
        "promises.yaml:6: promises.0: from: 'Placd' is not among the process's activities (did you mean Placed?); "
        "to: 'Shiped' is not among the process's activities (did you mean Shipped?)",
        "promises.yaml:12: promises.1.within: '0h' is not more than nothing and at most ten years",
        "promises.yaml:14: promises.2.frm: not a known field (did you mean from?)",
        "promises.yaml:16: promises.2.within: '5 workdays' is not a duration: expected whole numbers with the units w, "
        "d, h, m, s or ms, such as 4h or 1h30m; of a calendar write 5 working days or 30 working hours",
        "promises.yaml:17: promises.3: give either within or by_attribute, and not both",
        "promises.yaml:21: promises.4: give either within or by_attribute, and not both",
        "promises.yaml:23: promises.5: names no activity in to, and the process has no end activity either",
        "promises.yaml:28: promises.6.calendar: no calendar 'elsewhere' in the folder calendars; there are: none",
        "promises.yaml:29: promises.7: from and to are both 'Paid': the same event would start the clock and stop it",
        "promises.yaml:36: promises.8.within: '3654 working days' is not more than nothing and at most ten years",
    ],
    "promises_of_one_name.yaml": ["promises_of_one_name.yaml:4: promises: two promises are called 'paid'"],
    "python_tag.yaml": [
        "python_tag.yaml:2: not valid YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'"
    ],
    "several_mistakes.yaml": [
        "several_mistakes.yaml:2: object_type: String should have at least 1 character",
        "several_mistakes.yaml:4: targets.0.target: is needed",
        "several_mistakes.yaml:5: targets.0.targt: not a known field (did you mean target?)",
    ],
    "store_is_empty.yaml": ["store_is_empty.yaml:3: store: String should have at least 1 character"],
    "value_of_two_currencies.yaml": [
        "value_of_two_currencies.yaml:3: value: give either currency or currency_attribute, and not both"
    ],
    "unknown_field.yaml": ["unknown_field.yaml:3: targts: not a known field (did you mean targets?)"],
    "wrong_duration.yaml": [
        "wrong_duration.yaml:6: targets.0.within: 'soon' is not a duration: expected whole numbers with the units "
        "w, d, h, m, s or ms, such as 4h or 1h30m"
    ],
}


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_wrong_file_gives_its_exact_messages(path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_process(path)
    found = [str(problem).removeprefix(f"{BAD}/") for problem in caught.value.problems]
    assert found == MESSAGES[path.name]


def test_the_problems_of_all_files_are_listed_together() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_folder(BAD, ProcessDefinition)
    assert {Path(problem.path).name for problem in caught.value.problems} == set(MESSAGES)


def test_a_definition_survives_writing_and_reading(tmp_path: Path) -> None:
    definition = ProcessDefinition(
        id="order-to-cash",
        title="Näme: with 'quotes'",
        object_type="case:order-to-cash",
        order=("A", "B"),
        end=("B",),
        targets=(Target(source="A", target="B", within=timedelta(hours=4, minutes=30)),),
        links=(("case:order-to-cash", "delivery", "parcel"),),
        store="store",
    )
    path = write_process(tmp_path, definition)
    assert read_process(path) == definition
    assert read_process(path).hash == definition.hash


def test_a_file_is_as_it_was_written_however_often_it_is_read(tmp_path: Path) -> None:
    class Greedy(BaseModel):
        words: list[str]

        @model_validator(mode="before")
        @classmethod
        def _take(cls, value: dict[str, Any]) -> dict[str, Any]:
            return {"words": [value["words"].pop()]}

    path = tmp_path / "greedy.yaml"
    path.write_text("words: [one, two]\n")
    assert [read_definition(path, Greedy).words for _ in range(2)] == [["two"], ["two"]]
    path.write_text("words: [one, six]\n")
    assert read_definition(path, Greedy).words == ["six"]
    path.write_text("words: [one, one")
    with pytest.raises(DefinitionError):
        read_definition(path, Greedy)


def test_a_file_of_the_owner_is_never_overwritten(tmp_path: Path) -> None:
    write_process(tmp_path, ProcessDefinition(id="p", object_type="mine"))
    path = write_process(tmp_path, ProcessDefinition(id="p", object_type="other"))
    assert read_process(path).object_type == "mine"


def test_words_that_yaml_would_turn_into_something_else_stay_words(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("id: p\nobject_type: NO\norder: [on, yes, 2026-01-01]\nend: [on]\n")
    definition = read_process(tmp_path / "p.yaml")
    assert (definition.object_type, definition.order) == ("NO", ("on", "yes", "2026-01-01"))


@pytest.mark.parametrize("text", ["[" * 500_000, "- " * 300_000, "a: " + "{b: " * 100_000, "? " * 300_000])
def test_a_file_of_many_levels_is_refused_and_ends_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(DefinitionError, match=r"p\.yaml:1: not valid YAML: RecursionError"):
        read_process(tmp_path / "p.yaml")


def test_link_paths_are_written_with_either_arrow(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "id: p\nobject_type: order\nlinks: [order -> delivery->parcel, order → sales invoice]\n", encoding="utf-8"
    )
    assert read_process(tmp_path / "p.yaml").links == (("order", "delivery", "parcel"), ("order", "sales invoice"))


def test_a_changed_definition_has_another_hash() -> None:
    one = ProcessDefinition(id="p", object_type="order")
    assert one.hash == ProcessDefinition(id="p", object_type="order").hash
    assert one.hash != ProcessDefinition(id="p", object_type="order", end=("B",)).hash
    assert one.hash != ProcessDefinition(id="p", object_type="order", links=(("order", "parcel"),)).hash


CALENDAR = {"id": "dc", "timezone": "Europe/Berlin", "hours": {"mon": ["08:00-17:00"]}}
PROMISING = """id: p
object_type: order
calendar: dc
promises:
  - name: shipped in two working days
    from: Placed
    to: Shipped
    within: 2 working days
"""


def promising(**changes: object) -> ProcessDefinition:
    promise = Promise.model_validate(
        {"name": "soon", "from": "Placed", "to": "Shipped", "within": "2 working days", "at_risk": "4h"}
        | {"pauses": [{"from": "Asked", "to": "Answered"}], "late_cost": {"per_day": "0.5%"}}
    )
    value = CaseValue(attribute="amount", currency="EUR")
    definition = ProcessDefinition(id="p", object_type="order", calendar="dc", value=value, promises=(promise,))
    return definition.with_calendars({"dc": CalendarDefinition.model_validate(CALENDAR | changes)})


def test_a_changed_calendar_gives_the_definition_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    assert promising().hash == promising().hash
    assert promising().hash != promising(hours={"mon": ["08:00-16:00"]}).hash
    public, plain = promising(public_holidays={"country": "DE"}).hash, promising().hash
    assert public != plain
    monkeypatch.setattr(process, "_holidays_version", lambda: "another")
    assert public != promising(public_holidays={"country": "DE"}).hash
    assert plain == promising().hash


def test_promises_survive_writing_and_reading_with_their_calendar(tmp_path: Path) -> None:
    processes = Processes(tmp_path, "local")
    path = write_process(processes.folder, promising())
    processes.calendar_folder.mkdir()
    (processes.calendar_folder / "dc.yaml").write_text(yaml.safe_dump(CALENDAR))
    assert read_process(path) == processes.get("p") == processes.all()["p"] == promising()
    with pytest.raises(ValueError, match="was made without its calendar 'dc'"):
        _ = ProcessDefinition.model_validate(promising().model_dump(by_alias=True)).hash


def test_the_problems_of_calendars_and_of_those_who_name_them_are_listed_together(tmp_path: Path) -> None:
    processes = Processes(tmp_path, "local")
    processes.folder.mkdir(parents=True)
    processes.calendar_folder.mkdir()
    (processes.folder / "p.yaml").write_text(PROMISING.replace("calendar: dc", "calendar: dcc"))
    (processes.folder / "q.yaml").write_text(PROMISING.replace("id: p", "id: q").replace("    to: Shipped\n", ""))
    (processes.calendar_folder / "dc.yaml").write_text("id: dc\ntimezone: Europe/Berln\nhours: {mon: [8-17]}\n")
    with pytest.raises(DefinitionError) as caught:
        processes.all()
    found = [str(problem).removeprefix(f"{tmp_path}/tenants/local/") for problem in caught.value.problems]
    assert found == [
        "calendars/dc.yaml:2: timezone: 'Europe/Berln' is not a time zone of the IANA database, such as Europe/Berlin "
        "(did you mean Europe/Berlin?)",
        "calendars/dc.yaml:3: hours.mon: '8-17' is not a span of a day: expected HH:MM-HH:MM such as 08:00-12:30",
        "processes/p.yaml:3: calendar: no calendar 'dcc' in the folder calendars (did you mean dc?); there are: dc",
        "processes/q.yaml:5: promises.0: names no activity in to, and the process has no end activity either",
    ]
    (processes.folder / "q.yaml").write_text(PROMISING.replace("id: p", "id: q"))
    with pytest.raises(DefinitionError, match="Europe/Berln"):
        processes.get("q")


@pytest.mark.parametrize("model", [ProcessDefinition, Promise, Pause, LateCost, CaseValue, Target])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"


def test_an_unknown_process_is_answered_with_those_there_are(tmp_path: Path) -> None:
    processes = Processes(tmp_path, "local")
    with pytest.raises(NotFound, match="no process 'orders'; none is loaded yet"):
        processes.get("orders")
    write_process(processes.folder, ProcessDefinition(id="orders", object_type="order"))
    with pytest.raises(NotFound, match=r"no process 'order' \(did you mean orders\?\); there are: orders"):
        processes.get("order")
    for hostile in ("../orders", "a/b", "", "a\0b"):
        with pytest.raises(NotFound):
            processes.get(hostile)
