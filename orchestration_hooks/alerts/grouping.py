"""When a group of incidents is told of: Alertmanager's rule, as a pure function.

Told of is a group when it holds an incident that it was not told with, when one has become worse, when all or (with
`send_resolved`) one is over that was told of, and else once per `repeat_interval` while one is not over. Ours are three
additions: a greater severity is news, one that somebody has acknowledged is not repeated, and what was muted at its end
is told of after the mute window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.findings import SEVERITIES, Severity
from orchestration_hooks.alerts.policy import AlertPolicy

NOT_TOLD = ""


class Reason(StrEnum):
    """Why a group is told of, or is not."""

    NEW = "new"
    WORSE = "worse"
    RESOLVED = "resolved"
    REPEAT = "repeat"
    MUTED = "muted"
    NO_NEWS = "no_news"


TELLS = frozenset({Reason.NEW, Reason.WORSE, Reason.RESOLVED, Reason.REPEAT})


@dataclass(frozen=True, slots=True)
class Member:
    """An incident of a group. `told_as`: the severity that it was last told with, NOT_TOLD before."""

    incident_id: str
    firing: bool
    acknowledged: bool
    severity: Severity
    told_as: str


def reason_to_tell(
    policy: AlertPolicy, members: Sequence[Member], last_told_at: datetime | None, now: datetime
) -> Reason:
    """Why the group is told of at this flush; MUTED or NO_NEWS when it is not."""
    found = _news(policy, members, last_told_at, now)
    return Reason.MUTED if found in TELLS and policy.muted(now) else found


def _news(policy: AlertPolicy, members: Sequence[Member], last_told_at: datetime | None, now: datetime) -> Reason:
    firing = [member for member in members if member.firing]
    if any(member.told_as == NOT_TOLD for member in firing):
        return Reason.NEW
    if any(SEVERITIES.index(member.severity) > SEVERITIES.index(Severity(member.told_as)) for member in firing):
        return Reason.WORSE
    if policy.send_resolved and any(not member.firing and member.told_as != NOT_TOLD for member in members):
        return Reason.RESOLVED
    unattended = any(not member.acknowledged for member in firing)
    if unattended and (last_told_at is None or last_told_at + policy.repeat_interval <= now):
        return Reason.REPEAT
    return Reason.NO_NEWS
