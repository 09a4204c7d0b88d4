"""A small home in trouble: three refunds are late by one promise, a rule finds them, a playbook asks before it ends."""

from __future__ import annotations

from pathlib import Path

from doors import CHEAP
from sqlalchemy import func, select

import gembascope as gs
from gembascope.workspace import LocalWorkspace
from kernel.clock import SystemClock
from kernel.identity.directory import Directory
from kernel.state.tables import SESSIONS

LOG = """case,activity,at,amount,store
1,Received,2026-06-01T10:00:00Z,240.5,Bonn
2,Received,2026-06-01T11:00:00Z,1000,Koeln
3,Received,2026-06-01T12:00:00Z,?,Koeln
4,Received,2026-06-01T12:00:00Z,50,Bonn
4,Paid,2026-06-02T12:00:00Z,,
5,Received,2026-06-05T13:00:00Z,5,Bonn
"""
DEFINITIONS = {
    "processes/returns.yaml": """id: returns
object_type: case:returns
end: [Paid]
store: store
value: {attribute: amount, currency: EUR}
promises:
  - {name: refund, from: Received, to: Paid, within: 48h, late_cost: {per_hour: 1%}}
""",
    "owners/returns-team.yaml": "id: returns-team\nowns: [{process: returns}]\n",
    "owners/other-team.yaml": "id: other-team\n",
    "rules/late.yaml": "id: late\nkind: sla\nprocess: returns\npromise: refund\nbreached: high\n",
    "rules/unusual.yaml": "id: unusual\nkind: unusual_case\nprocess: returns\n",
    "playbooks/pay.yaml": """id: pay
name: Pay late refunds
author: writer
trigger: {mode: manual, match: {process: returns, kind: [sla_breach]}}
steps:
  - {id: gather, gather: {}}
  - {id: ask, approval: {ask: "Pay {{ count }} refunds ({{ money }})?", timeout: 8h}, on_reject: no, on_timeout: no}
  - {id: yes, record: {outcome: resolved}}
  - {id: no, record: {outcome: rejected}}
""",
}
MAPPING = {"case": "case", "activity": "activity", "time": "at", "case_columns": ["amount", "store"]}
FOUND = [("2", "1000.000000"), ("1", "240.500000"), ("3", None)]
"""Cases that the rule finds, with their value, in order."""


def define(tenant_folder: Path) -> None:
    for name, text in DEFINITIONS.items():
        path = tenant_folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def troubled(workspace: LocalWorkspace) -> None:
    """Put the definitions and the log into the home."""
    define(workspace.views.processes.folder.parent)
    log = workspace.settings.home / "returns.csv"
    log.write_text(LOG)
    gs.Workspace(workspace).ingest(log, process="returns", mapping=MAPPING)


def incident_of(workspace: LocalWorkspace) -> str:
    """The one incident, after a look."""
    found = gs.Workspace(workspace)
    found.detect()
    return str(found.incidents()["id"].item())


def signed_in(opened: LocalWorkspace) -> int:
    """Sessions that are open."""
    with Directory(opened.settings, SystemClock(), CHEAP) as people, people.state.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(SESSIONS)).scalar_one())
