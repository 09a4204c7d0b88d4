"""Promises on every surface: one document, asked by command, by address and from Python, here and through a service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors import directory, key, rules
from polars.testing import assert_frame_equal
from running_api import running
from typer.testing import CliRunner

import gembascope as gs
from api.app import create_app
from gembascope import frames
from gembascope.commands import sla as command
from gembascope.workspace import LocalWorkspace
from kernel.access import Role
from kernel.clock import FixedClock
from kernel.errors import InputError, NotFound
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from kpis.sla import SlaState

TENANT = "sla"
LOG = """case,activity,at,amount
1,Received,2026-06-01T10:00:00Z,240.5
2,Received,2026-06-01T11:00:00Z,1000
3,Received,2026-06-01T12:00:00Z,?
4,Received,2026-06-01T12:00:00Z,50
4,Paid,2026-06-02T12:00:00Z,
5,Received,2026-06-05T09:30:00Z,70
6,Received,2026-06-01T09:00:00Z,80
6,Asked,2026-06-01T09:30:00Z,
7,Received,2026-06-05T13:00:00Z,5
"""
PROCESS = """id: returns
object_type: case:returns
end: [Paid, Rejected]
value: {attribute: amount, currency: EUR}
promises:
  - name: refund
    from: Received
    to: Paid
    within: 48h
    at_risk: 45h
    pauses: [{from: Asked, to: Answered}]
    late_cost: {per_hour: 1%}
