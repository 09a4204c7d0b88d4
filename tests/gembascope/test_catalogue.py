"""The catalogue is right and complete, wrong files of it are told exactly, and adopting it leaves nothing to mend."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from anomalies.exceptions import ExceptionClass
from gembascope.catalogue import Adopted, Shipped, adopt, owned_exceptions, read_shipped
from gembascope.catalogue_page import FIELDS, catalogue_page
from gembascope.commands.catalogue import app
from gembascope.commands.check import check_
from gembascope.definitions import check
from gembascope.service import Service
from ingest.catalogue import SHIPPED, read_catalogue
from ingest.object_types import ObjectType
from kernel.clock import DEMO_CLOCK_FILE
from kernel.errors import DefinitionError, NotFound, Problem
from kernel.findings import Kind
from kernel.owners import OwnerBook
from simulator.retailer import install

ROOT = Path(__file__).resolve().parent.parent.parent
BAD = ROOT / "tests" / "bad_catalogue"
KNOWN = ("order", "delivery", "parcel", "store", "sku_location", "customer")
NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)

MESSAGES = {
    "exceptions/kind_of_finding": [
        "8: shown_by.1: Input should be 'sla_breach', 'sla_at_risk', 'missing_event', 'source_silent', "
        "'unusual_case' or 'unowned'",
    ],
    "exceptions/no_process": [
        "6: processes: Tuple should have at least 1 item after validation, not 0",
    ],
    "exceptions/severity": [
        "4: severity: Input should be 'low', 'medium', 'high' or 'critical'",
    ],
    "exceptions/unknown_names": [
        "5: object_type: no object type 'oder' (did you mean order?)",
        "6: processes.1: no process 'order-2-cash' (did you mean order-to-cash?)",
    ],
    "exceptions/unknown_owners": [
        "7: outcome_owner: no owner 'order-managment' (did you mean order-management?)",
        "8: dependency_owner: no owner 'erp'",
    ],
    "objects/history_names_one_twice": [
        "1: history names 'amount' twice",
    ],
    "objects/id_is_no_name": [
        "1: id: String should match pattern '^[a-z][a-z0-9_]{0,79}$'",
    ],
    "objects/money_without_currency": [
        "1: give money and currency together, or neither",
    ],
    "objects/says_nothing": [
        "1: about: is needed",
        "2: title: String should have at least 1 character",
    ],
    "objects/unknown_field": [
        "4: hup: not a known field (did you mean hub?)",
    ],
    "packs/agreed": [],
    "packs/changes_nothing": [
        "1: changes nothing: give add, remove or set",
    ],
    "packs/contradicts": [
        "2: contradicts the pack agreed, which also changes the owner; give them other days or other cases",
    ],
    "packs/date": [
        "5: from: Invalid isoformat string: 'soon'",
    ],
    "packs/ends_before_it_begins": [
        "1: until must be after from: the pack ends when that day begins",
    ],
    "packs/for_a_channel": [
        "1: for: a pack is for a brand, a region or a store, not for 'channel'",
    ],
    "packs/named_twice": [
        "1: set.promises: 'delivered' names region in where, and `for` does so already",
    ],
    "packs/names_that_do_not_fit": [
        "7: add.activities.1: 'Return inspected' is an activity of return-to-refund already",
        "8: remove.activities.0: 'Return inspectd' is not an activity of return-to-refund (did you mean "
        "Return inspected?)",
        "8: remove.end.0: 'Return inspected' is not an end of return-to-refund (did you mean Return rejected?)",
        "8: remove.promises.0: 'refunded' is not a promise of return-to-refund",
    ],
    "packs/never_ends": [
        "1: until: is needed",
    ],
    "packs/some_cases_change_the_end": [
        "1: add.end: only a pack for the whole tenant, without `for`, can change this",
    ],
    "packs/takes_away_what_is_promised": [
        "2: return-to-refund would be wrong with it: from: 'Return received' is not among the process's "
        "activities (did you mean Return rejected?)",
    ],
    "packs/unknown_names": [
        "9: set.calendar: no calendar 'head_offce' in the folder calendars (did you mean head_office?); there"
        " are: head_office, payments_provider, returns_center",
    ],
    "packs/unknown_owner": [
        "3: owner: no owner 'returns-op' (did you mean returns-ops?)",
    ],
    "packs/unknown_process": [
        "2: process: no process 'return-2-refund' (did you mean return-to-refund?)",
    ],
    "processes/attributes_not_declared": [
        "13: promises.0.by_attribute: 'promised_at' is not among the case attributes",
        "13: promises.0.unless.0: 'stor' is not among the case attributes (did you mean store?)",
        "13: promises.0.where: 'regoin' is not among the case attributes",
        "14: store: 'shop' is not among the case attributes",
        "15: excluded.0: 'purpose' is not among the case attributes",
    ],
    "processes/conditions": [
        "13: promises.0.where: expected a list of values of 'region', such as {region: [north, east]}",
        "14: promises.1.where: expected case attributes, each with its values, such as {region: [north, east]}",
        "15: promises.2.unless.0: 101 of 'store' is no text: attributes are compared as texts; write it in quotes",
    ],
    "processes/crosses_a_hub": [
        "16: links.1: 'order → store → sku_location' crosses 'store', a hub: every case would hold the events"
        " of all that it joins; end the path with it, or leave it out",
    ],
    "processes/incomplete": [
        "1: activities: is needed in the catalogue",
        "1: calendar: is needed in the catalogue",
        "1: case_attributes: is needed in the catalogue",
        "1: end: is needed in the catalogue",
        "1: owner: is needed in the catalogue",
        "1: promises: is needed in the catalogue",
        "1: start: is needed in the catalogue",
        "1: title: is needed in the catalogue",
    ],
    "processes/order_is_not_the_activities": [
        "5: order: is not the list of activities; in the catalogue they are listed in their normal order",
    ],
    "processes/step_is_no_activity": [
        "1: 'Paked' is not among the process's activities (did you mean Packed?)",
    ],
    "processes/step_of_two_teams": [
        "14: depends: 'Packed' is given twice",
    ],
    "processes/unknown_calendar": [
        "11: calendar: no calendar 'head_ofice' in the folder calendars (did you mean head_office?); there "
        "are: head_office",
    ],
    "processes/unknown_object_types": [
        "3: object_type: no object type 'ordr' (did you mean order?)",
        "14: links.0: no object type 'delivry' (did you mean delivery?)",
    ],
    "processes/value_is_not_the_money": [
        "9: value: 'basket' is not the money of order, which is 'order_value'",
    ],
    "processes/value_of_what_has_no_money": [
        "9: value: the object type parcel has no money",
    ],
}
"""Of each wrong file `LINE: MESSAGE`, in the order in which they are told."""


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return read_shipped()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def told(kind: str, path: Path, shipped: Shipped, scratch: Path) -> list[Problem]:
    """What is said when the file is among right ones."""
    (scratch / kind).mkdir()
    for name in {path.name, "agreed.yaml"} if path.stem == "contradicts" else {path.name}:
        (scratch / kind / name).write_bytes((BAD / kind / name).read_bytes())
    if kind == "packs":
        adopt(scratch, "local", ["return-to-refund"], shipped)
        (scratch / kind).rename(scratch / "tenants" / "local" / kind)
        return check(scratch, "local", NOW).problems
    for name in ("calendars/head_office", *(f"objects/{name}" for name in KNOWN)):
        (scratch / name).parent.mkdir(exist_ok=True)
        (scratch / f"{name}.yaml").symlink_to(SHIPPED / f"{name}.yaml")
    try:
        if kind == "exceptions":
            owned_exceptions(shipped.catalogue, shipped.owners, scratch / kind)
        else:
            read_catalogue(scratch)
    except DefinitionError as error:
        return error.problems
    return []


@pytest.mark.parametrize("path", sorted(BAD.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_wrong_file_gives_its_exact_messages(path: Path, shipped: Shipped, tmp_path: Path) -> None:
    kind = path.parent.name
    problems = told(kind, path, shipped, tmp_path)
    assert {Path(problem.path).name for problem in problems} <= {path.name}
    assert [f"{problem.line}: {problem.message}" for problem in problems] == MESSAGES[f"{kind}/{path.stem}"]


def test_what_is_shipped_fits_together(shipped: Shipped) -> None:
    """`read_shipped` has told nothing; what no file can say by itself."""
    catalogue = shipped.catalogue
    assert len(catalogue.processes) == 19
    assert {type_ for process in catalogue.processes.values() for path in process.links for type_ in path} <= set(
        catalogue.objects
    )
    book = OwnerBook(shipped.owners, catalogue.processes)
    for process in catalogue.processes.values():
        assert book({"process": process.id})[0] == process.owner
        for team, steps in process.depends.items():
            assert [book({"process": process.id, "step": step})[1] for step in steps] == [team] * len(steps)
    interfaces = ("shop", "webshop", "pos", "erp", "wms", "carrier", "payments", "crm", "marketplace", "integration")
    for interface in interfaces:
        assert book({"interface": interface})[1], interface
    used = {process.owner for process in catalogue.processes.values()}
    used |= {team for process in catalogue.processes.values() for team in process.depends}
    assert used | {"operations"} == set(shipped.owners)
    shown = {kind for exception in shipped.exceptions.values() for kind in exception.shown_by}
    assert shown == set(Kind)


def test_the_demo_s_retailer_adopts_all_of_it_and_nothing_is_left_to_mend(shipped: Shipped, tmp_path: Path) -> None:
    install(tmp_path, "local")
    adopt(tmp_path, "local", list(shipped.catalogue.processes), shipped)
    assert check(tmp_path, "local", NOW).problems == []


def test_all_of_it_is_adopted_and_nothing_is_left_to_mend(shipped: Shipped, tmp_path: Path) -> None:
    everything = list(shipped.catalogue.processes)
    adopted = adopt(tmp_path, "local", everything, shipped)
    assert adopted.kept == []
    folder = tmp_path / "tenants" / "local"
    assert sorted(adopted.written) == sorted(contents(folder))
    checked = check(tmp_path, "local", NOW)
    assert (checked.problems, checked.notes) == ([], [])
    assert [len(checked.ids[kind]) for kind in ("processes", "calendars", "owners")] == [
        len(everything),
        len(shipped.catalogue.calendars),
        len(shipped.owners),
    ]
    before = contents(folder)
    assert adopt(tmp_path, "local", everything, shipped) == Adopted(folder, [], adopted.written)
    assert contents(folder) == before


@pytest.mark.parametrize("process", ["order-to-cash", "workflow-run", "financial-period-close"])
def test_one_process_comes_with_all_that_it_names(process: str, shipped: Shipped, tmp_path: Path) -> None:
    adopt(tmp_path, "local", [process], shipped)
    checked = check(tmp_path, "local", NOW)
    assert (checked.problems, checked.notes) == ([], [])
    assert checked.ids["processes"] == [process]


def test_what_is_there_is_never_overwritten(shipped: Shipped, tmp_path: Path) -> None:
    owners = tmp_path / "tenants" / "local" / "owners"
    owners.mkdir(parents=True)
    (owners / "finance.yaml").write_text("id: finance\ntitle: Our own\n")
    adopted = adopt(tmp_path, "local", ["cash-reconciliation"], shipped)
    assert adopted.kept == ["owners/finance.yaml"]
    assert (owners / "finance.yaml").read_text() == "id: finance\ntitle: Our own\n"
    with pytest.raises(NotFound, match=r"no process 'order-to-csh' \(did you mean order-to-cash\?\)"):
        adopt(tmp_path, "other", ["order-to-csh", "price-change"], shipped)
    assert not (tmp_path / "tenants" / "other").exists()


def test_check_notes_packs_that_are_over_and_paths_through_hubs(shipped: Shipped, tmp_path: Path) -> None:
    adopt(tmp_path, "local", ["return-to-refund"], shipped)
    folder = tmp_path / "tenants" / "local"
    (folder / "packs").mkdir()
    pack = yaml.safe_load((BAD / "packs" / "agreed.yaml").read_text())
    was = {"from": "2025-01-01", "until": "2026-01-01"}
    for name, more in (("old", was), ("next", {"from": "2027-01-01"}), ("older", was | {"process": "gone"})):
        text = yaml.safe_dump({**pack, "id": name, "until": "2027-02-01", **more}, sort_keys=False)
        (folder / "packs" / f"{name}.yaml").write_text(text)
    (folder / "processes" / "own.yaml").write_text("id: own\nobject_type: order\nlinks: [order -> sku -> shelf]\n")
    checked = check(tmp_path, "local", NOW)
    assert checked.problems == []
    assert [(Path(note.path).name, note.line) for note in checked.notes] == [
        ("old.yaml", 6),
        ("older.yaml", 6),
        ("own.yaml", 3),
    ]
    assert [note.message for note in checked.notes] == [
        "until: the pack is over since 2026-01-01: return-to-refund is what its file says; remove it",
        "until: the pack is over since 2026-01-01: gone is what its file says; remove it",
        "links.0: 'order → sku → shelf' crosses 'sku', a hub: every case would hold the events of all that it joins; "
        "end the path with it, or leave it out",
    ]


def test_check_judges_packs_by_the_clock_of_the_home(
    shipped: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of a demo, whether it runs or not, unless the home is served on the machine's clock."""
    adopt(tmp_path, "local", ["return-to-refund"], shipped)
    packs = tmp_path / "tenants" / "local" / "packs"
    packs.mkdir()
    once = (BAD / "packs" / "agreed.yaml").read_text().replace("2026-", "2006-")
    (packs / "agreed.yaml").write_text(once)

    def notes() -> list[str]:
        check_(home=tmp_path, json=True)
        return [note["message"] for note in json.loads(capsys.readouterr().out)["notes"]]

    over = "until: the pack is over since 2006-09-01: return-to-refund is what its file says; remove it"
    assert notes() == [over]
    check_(home=tmp_path)
    assert f"note: {packs / 'agreed.yaml'}:6: {over}\n" in capsys.readouterr().out
    (tmp_path / DEMO_CLOCK_FILE).write_text('{"resume_at": "2006-08-31T18:00:00+00:00"}')
    assert notes() == []
    for demo, expected in ((True, []), (False, [over])):
        service = Service("http://localhost", "token", 1, "local", demo)
        monkeypatch.setattr("gembascope.service.find_service", lambda home, found=service: found)
        assert notes() == expected


