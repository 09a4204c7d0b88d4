"""What became of incidents, passed on: to who is told of it, and to the playbooks that open by themselves.

It is told in the transaction that notes that it was: killed before, it is told again; a playbook that was asked for
already counts it once more and opens nothing. What a playbook did not begin by itself is told at the incident.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from anomalies.incident import Incident
from anomalies.incident_desk import IncidentLine
from kernel.errors import GembascopeError, NotFound
from kernel.findings import Severity
from kernel.state.database import State
from kpis.as_of import is_live
from orchestration_hooks.alerts.alerter import Alerter
from orchestration_hooks.alerts.news import IncidentNews, NewsState
from orchestration_hooks.desk import Desk, subject_of
from orchestration_hooks.entry import WORKER
from orchestration_hooks.opening import Opened
from orchestration_hooks.states import Reason

log = logging.getLogger("gembascope.telling")
BEGINS = (NewsState.OPENED, NewsState.GREW)
NOT_BEGUN = {
    Reason.MUTED: "somebody muted it for a while",
    Reason.LIMIT_REACHED: "as many of its runs are open as it allows",
}
"""Why a playbook that begins by itself did not, as its incident says."""


def tell(desk: Desk, state: State, alerter: Alerter, now: datetime) -> dict[str, Mapping[tuple[str, str], Opened]]:
    """Tell of every incident that changed since it was last told of; the runs that were asked for, by incident.

    `now` is that of business: windows and pauses of alerts are counted on it.
    """
    opened: dict[str, Mapping[tuple[str, str], Opened]] = {}
    for incident in desk.incidents.incidents.untold():
        try:
            line = desk.incidents.line(incident.id)
            what, live = news_state(incident), _live(desk, incident.process)
            if what in BEGINS and live:  # of the past nothing is done by itself
                subjects = [subject_of(line, desk.link)]
                opened[incident.id] = desk.engine.opening.consider(desk.playbooks().values(), subjects)
                _note_not_begun(desk, incident.id, opened[incident.id])
            told = news(line, what, backfill=not live)
            with state.writing() as connection:
                alerter.take(connection, told, now)
                desk.incidents.incidents.told(connection, incident)
        except GembascopeError as error:  # it is told at the next turn, and keeps no other one waiting
            log.warning("nobody was told of incident %s: %s", incident.id, error)
    with state.writing() as connection:
        alerter.flush(connection, now)
    return opened


def _note_not_begun(desk: Desk, incident: str, asked: Mapping[tuple[str, str], Opened]) -> None:
    """Say at the incident, once, which playbooks did not begin: nobody begins them later unless it grows."""
    texts = [
        f"The playbook {playbook} did not begin by itself: {NOT_BEGUN[one.reason]}. It can be proposed afterwards."
        for (playbook, _), one in sorted(asked.items(), key=lambda item: item[0])
        if one.reason in NOT_BEGUN
    ]
    said = {note.text for note in desk.incidents.incidents.notes(incident)} if texts else set()
    for text in texts:
        if text not in said:
            desk.incidents.incidents.comment(incident, text, by_name=WORKER)


def news_state(incident: Incident) -> NewsState:
    """What became of an incident since it was last told of."""
    if incident.state == "resolved":
        return NewsState.RESOLVED
    if not incident.told:
        return NewsState.OPENED
    state, severity, findings = incident.told.split(":")
    if incident.severity.rank > Severity(severity).rank or incident.findings > int(findings):
        return NewsState.GREW
    return NewsState.ACKNOWLEDGED if incident.state == "acknowledged" and state != incident.state else NewsState.GREW


def news(line: IncidentLine, what: NewsState, *, backfill: bool) -> IncidentNews:
    """An incident as alerts are told of it."""
    incident = line.incident
    return IncidentNews(
        incident_id=incident.id,
        state=what,
        title=incident.title,
        kind=incident.kind.value,
        severity=incident.severity,
        process=incident.process,
        cases=line.cases,
        since=line.since or incident.since,
        value=dict(line.value),
        unpriced=line.unpriced,
        deadline=line.deadline,
        suspect=incident.suspect,
        owner=incident.owner,
        dependency_owner=incident.dependency_owner,
        backfill=backfill,
    )


def _live(desk: Desk, process: str) -> bool:
    try:
        return is_live(desk.views.view(process))
    except NotFound:  # the process is gone, and its incidents are of the past
        return False