"""
ANSWER = "  - {name: answer, from: Asked, to: Answered, within: 24h}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def opened(warehouse: Warehouse, clock: FixedClock, home: Path) -> Iterator[LocalWorkspace]:
    settings = load_settings(home=home, tenant=TENANT)
    workspace = LocalWorkspace(settings, clock, warehouse)
    log = home / "returns.csv"
    log.write_text(LOG)
    workspace.views.processes.folder.mkdir(parents=True)
    (workspace.views.processes.folder / "returns.yaml").write_text(PROCESS)
    two = PROCESS.replace("id: returns", "id: two") + ANSWER
    (workspace.views.processes.folder / "two.yaml").write_text(two)
    (workspace.views.processes.folder / "none.yaml").write_text("id: none\nobject_type: case:returns\n")
    mapping = {"case": "case", "activity": "activity", "time": "at"}
    gs.Workspace(workspace).ingest(log, process="returns", mapping=mapping | {"case_columns": ["amount"]})
    yield workspace
    workspace.close()


@pytest.fixture(scope="module")
def service(
    opened: LocalWorkspace, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    with directory(tmp_path_factory.mktemp("people"), clock, TENANT) as people:
        door = rules(people, open_house=False)
        app = create_app(opened.views, clock, door, upload_folder=tmp_path_factory.mktemp("uploads"))
        with running(app) as url:
            yield url, key(people, Role.VIEWER)


def get(service: tuple[str, str], path: str, **params: str) -> Any:
    url, token = service
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{url}/api/v1/processes/{path}", params=params, headers=headers, trust_env=False)


def test_the_documents(opened: LocalWorkspace, service: tuple[str, str]) -> None:
    found = get(service, "returns/sla").json()
    assert found == {
        "process": "returns",
        "now": "2026-06-05T13:00:00Z",
        "promises": [
            {
                "promise": "refund",
                **{"met": 1, "breached": 3, "at_risk": 1, "paused": 1, "open": 1, "not_started": 0, "void": 0},
                **{"late_now": 3, "kept_late": 0, "unpriced": 1, "oldest_due": "2026-06-03T10:00:00Z"},
                "value_late": [{"value": "1240.500000", "currency": "EUR"}],
                "value_at_risk": [{"value": "70.000000", "currency": "EUR"}],
                "lost_per_hour": [{"value": "12.405000", "currency": "EUR"}],
            }
        ],
    }
    queue = get(service, "returns/sla/cases", late="true", limit="2").json()
    assert [row["case"] for row in queue["cases"]] == ["2", "1"]
    assert queue["cases"][0] == {
        **{"case": "2", "store": "", "state": "breached", "due_at": "2026-06-03T11:00:00Z", "kept_at": None},
        **{"paused_since": None, "late_s": 180000.0, "value": "1000.000000", "currency": "EUR"},
        **{"lost_per_hour": "10.000000", "last_activity": "Received"},
        **{"last_at": "2026-06-01T11:00:00Z", "started_at": "2026-06-01T11:00:00Z"},
    }
    rest = get(service, "returns/sla/cases", late="true", next=queue["next"]).json()
    assert ([row["case"] for row in rest["cases"]], rest["next"]) == (["3"], None)
    some = get(service, "returns/sla/cases", sla="paused,at_risk").json()["cases"]
    assert [(row["case"], row["state"], row["paused_since"]) for row in some] == [
        ("6", "paused", "2026-06-01T09:30:00Z"),
        ("5", "at_risk", None),
    ]
    for name, options in (("sla", {}), ("sla/cases", {"late": "true"})):
        assert opened.answer(name, "returns", {}, options) == get(service, f"returns/{name}", **options).json()


def test_filters_hold_as_for_every_other_answer(service: tuple[str, str]) -> None:
    assert get(service, "returns/sla", case_attr="amount=70").json()["promises"][0]["at_risk"] == 1
    assert get(service, "returns/sla", case_attr="amount=70").json()["promises"][0]["late_now"] == 0
    assert get(service, "returns/sla", activity="Askd").status_code == 404


@pytest.mark.parametrize(
    ("path", "options", "status", "message"),
    [
        ("none/sla/cases", {}, 422, "none promises nothing; add promises to its definition"),
        ("two/sla/cases", {}, 422, "promise: two has several, name one of them: refund, answer"),
        ("two/sla", {"promise": "refnd"}, 404, "promises nothing called 'refnd' (did you mean refund?)"),
        (
            "returns/sla/cases",
            {"sla": "late"},
            422,
            "sla: 'late' is not one or more of met, breached, at_risk, paused, open",
        ),
        ("returns/sla/cases", {"late": "yes"}, 422, "late: 'yes' is neither true nor false"),
        ("returns/sla/cases", {"limit": "0"}, 422, "limit: '0' is not a whole number from 1 to 10000"),
        ("returns/sla/cases", {"next": "x"}, 422, "next: not a cursor of this list"),
        ("returns/sla", {"limit": "1"}, 422, "limit: not a filter or option of this address"),
    ],
)
def test_wrong_questions_are_refused(
    service: tuple[str, str], path: str, options: dict[str, str], status: int, message: str
) -> None:
    answer = get(service, path, **options)
    assert answer.status_code == status
    assert message in answer.json()["detail"]


def test_python_gets_the_same_here_and_there(opened: LocalWorkspace, service: tuple[str, str]) -> None:
    here = gs.Workspace(opened)
    with gs.connect(service[0], token=service[1]) as there:
        assert here.process("two").sla() == there.process("two").sla()
        [summary] = there.process("returns").sla()
        assert summary.now == datetime(2026, 6, 5, 13, tzinfo=timezone.utc)
        assert (summary.cases[SlaState.BREACHED], summary.value_late) == (3, {"EUR": Decimal("1240.5")})
        for limit in (1, 2, None):
            late = there.process("returns").late(limit=limit)
            assert_frame_equal(late, here.process("returns").late(limit=limit))
            assert late["case"].to_list() == ["2", "1", "3"][:limit]
        none = there.process("two").late(promise="answer", since="2100-01-01")
        assert (none.schema, none.height) == (frames.SLA_CASES, 0)
        [answer] = there.process("two").sla(promise="answer")
        assert (answer.late_now, answer.unpriced, answer.not_started) == (1, 0, 6)
        with pytest.raises(NotFound, match="promises nothing called 'x'"):
            there.process("returns").late(promise="x")
        with pytest.raises(InputError, match="limit: 0 is not"):
            here.process("returns").late(limit=0)


def test_the_command(service: tuple[str, str], opened: LocalWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gembascope.commands.options.open_workspace", lambda _: gs.connect(service[0], token=service[1])._connection
    )
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> str:
        ended = CliRunner().invoke(command.app, list(words), catch_exceptions=False)
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    assert json.loads(run("returns", "--json")) == opened.answer("sla", "returns", {}, {})
    queue = opened.answer("sla/cases", "two", {}, {"promise": "refund", "late": "true", "limit": "20"})
    assert json.loads(run("two", "--promise", "refund", "--late", "--json")) == queue
    shown = " ".join(run("returns", "--limit", "2").split())
    assert "returns: promises as of 2026-06-05 13:00:00 UTC" in shown
    assert "refund 3 1,240.50 EUR 12.405 EUR 1 1 1 1 0 0 0" in shown
    assert "refund: late now, most lost per hour first" in shown
    assert "2 10.00 EUR 1,000.00 EUR 2d 2h 2026-06-03 11:00:00 Received 2026-06-01 11:00:00" in shown
    assert "next page: --late --next " in shown
    assert "name one with --promise to see its late cases" in run("two")
