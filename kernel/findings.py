"""Findings: evidence that a case, a source or a definition is in trouble.

A finding never changes. That its trouble has ended is a row of its own (`FindingEnd`), and what is done about it
belongs to its incident, which is in the state database. The id is made of what the finding is about, so finding the
same again adds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Kind(StrEnum):
    """The class of the trouble."""

    SLA_BREACH = "sla_breach"  # a promise is past due and not kept
    SLA_AT_RISK = "sla_at_risk"  # a promise is due soon and not kept
    MISSING_EVENT = "missing_event"  # a step did not happen, and its source would have told
    SOURCE_SILENT = "source_silent"  # a source tells nothing for longer than it ever does
    UNUSUAL_CASE = "unusual_case"  # a case unlike its peers
    UNOWNED = "unowned"  # trouble that no owner answers for


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return SEVERITIES.index(self)


SEVERITIES = tuple(Severity)
"""From the least to the greatest."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What proves a finding, so that anybody can ask again."""

    query: str
    """The question, by the name of its .sql file or of the detector."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    event_ids: tuple[str, ...] = ()
    """32 hex digits each, in case order."""
    watermark: datetime | None = None
    """Up to when the events were complete that were looked at; None where no source told."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Of each definition used (`process:return-to-refund`, `rule:…`, `model:…`) its version, a hash."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One trouble. Fields hold "" and None where there is nothing to say."""

    tenant: str
    kind: Kind
    rule: str
    """What found it: the name of a promise, the id of a rule or detector."""
    process: str
    case_id: str
    """The case; "" for trouble of a source or a definition."""
    store: str
    """The store that the case belongs to, for those who may see one store only; "" where the process names none."""
    cause: str
    """Findings with one cause become one incident."""
    anchor: str
    """What makes this occurrence of the trouble different from the next one, such as its due instant."""
    severity: Severity
    title: str
    """One line for a person: what is wrong."""
    suspect: str
    """What probably broke it: a step, a source."""
    owner: str
    """Who answers for the outcome; "" when nobody does, which is a finding too."""
    dependency_owner: str
    """Who answers for the suspect."""
    since: datetime
    """When the trouble began."""
    detected_at: datetime
    deadline: datetime | None = None
    """By when it must be mended to be in time; None when it is too late already."""
    value: Decimal | None = None
    """Money at stake; None: not priced."""
    currency: str = ""
    lost_per_hour: Decimal | None = None
    """Money that every further hour costs, in the same currency; None: not priced."""
    score: float | None = None
    """Of detectors that score: 0 to 1, greater is stranger."""
    evidence: Evidence = field(default_factory=lambda: Evidence(""))
    cause_title: str = ""
    """One line for a person about everything of this cause, the title of the incident; "": the title of the first."""

    @property
    def id(self) -> str:
        """32 hex digits, of tenant, kind, rule, process, case and anchor."""
        parts = (self.tenant, self.kind.value, self.rule, self.process, self.case_id, self.anchor)
        return finding_id(*parts)


def finding_id(*parts: str) -> str:
    """The id that is made of these parts; NUL, which no name holds, is between them."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class FindingEnd:
    """That the trouble of a finding has ended, and how: `cured`; `grown` into another finding of the case (at risk
    into late, or waiting after another step); or `withdrawn`, when late events or another definition show that it is
    none."""

    finding_id: str
    incident_id: str
    how: str
    ended_at: datetime