def test_check_tells_packs_to_come_that_contradict(shipped: Shipped, tmp_path: Path) -> None:
    adopt(tmp_path, "local", ["return-to-refund"], shipped)
    packs = tmp_path / "tenants" / "local" / "packs"
    packs.mkdir()
    for name in ("agreed", "contradicts"):
        coming = (BAD / "packs" / f"{name}.yaml").read_text().replace("2026-", "2027-")
        (packs / f"{name}.yaml").write_text(coming)
    [problem] = check(tmp_path, "local", NOW).problems
    assert problem.message.startswith("contradicts the pack agreed, which also changes the owner")
    later = check(tmp_path, "local", datetime(2027, 9, 1, tzinfo=timezone.utc))
    assert (later.problems, len(later.notes)) == ([], 2)


def test_the_command_says_what_it_did_and_what_comes_next(
    shipped: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("gembascope.catalogue.read_shipped", lambda: shipped)  # read once: it takes half a second
    runner, home = CliRunner(), ["--home", str(tmp_path)]
    first = runner.invoke(app, ["add", "workflow-run", *home])
    assert first.exit_code == 0
    assert first.stdout.splitlines() == [
        "written  calendars/head_office.yaml",
        "written  owners/integration-team.yaml",
        "written  owners/operations.yaml",
        "written  processes/workflow-run.yaml",
        f"4 files written, 0 kept, in {tmp_path}/tenants/local",
        "Next: fit owners, calendars and promises to yours, and run gembascope check.",
        "Then load events of objects of these types (workflow_run): gembascope send FILE as they happen, or gembascope "
        "ingest FILE --process PROCESS.",
    ]
    again = yaml.safe_load(runner.invoke(app, ["add", "workflow-run", "integration-call", "--json", *home]).stdout)
    assert again["written"] == ["processes/integration-call.yaml"]
    assert again["object_types"] == ["integration_call", "workflow_run"]
    listed = yaml.safe_load(runner.invoke(app, ["list", "--json", *home]).stdout)["processes"]
    assert [row["process"] for row in listed if row["adopted"]] == ["integration-call", "workflow-run"]
    shown = runner.invoke(app, ["show", "store-incident"]).stdout
    for words in ("Issue fixed", "fixed within two store days", "store-operations", "Trouble repeats in a store"):
        assert words in shown
    assert runner.invoke(app, ["add", *home]).exit_code != 0


def test_the_page_is_current_and_tells_every_field(shipped: Shipped) -> None:
    page = catalogue_page(shipped)
    written = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
    assert written == page, "write it anew: gembascope catalogue docs > docs/catalogue.md"
    for _, model in FIELDS:
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            assert f"| `{field.alias or name}` |" in page
    for model in (ObjectType, ExceptionClass):
        assert model.model_config["frozen"]
        assert model.model_config["extra"] == "forbid"
