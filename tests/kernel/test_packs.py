"""Packs change what a process says, for those they are for and as long as they are in force."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from kernel.clock import FixedClock
from kernel.condition import apart, holds
from kernel.errors import DefinitionError
from kernel.pack import Additions, Pack, Removals, Replacements
from kernel.process import ProcessDefinition, Processes, read_process

NOW = datetime(2026, 6, 1, 12, tzinfo=timezone.utc)
ORDERS = """id: orders
object_type: order
activities: [Placed, Paid, Shipped, Cancelled]
order: [Placed, Paid, Shipped, Cancelled]
start: [Placed]
end: [Shipped, Cancelled]
owner: sales
promises:
  - {name: shipped, from: Paid, to: Shipped, within: 48h}
  - {name: paid, to: Paid, within: 24h}
"""
VALUES = st.lists(st.sampled_from(("north", "east", "south")), min_size=1, max_size=2, unique=True)
CONDITIONS = st.dictionaries(st.sampled_from(("region", "brand")), VALUES, min_size=1)


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    found = Processes(tmp_path, "local", FixedClock(NOW))
    for folder in (found.folder, found.pack_folder, found.calendar_folder):
        folder.mkdir(parents=True)
    (found.folder / "orders.yaml").write_text(ORDERS)
    (found.calendar_folder / "peak.yaml").write_text("id: peak\ntimezone: UTC\nhours: {mon: [08:00-20:00]}\n")
    return found


def write(processes: Processes, name: str, **content: Any) -> Path:
    known = {"id": name, "process": "orders", "owner": "sales", "reason": "a peak", "from": "2026-05-01"}
    path = processes.pack_folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(known | {"until": "2026-07-01"} | content))
    return path


def promised(definition: ProcessDefinition, attributes: Mapping[str, str]) -> set[tuple[str, str | None]]:
    """What is promised to a case: the promises by the names that the process gives them, and their time."""
    return {
        (promise.name.partition(" (")[0], promise.within)
        for promise in definition.promises
        if holds(promise.where, attributes) and not any(holds(each, attributes) for each in promise.unless)
    }


def test_a_pack_for_the_whole_tenant(processes: Processes) -> None:
    write(
        processes,
        "peak",
        add={"activities": ["Parked"], "end": ["Parked"]},
        remove={"activities": ["Cancelled"], "end": ["Cancelled"], "promises": ["paid"]},
        set={
            "owner": "night shift",
            "calendar": "peak",
            "promises": [{"name": "shipped", "from": "Paid", "to": "Shipped", "within": "5 working days"}],
            "targets": [{"source": "Placed", "target": "Paid", "within": "1h"}],
        },
    )
    changed = processes.get("orders")
    assert changed == processes.all()["orders"]
    assert changed.hash == processes.all()["orders"].hash
    assert changed.activities == changed.order == ("Placed", "Paid", "Shipped", "Parked")
    assert (changed.start, changed.end, changed.owner) == (("Placed",), ("Shipped", "Parked"), "night shift")
    assert promised(changed, {}) == {("shipped", "5 working days")}
    assert changed.own_calendar.definition.id == "peak"
    assert [target.within for target in changed.targets] == [timedelta(hours=1)]


def test_a_pack_for_some_cases_changes_what_is_promised_to_them_alone(processes: Processes) -> None:
    plain = processes.get("orders")
    shipped = {"name": "shipped", "from": "Paid", "to": "Shipped", "within": "24h"}
    seen = {"name": "seen", "to": "Paid", "within": "1h", "where": {"channel": ["web"]}}
    scope = {"region": ["north"]}
    changes = {
        "set": {"promises": [shipped, seen]},
        "remove": {"promises": ["paid"]},
        "add": {"activities": ["Parked"]},
    }
    write(processes, "north", **{"for": scope}, **changes)
    changed = processes.get("orders")
    assert changed.activities == (*plain.activities, "Parked")
    assert promised(changed, {"region": "east"}) == promised(changed, {}) == promised(plain, {})
    assert promised(changed, {"region": "north"}) == {("shipped", "24h")}
    assert promised(changed, {"region": "north", "channel": "web"}) == {("shipped", "24h"), ("seen", "1h")}
    assert [promise.name for promise in changed.promises][-2:] == ["shipped (region north)", "seen (region north)"]
    assert [one.name for one in changed.promises if one.answers_to("shipped")] == ["shipped", "shipped (region north)"]
    assert [one.name for one in changed.promises if one.answers_to("paid")] == ["paid"]
    assert (changed.end, changed.owner) == (plain.end, plain.owner)


def test_a_pack_for_some_cases_wins_over_one_for_all(processes: Processes) -> None:
    write(processes, "all", set={"promises": [{"name": "shipped", "to": "Shipped", "within": "96h"}]})
    one = {"promises": [{"name": "shipped", "to": "Shipped", "within": "1h"}]}
    write(processes, "a", **{"for": {"store": ["K-1"]}}, set=one)
    changed = processes.get("orders")
    assert promised(changed, {"store": "K-1"}) == {("shipped", "1h"), ("paid", "24h")}
    assert promised(changed, {"store": "K-2"}) == {("shipped", "96h"), ("paid", "24h")}


@pytest.mark.parametrize(
    ("at", "zone", "in_force"),
    [
        ("2026-04-30T23:59:59Z", "UTC", False),
        ("2026-05-01T00:00:00Z", "UTC", True),
        ("2026-06-30T23:59:59Z", "UTC", True),
        ("2026-07-01T00:00:00Z", "UTC", False),
        ("2026-04-30T22:00:00Z", "Europe/Berlin", True),
        ("2026-06-30T21:59:59Z", "Europe/Berlin", True),
        ("2026-06-30T22:00:00Z", "Europe/Berlin", False),
        ("2026-07-01T00:00:00Z", "America/New_York", True),
    ],
)
def test_a_pack_begins_and_ends_by_itself(processes: Processes, at: str, zone: str, in_force: bool) -> None:
    plain = processes.get("orders")
    write(processes, "peak", set={"owner": "night shift"}, timezone=zone)
    processes.clock = FixedClock(datetime.fromisoformat(at))
    for found in (processes.get("orders"), processes.all()["orders"]):
        assert (found.owner == "night shift") == (found.hash != plain.hash) == in_force
    assert read_process(processes.folder / "orders.yaml") == plain
    [(pack, _)] = processes.packs().values()
    assert pack.over(processes.clock.now()) == (not in_force and at > "2026-06")


def test_a_wrong_pack_is_told_whatever_is_asked(processes: Processes) -> None:
    path = write(processes, "peak", set={"ownr": "night shift"})
    for ask in (processes.all, lambda: processes.get("orders")):
        with pytest.raises(DefinitionError) as caught:
            ask()
        assert [str(problem) for problem in caught.value.problems] == [
            f"{path}:7: set.ownr: not a known field (did you mean owner?)"
        ]


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ({"set": {"owner": "a"}}, {"set": {"owner": "b"}}, "the owner"),
        ({"set": {"owner": "a"}}, {"set": {"calendar": "peak"}}, None),
        ({"set": {"owner": "a"}, "until": "2026-06-01"}, {"set": {"owner": "b"}, "from": "2026-06-01"}, None),
        ({"remove": {"promises": ["paid"]}}, {"remove": {"promises": ["paid"]}}, None),
        (
            {"remove": {"promises": ["paid"]}},
            {"set": {"promises": [{"name": "paid", "to": "Paid", "within": "1h"}]}},
            "the promise 'paid'",
        ),
        (
            {"for": {"region": ["north", "east"]}, "remove": {"promises": ["paid"]}},
            {"for": {"region": ["east"]}, "set": {"promises": [{"name": "paid", "to": "Paid", "within": "1h"}]}},
            "the promise 'paid'",
        ),
        (
            {"for": {"region": ["north"]}, "remove": {"promises": ["paid"]}},
            {"for": {"region": ["east"]}, "set": {"promises": [{"name": "paid", "to": "Paid", "within": "1h"}]}},
            None,
        ),
    ],
)
def test_packs_that_contradict(
    processes: Processes, one: dict[str, Any], other: dict[str, Any], contradict: str | None
) -> None:
    write(processes, "one", **one)
    path = write(processes, "other", **other)
    if contradict is None:
        processes.all()
        return
    with pytest.raises(DefinitionError) as caught:
        processes.all()
    assert [str(problem).partition(": ")[2] for problem in caught.value.problems] == [
        f"contradicts the pack one, which also changes {contradict}; give them other days or other cases"
    ]
    assert caught.value.problems[0].path == str(path)


@given(
    CONDITIONS, CONDITIONS, st.dictionaries(st.sampled_from(("region", "brand")), st.sampled_from(("north", "east")))
)
def test_of_conditions_that_are_apart_never_two_hold(
    one: dict[str, list[str]], other: dict[str, list[str]], attributes: dict[str, str]
) -> None:
    def read(condition: dict[str, list[str]]) -> Any:
        return (
            Replacements.model_validate({"promises": [{"name": "p", "to": "Paid", "within": "1h", "where": condition}]})
            .promises[0]
            .where
        )

    first, second = read(one), read(other)
    assert holds(first, attributes) == all(attributes.get(name) in values for name, values in one.items())
    assert apart(first, second) == apart(second, first)
    assert not (apart(first, second) and holds(first, attributes) and holds(second, attributes))


def test_conditions_are_the_same_however_they_are_written() -> None:
    def definition(where: Any) -> ProcessDefinition:
        promise = {"name": "p", "to": "Paid", "within": "1h", "where": where}
        return ProcessDefinition.model_validate({"id": "p", "object_type": "order", "promises": [promise]})

    one = definition({"region": ["north", "east"], "brand": ["Aster"]})
    assert one.hash == definition({"brand": ["Aster"], "region": ["east", "north", "north"]}).hash
    assert one.hash != definition({"brand": ["Aster"], "region": ["east"]}).hash
    assert ProcessDefinition.model_validate(one.model_dump(mode="json", by_alias=True)) == one
    with pytest.raises(ValidationError, match="attributes are compared as texts; write it in quotes"):
        definition({"region": [7]})


@pytest.mark.parametrize("model", [Pack, Additions, Removals, Replacements])
def test_every_field_is_described(model: type[BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
    assert model.model_config["frozen"]
    assert model.model_config["extra"] == "forbid"
