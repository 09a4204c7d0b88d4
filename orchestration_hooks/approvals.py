"""Decisions of people. Who may decide is looked up at the moment of the decision, and everything else is refused.

Four eyes: neither who asked for the run nor who wrote its playbook agrees, and who agreed at an earlier step does not
again at a later one. What is approved is what was shown: its version comes along, and another one is refused. A
decision that is refused changes nothing but the audit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Row, and_, func, select

from kernel.access import Permission, Principal, Role, reach
from kernel.errors import InputError, NotAllowed, NotFound, OutOfDate
from kernel.state.tables import RUN_VOTES, RUN_WAITS
from orchestration_hooks.book import Book
from orchestration_hooks.controls import covers
from orchestration_hooks.entry import Entry
from orchestration_hooks.library import Library
from orchestration_hooks.playbook import ApprovalLimit, Playbook
from orchestration_hooks.playbook_steps import Approval
from orchestration_hooks.situation import Stake
from orchestration_hooks.states import Activity, WaitKind, WaitOutcome
from orchestration_hooks.tools import Tools

Decision = Literal["approve", "reject"]
LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision that counts. `outcome` None: more people have to agree."""

    outcome: WaitOutcome | None
    votes: int
    needed: int


class Approvals:
    """Takes decisions."""

    def __init__(self, tools: Tools, book: Book, library: Library) -> None:
        self._tools, self._book, self._library = tools, book, library

    def decide(
        self, run_id: str, step_id: str, principal: Principal, decision: Decision, reason: str, version: int
    ) -> Decided:
        """Decide on what waits at a step. `version`: of what was shown, as the inbox gives it.

        Raises
        ------
        NotFound
            There is no such run, none that the principal may see, or nothing at this step to decide.
        OutOfDate
            Something else is to be decided by now.
        NotAllowed
            Why this person may not decide this now.
        InputError
            A rejection has no reason, or the reason is too long.
        """
        reason = reason.strip()
        if decision not in ("approve", "reject"):
            raise ValueError(f"a decision is approve or reject, not {decision!r}")
        if (decision == "reject" and not reason) or len(reason) > LONGEST_REASON:
            raise InputError(f"a rejection needs a reason, of at most {LONGEST_REASON} characters")
        with self._book.of(run_id) as entry:
            found = self._decide(entry, step_id, principal, decision, reason, version)
            if isinstance(found, Exception):
                body = {"step": step_id, "version": version, "decision": decision, "refused": str(found)}
                entry.audit("Decision refused", body, actor=principal.id)
        if isinstance(found, Exception):
            raise found
        return found

    def _decide(
        self, entry: Entry, step_id: str, principal: Principal, decision: Decision, reason: str, version: int
    ) -> Decided | Exception:
        if not covers(entry, principal, Permission.READ):
            return NotFound(f"there is no run {entry.run.id!r}")
        wait = self._newest(entry, step_id)
        if wait is None:
            return NotFound(f"the run has nothing to decide at the step {step_id[:64]!r}")
        if wait.visit != version:
            return OutOfDate("something else is to be decided by now: look at it again")
        if wait.closed_at is not None or wait.deadline <= entry.now or entry.run.row.cancel_by is not None:
            return NotAllowed("it is too late: this was decided, or its time is over")
        playbook = self._library.get(entry.run.row.playbook_hash)
        asks = playbook.step(step_id).approval
        if asks is None:
            raise ValueError(f"step {step_id!r} of {playbook.id} is no approval")
        if (why := self._refusal(entry, playbook, asks, wait, principal, decision)) is not None:
            return NotAllowed(why)
        return self._count(entry, asks, wait, principal, decision, reason)

    def _newest(self, entry: Entry, step_id: str) -> Row[Any] | None:
        where = and_(
            RUN_WAITS.c.tenant == entry.tenant,
            RUN_WAITS.c.run_id == entry.run.id,
            RUN_WAITS.c.step == step_id,
            RUN_WAITS.c.kind == WaitKind.APPROVAL.value,
        )
        return entry.connection.execute(select(RUN_WAITS).where(where).order_by(RUN_WAITS.c.visit.desc())).first()

    def _refusal(
        self, entry: Entry, playbook: Playbook, asks: Approval, wait: Any, principal: Principal, decision: Decision
    ) -> str | None:
        votes = RUN_VOTES
        mine = (
            votes.c.tenant == entry.tenant,
            votes.c.run_id == entry.run.id,
            votes.c.actor == principal.id,
        )
        before = entry.connection.execute(select(votes.c.step, votes.c.visit).where(*mine)).all()
        if any(row.step == wait.step and row.visit == wait.visit for row in before):
            return "you have decided on this already"
        if decision == "approve" and any(row.step != wait.step for row in before):
            return "you have decided at an earlier step of this run: somebody else does here"
        return refusal(
            principal,
            decision=decision,
            process=entry.run.row.process,
            stake=Stake.read(json.loads(wait.asked)),
            requested_by=entry.run.row.requested_by,
            playbook=playbook,
            asks=asks,
            level=wait.level,
        )

    def _count(
        self, entry: Entry, asks: Approval, wait: Any, principal: Principal, decision: Decision, reason: str
    ) -> Decided:
        votes = RUN_VOTES
        values = {
            "tenant": entry.tenant,
            "run_id": entry.run.id,
            "step": wait.step,
            "visit": wait.visit,
            "actor": principal.id,
            "decision": decision,
            "reason": reason,
            "roles": json.dumps(sorted(str(grant) for grant in principal.grants)),
            "at": entry.now,
        }
        entry.connection.execute(votes.insert().values(**values))
        here = (
            votes.c.tenant == entry.tenant,
            votes.c.run_id == entry.run.id,
            votes.c.step == wait.step,
            votes.c.visit == wait.visit,
            votes.c.decision == "approve",
        )
        agreed = int(entry.connection.execute(select(func.count()).select_from(votes).where(*here)).scalar_one())
        body = {
            "reason": reason,
            "votes": agreed,
            "needed": asks.votes,
            "name": principal.name,
            "roles": json.loads(str(values["roles"])),
        }
        activity = Activity.APPROVED if decision == "approve" else Activity.REJECTED
        entry.tell(activity, body, actor=principal.id)
        outcome = None
        if decision == "reject":
            outcome = WaitOutcome.REJECTED
        elif agreed >= asks.votes:
            outcome = WaitOutcome.APPROVED
        if outcome is not None:
            entry.close_wait(outcome)
            entry.nudge()
        return Decided(outcome, agreed, asks.votes)


