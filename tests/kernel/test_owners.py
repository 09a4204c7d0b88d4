"""Owners: the most specific scope wins, and what cannot be decided is told before anybody asks."""

from __future__ import annotations

from datetime import datetime, timezone
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DefinitionError
from kernel.owners import Owner, OwnerBook, Owners, Scope, ambiguities
from kernel.process import ProcessDefinition, write_process

VALUES = {"process": ("returns", "orders"), "store": ("Köln", "Bonn"), "carrier": ("ridge", "swift")}

SCOPES = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()}).filter(
    bool
)
TEAMS = st.lists(
    st.builds(
        lambda owns, depends: {"owns": owns, "depends": depends},
        st.lists(SCOPES, max_size=3),
        st.lists(SCOPES, max_size=2),
    ),
    max_size=4,
)


def teams(*given: dict[str, object]) -> list[Owner]:
    return [Owner.model_validate({"id": f"team-{number}", **fields}) for number, fields in enumerate(given)]


@given(TEAMS)
def test_one_owner_has_the_most_specific_scope_unless_an_ambiguity_is_told(found: list[dict[str, object]]) -> None:
    owners = teams(*found)
    book = OwnerBook({owner.id: owner for owner in owners})
    told = {(one.side) for one, _ in ambiguities(owners)}
    for values in product(*(("", *values) for values in VALUES.values())):
        subject = dict(zip(VALUES, values, strict=True))
        for side, got in zip(("owns", "depends"), book(subject), strict=True):
            fitting = {
                (owner.id, frozenset(scope.named.items()))
                for owner in owners
                for scope in getattr(owner, side)
                if scope.fits({name: value for name, value in subject.items() if value})
            }
            best = {owner for owner, scope in fitting if not any(other > scope for _, other in fitting)}
            if side in told:
                continue
            assert len(best) <= 1, "no ambiguity was told"
            assert got == next(iter(best), "")


@given(TEAMS)
def test_every_ambiguity_that_is_told_is_one(found: list[dict[str, object]]) -> None:
    for one, other in ambiguities(teams(*found)):
        both = one.scope.named | other.scope.named
        assert one.scope.fits(both)
        assert other.scope.fits(both)
        assert one.owner != other.owner
        assert not (one.scope.named.items() < other.scope.named.items())
        assert not (other.scope.named.items() < one.scope.named.items())


def test_a_process_names_an_owner_for_where_no_scope_fits() -> None:
    process = ProcessDefinition(id="returns", object_type="return", owner="returns-ops")
    stores = Owner(id="store-ops", owns=(Scope(process="returns", store="Köln"),))
    book = OwnerBook({"store-ops": stores}, {"returns": process})
    assert book({"process": "returns", "store": "Bonn"}) == ("returns-ops", "")
    assert book({"process": "returns", "store": "Köln"}) == ("store-ops", "")
    assert book({"process": "orders"}) == ("", "")


def test_who_is_on_duty_changes_at_midnight_of_the_zone() -> None:
    owner = Owner.model_validate(
        {
            "id": "ops",
            "members": ["ana", "ben"],
            "timezone": "Europe/Berlin",
            "rota": [{"from": "2026-03-02", "until": "2026-03-09", "person": "ben"}],
        }
    )
    assert owner.on_duty(datetime(2026, 3, 1, 22, 59, tzinfo=timezone.utc)) == "ana"
    assert owner.on_duty(datetime(2026, 3, 1, 23, 0, tzinfo=timezone.utc)) == "ben"
    assert owner.on_duty(datetime(2026, 3, 8, 23, 0, tzinfo=timezone.utc)) == "ana"
    assert Owner(id="nobody").on_duty(datetime(2026, 3, 1, tzinfo=timezone.utc)) == ""


GOOD = """id: returns-ops
owns:
  - {process: returns}
depends:
  - {process: returns, step: Refund sent}
  - interface: erp
members: [ana]
deputy: ben
"""

