"""What a run is about, and how it stands now: asked anew before everything that is done outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is about. `key` is what is open at most once per process; the rest is for people and templates."""

    process: str
    key: str
    incident_id: str = ""
    kind: str = ""
    rule: str = ""
    title: str = ""
    owner: str = ""
    severity: str = ""
    suspect: str = ""
    link: str = ""

    def document(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in SUBJECT_FIELDS}


SUBJECT_FIELDS = (
    "process",
    "key",
    "incident_id",
    "kind",
    "rule",
    "title",
    "owner",
    "severity",
    "suspect",
    "link",
)


class Verdict(StrEnum):
    HOLDS = "holds"  # the trouble is there
    CURED = "cured"
    UNREADABLE = "unreadable"  # nobody knows: a source is silent, the warehouse does not answer


@dataclass(frozen=True, slots=True)
class CaseAtStake:
    """One case in trouble. `amount` None: not priced."""

    case_id: str
    amount: Decimal | None = None
    currency: str = ""
    store: str = ""


@dataclass(frozen=True, slots=True)
class Situation:
    """How a subject stands. `note`: one line for a person, such as why it cannot be read."""

    verdict: Verdict
    cases: tuple[CaseAtStake, ...] = ()
    note: str = ""


class Evaluator(Protocol):
    """Reads how things stand. Both may raise a `GembascopeError`: then nothing is known, and it is asked again."""

    def evaluate(self, subject: Subject) -> Situation:
        """The cases of the subject that are in trouble now."""
        ...

    def happened(self, subject: Subject, case_ids: Collection[str], activity: str, since: datetime) -> set[str]:
        """Those of the cases where the activity happened at or after `since`."""
        ...


@dataclass(frozen=True, slots=True)
class Stake:
    """The cases of a situation as a run keeps them: by id, with what they are worth."""

    cases: tuple[CaseAtStake, ...] = ()
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    """Sum per currency of the cases that are priced."""
    unpriced: int = 0

    @classmethod
    def of(cls, cases: Iterable[CaseAtStake]) -> Stake:
        found = tuple(sorted({case.case_id: case for case in cases}.values(), key=lambda case: case.case_id))
        totals: dict[str, Decimal] = {}
        for case in found:
            if case.amount is not None:
                totals[case.currency] = totals.get(case.currency, Decimal(0)) + case.amount
        return cls(found, totals, sum(case.amount is None for case in found))

    @property
    def greatest(self) -> int | None:
        """The greatest total in ten-thousandths, whatever its currency; None where nothing is priced."""
        return max((int(total * 10_000) for total in self.totals.values()), default=None)

    def covers(self, other: Stake) -> bool:
        """Whether who agreed to this has agreed to the other: no further case, none worth more or in other money, and
        none whose price is not known any more."""
        agreed = {case.case_id: case for case in self.cases}
        return all(case.case_id in agreed and _covers(agreed[case.case_id], case) for case in other.cases)

    def document(self) -> dict[str, Any]:
        """As JSON: amounts as text, so that no digit is lost."""
        return {
            "cases": [
                {
                    "case_id": case.case_id,
                    "amount": None if case.amount is None else str(case.amount),
                    "currency": case.currency,
                    "store": case.store,
                }
                for case in self.cases
            ],
            "count": len(self.cases),
            "totals": {currency: str(total) for currency, total in sorted(self.totals.items())},
            "unpriced": self.unpriced,
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Stake:
        return cls.of(
            CaseAtStake(
                case["case_id"],
                None if case["amount"] is None else Decimal(case["amount"]),
                case["currency"],
                case["store"],
            )
            for case in document["cases"]
        )


def _covers(agreed: CaseAtStake, now: CaseAtStake) -> bool:
    if agreed.store != now.store:
        return False  # other people decide there
    if now.amount is None or agreed.amount is None:
        return now.amount is None and agreed.amount is None
    return now.currency == agreed.currency and now.amount <= agreed.amount