def refusal(
    principal: Principal,
    *,
    decision: Decision,
    process: str,
    stake: Stake,
    requested_by: str,
    playbook: Playbook,
    asks: Approval,
    level: int,
) -> str | None:
    """Why a person may not decide this; None when they may. Votes that were given are not looked at here."""
    if principal.kind == "key":
        return "people decide, not programs"
    found = reach(principal, Permission.APPROVE, process)
    stores = {case.store for case in stake.cases}
    if found is None or not (found.stores is None or (stores and stores <= found.stores)):
        return "this needs the right to approve for every case that is at stake"
    roles = {grant.role for grant in principal.grants if grant.process in ("", process)}
    if asks.role not in roles:
        return f"this needs the role {asks.role.value}"
    names = {principal.id, principal.name}
    invited = set(asks.people) | {name for added in asks.escalate[:level] for name in added.people}
    if asks.people and not names & invited:
        return "others are asked to decide this"
    if decision == "reject":
        return None  # whoever may decide at all may say no
    if requested_by in names:
        return "who asked for it does not approve it"
    if playbook.author in names:
        return "who wrote the playbook does not approve what it does"
    return _beyond(stake, _limits(playbook.limits.approvals, names, roles)) if playbook.limits.approvals else None


def _limits(given: Iterable[ApprovalLimit], names: set[str], roles: set[Role]) -> list[ApprovalLimit]:
    given = list(given)
    own = [limit for limit in given if limit.person in names]
    return own or [limit for limit in given if limit.role in roles]


def _beyond(stake: Stake, limits: list[ApprovalLimit]) -> str | None:
    """Why no limit of a person allows this; one that does is enough."""
    if not limits:
        return "the playbook gives you no limit to approve within"
    reasons = [_over(stake, limit) for limit in limits]
    return None if None in reasons else reasons[0]


def _over(stake: Stake, limit: ApprovalLimit) -> str | None:
    if len(stake.cases) > limit.max_cases:
        return f"{len(stake.cases)} cases are more than the {limit.max_cases} you may approve at once"
    if stake.unpriced and not limit.unpriced:
        have = "case has" if stake.unpriced == 1 else "cases have"
        return f"{stake.unpriced} {have} no price, and you may approve only what has one"
    for currency, total in stake.totals.items():
        if total > limit.max_money.get(currency, Decimal(0)):
            return f"{total} {currency} is more than the {limit.max_money.get(currency, 0)} {currency} you may approve"
    return None
