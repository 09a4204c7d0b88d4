"""Trouble and remedies as frames, the same here and through a service."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sdk_orders import same
from troubled_home import FOUND

import gembascope as gs
from gembascope import frames
from gembascope.taking_events import taking_events
from gembascope.workspace import LocalWorkspace, RemoteWorkspace
from kernel.clock import FixedClock


def test_the_frames(opened: LocalWorkspace, remote: RemoteWorkspace) -> None:
    here, there = gs.Workspace(opened), gs.Workspace(remote)
    for workspace in (here, there):  # nothing yet: the columns are there all the same
        assert workspace.incidents().schema == frames.INCIDENTS
        assert workspace.runs().schema == frames.RUNS
        assert workspace.decisions().schema == frames.DECISIONS
        assert workspace.mutes().schema == frames.MUTES
        assert workspace.messages().given_up.schema == frames.MESSAGES
    detected = here.detect()
    assert detected.problem == ""
    assert dict(detected.rules.select("rule", "lasting").iter_rows()) == {"late": 3, "unusual": 0}
    there.detect()
    (row,) = here.incidents().to_dicts()
    assert (row["severity"], row["state"], row["owner"], row["cases"], row["unpriced"]) == (
        *("high", "open", "returns-team"),
        *(3, 1),
    )
    assert row["value"] == [{"amount": Decimal("1240.500000"), "currency": "EUR"}]
    incident = row["id"]
    found = here.findings(incident)
    assert found.schema == frames.FINDINGS
    assert list(found.select("case_id", "value").iter_rows()) == [
        (case, None if value is None else Decimal(value)) for case, value in FOUND
    ]
    assert here.findings(incident, lasting=True, limit=2)["case_id"].to_list() == ["2", "1"]
    proposed = here.propose(incident, "pay")
    assert proposed.reason is None
    assert proposed.run_id is not None
    assert there.propose(incident, "pay") == type(proposed)(proposed.run_id, "duplicate")
    (waiting,) = here.decisions().to_dicts()
    assert (waiting["run_id"], waiting["step"], waiting["cases"]) == (proposed.run_id, "ask", 3)
    assert waiting["totals"] == [{"amount": Decimal("1240.500000"), "currency": "EUR"}]
    run = here.run(proposed.run_id)
    assert (run.status, run.step, run.votes.height) == ("waiting", "ask", 0)
    assert run.history["activity"].to_list() == ["Run opened", "Context gathered", "Approval requested"]
    assert here.playbooks()["id"].to_list() == ["pay"]
    assert here.playbooks()["file"].to_list() == [f"tenants/{opened.settings.tenant}/playbooks/pay.yaml"]
    for name in ("overview", "incidents", "runs", "decisions", "playbooks"):
        same(getattr(here, name)(), getattr(there, name)())
    for name, of in (("incident", incident), ("findings", incident), ("run", proposed.run_id)):
        same(getattr(here, name)(of), getattr(there, name)(of))
    tested = here.back_test("unusual", date(2026, 6, 1), "2026-06-02", every=timedelta(hours=12), truth=["2"])
    assert (tested.instants, tested.found.schema, tested.recall) == (3, frames.BACK_TESTED, 0.0)


def test_it_can_be_asked_where_an_event_loop_runs(opened: LocalWorkspace) -> None:
    async def in_a_notebook() -> int:
        return gs.Workspace(opened).incidents().height

    assert asyncio.run(in_a_notebook()) == 0


def test_without_a_service_what_is_due_is_done_once(
    opened: LocalWorkspace, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "at", datetime(2026, 6, 5, 14, tzinfo=timezone.utc))
    folder = opened.views.processes.folder.parent / "playbooks"
    text = (folder / "pay.yaml").read_text()
    (folder / "pay.yaml").write_text(text.replace("mode: manual", "mode: automatic"))
    seen = {"id": "seen-5", "activity": "Seen", "occurred_at": "2026-06-05T13:00:00Z", "source": "shop"}
    with taking_events(opened, background=False) as live:  # of loaded history alone nothing is done by itself
        live.accept(json.dumps([seen | {"objects": [{"type": "case:returns", "id": "5"}]}]).encode())
        live.drain()
    workspace = gs.Workspace(opened)
    workspace.detect()  # people are told, which opens the run, and it goes as far as it can
    assert workspace.runs()["status"].to_list() == ["waiting"]
    (run,) = workspace.runs()["run_id"]
    opened.post(f"/api/v1/runs/{run}/cancel", {"reason": "not today"})
    assert (workspace.run(run).status, workspace.run(run).reason) == ("cancelled", "cancelled")

    monkeypatch.setattr("gembascope.home_api.find_service", lambda _: object())
    opened.post(f"/api/v1/incidents/{workspace.incidents()['id'].item()}/runs", {"playbook": "pay"})
    assert set(workspace.runs()["status"]) == {"cancelled", "ready"}  # the service that holds the home moves it