BAD = {
    "an_unknown_step": (
        GOOD.replace("Refund sent", "Refund sennt"),
        "5: depends.0.step: 'Refund sennt' is not among the activities of returns (did you mean Refund sent?)",
    ),
    "an_unknown_process": (
        GOOD.replace("{process: returns}", "{process: retruns}"),
        "3: owns.0.process: no process 'retruns' (did you mean returns?)",
    ),
    "a_scope_of_nothing": (
        GOOD.replace("interface: erp", "interface: ''"),
        "6: depends.1: names nothing: give at least one of process, step, interface, store, region, carrier",
    ),
    "a_step_of_no_process": (
        GOOD.replace("interface: erp", "step: Refund sent"),
        "6: depends.1: names a step without its process",
    ),
    "a_deputy_who_is_a_member": (
        GOOD.replace("deputy: ben", "deputy: ana"),
        "1: deputy: 'ana' is a member, and stands in for nobody then",
    ),
    "an_escalation_to_nobody": (
        GOOD + "escalation:\n  - {after: 4h, to: retuns-ops}\n",
        "10: escalation.0.to: no owner 'retuns-ops' (did you mean returns-ops?)",
    ),
    "a_duty_of_a_stranger": (
        GOOD + "rota:\n  - {from: 2026-03-02, until: 2026-03-09, person: anna}\n",
        "1: rota: 'anna' is not among the members (did you mean ana?)",
    ),
    "a_duty_that_ends_before_it_begins": (
        GOOD + "rota:\n  - {from: 2026-03-02, until: 2026-03-02, person: ana}\n",
        "10: rota.0: until must be after from: the duty ends when that day begins",
    ),
    "no_zone": (
        GOOD + "timezone: Europe/Berln\n",
        "9: timezone: 'Europe/Berln' is not a time zone of the IANA database, such as Europe/Berlin (did you mean "
        "Europe/Berlin?)",
    ),
    "no_calendar": (
        GOOD + "calendar: returns_centre\n",
        "9: calendar: no calendar 'returns_centre' in the folder calendars; there are: none",
    ),
    "no_duration": (
        GOOD + "escalation:\n  - {after: soon, to: returns-ops}\n",
        "10: escalation.0.after: 'soon' is not a duration: expected whole numbers with the units w, d, h, m, s or ms, "
        "such as 4h or 1h30m; of a calendar write 5 working days or 30 working hours",
    ),
}


def home_with(home: Path, files: dict[str, str]) -> Owners:
    owners = Owners(home, "local")
    owners.folder.mkdir(parents=True)
    process = ProcessDefinition(id="returns", object_type="return", order=("Return received", "Refund sent"))
    write_process(owners.folder.parent / "processes", process)
    for name, text in files.items():
        (owners.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return owners


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    owners = home_with(tmp_path, {"returns-ops": text})
    with pytest.raises(DefinitionError) as refused:
        owners.book()
    assert [str(problem) for problem in refused.value.problems] == [f"{owners.folder / 'returns-ops.yaml'}:{message}"]


def test_two_owners_of_one_thing_are_told_until_a_scope_settles_it(tmp_path: Path) -> None:
    store = "id: store-ops\nowns:\n  - {store: Köln}\n"
    owners = home_with(tmp_path, {"returns-ops": GOOD, "store-ops": store})
    with pytest.raises(DefinitionError) as refused:
        owners.book()
    assert [str(problem) for problem in refused.value.problems] == [
        f"{owners.folder / 'store-ops.yaml'}:3: owns.0: store Köln and process returns of returns-ops can both fit, "
        "and neither is the more specific; add a scope that names what both name, or take one away"
    ]
    settled = store + "  - {process: returns, store: Köln}\n"
    (owners.folder / "store-ops.yaml").write_text(settled, encoding="utf-8")
    book = owners.book()
    assert book({"process": "returns", "store": "Köln", "step": "Refund sent"}) == ("store-ops", "returns-ops")
    assert book({"process": "returns", "store": "Bonn", "interface": "erp"}) == ("returns-ops", "returns-ops")


def test_a_process_of_an_owner_that_is_in_no_file(tmp_path: Path) -> None:
    owners = home_with(tmp_path, {"returns-ops": GOOD})
    definition = owners.folder.parent / "processes" / "returns.yaml"
    definition.write_text("id: returns\nobject_type: return\nowner: returns_ops\n", encoding="utf-8")
    (owners.folder / "returns-ops.yaml").write_text("id: returns-ops\n", encoding="utf-8")
    with pytest.raises(DefinitionError) as refused:
        owners.book()
    assert [str(problem) for problem in refused.value.problems] == [
        f"{definition}:3: owner: no owner 'returns_ops' (did you mean returns-ops?)"
    ]
