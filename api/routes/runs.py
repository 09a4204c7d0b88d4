"""Remedies: what may be done about an incident, what waits for a decision, and how runs went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from anomalies.detection import Looked
from anomalies.documents import incident_document, money, shown
from kernel.errors import InputError, NotFound
from kpis.standings import Standing
from orchestration_hooks.desk import Desk
from orchestration_hooks.library import file_of
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.runs import RunDetail, RunRow, Waiting
from orchestration_hooks.states import Mode

Document = dict[str, Any]

router = APIRouter(prefix="/api/v1", tags=["remedies"])


def desk_of(request: Request) -> Desk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise NotFound("this service knows no incidents")
    return desk


TheDesk = Annotated[Desk, Depends(desk_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Proposal(_Body):
    playbook: str = Field(description="Id of a playbook that is for this incident.")
    mode: Literal["manual", "dry_run", "shadow"] | None = Field(
        default=None, description="Less than the playbook does by itself, such as dry_run; absent: as it is set."
    )


class ADecision(_Body):
    step: str = Field(description="The step that waits, as `decisions` lists it.")
    version: int = Field(description="Of what was shown, as `decisions` gives it: another one is refused.")
    decision: Literal["approve", "reject"] = Field(description="approve or reject.")
    reason: str = Field(default="", max_length=2_000, description="Why; needed to reject.")


class Reason(_Body):
    reason: str = Field(description="Why.", max_length=2_000)


class Settlement(_Body):
    done: bool = Field(description="Whether the deed that is in doubt was done.")
    reason: str = Field(description="How one knows.", max_length=2_000)


@router.get("/overview", summary="What is late, what it costs, what broke, and what waits for a decision.")
def overview(desk: TheDesk) -> Document:
    inbox = desk.inbox()
    return {
        "now": shown(desk.now()),
        "promises": [standing_document(one) for one in desk.standings()],
        "incidents": [incident_document(line) for line in desk.lasting()],
        "decisions": [waiting_document(one) for one in inbox],
        "detection": detection_document(desk),
    }


@router.post("/detection", summary="Look for trouble now, as the service does by itself whenever events arrive.")
def detect(desk: TheDesk) -> Document:
    desk.detect()
    return detection_document(desk)


@router.post("/incidents/{incident}/runs", status_code=201, summary="Propose a playbook for an incident.")
def propose(incident: str, body: Proposal, desk: TheDesk) -> Document:
    opened = desk.propose(incident, body.playbook, Mode(body.mode) if body.mode is not None else None)
    return {"run": opened.run_id, "reason": opened.reason}


@router.get("/decisions", summary="What waits for a decision, the greatest value first.")
def decisions(desk: TheDesk, run: Annotated[str | None, Query(description="Only of this run.")] = None) -> Document:
    return {"decisions": [waiting_document(one) for one in desk.inbox(run)]}


@router.get("/playbooks", summary="The playbooks: what they are for, and how much they do.")
def playbooks(desk: TheDesk) -> Document:
    return {"playbooks": [playbook_document(one, desk) for one in desk.all_playbooks()]}


@router.get("/runs", summary="Runs of playbooks, the newest first.")
def runs(
    desk: TheDesk,
    incident: Annotated[str | None, Query(description="Only on this incident.")] = None,
    process: Annotated[str | None, Query(description="Only of this process.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Most runs.")] = 50,
) -> Document:
    return {"runs": [run_document(run) for run in desk.runs(incident=incident, process=process, most=limit)]}


@router.get("/runs/{run}", summary="One run with its steps, waits, decisions and everything that happened.")
def run_(run: str, desk: TheDesk) -> Document:
    return detail_document(desk.run(run))


@router.post("/runs/{run}/decisions", summary="Approve or reject what waits at a step.")
def decide(run: str, body: ADecision, desk: TheDesk) -> Document:
    decided = desk.decide(run, body.step, body.decision, body.reason, body.version)
    return {"outcome": decided.outcome, "votes": decided.votes, "needed": decided.needed}


@router.post("/runs/{run}/cancel", summary="Have a run stop; what it did and can undo is undone first.")
def cancel(run: str, body: Reason, desk: TheDesk) -> Document:
    if not body.reason.strip():
        raise InputError("reason: say why it is to stop")
    desk.cancel(run, body.reason)
    return detail_document(desk.run(run))


@router.post("/runs/{run}/resume", summary="Have a run that holds look again now.")
def resume(run: str, desk: TheDesk) -> Document:
    desk.resume(run)
    return detail_document(desk.run(run))


@router.post("/runs/{run}/requeue", summary="Send a dead run on, under the same keys.")
def requeue(run: str, desk: TheDesk) -> Document:
    desk.requeue(run)
    return detail_document(desk.run(run))


@router.post("/runs/{run}/settle", summary="Say what became of a deed in doubt.")
def settle(run: str, body: Settlement, desk: TheDesk) -> Document:
    desk.settle(run, done=body.done, reason=body.reason)
    return detail_document(desk.run(run))


def standing_document(one: Standing) -> Document:
    summary = one.summary
    return {
        "process": one.process.id,
        "promise": one.promise.name,
        "owner": one.process.owner,
        "now": shown(summary.now),
        "complete_until": shown(one.complete.until),
        "cases": {state.value: number for state, number in summary.cases.items()},
        "late_now": summary.late_now,
        "kept_late": summary.kept_late,
        "value_late": money(summary.value_late),
        "value_at_risk": money(summary.value_at_risk),
        "unpriced": summary.unpriced,
        "lost_per_hour": money(summary.lost_per_hour),
        "oldest_due": shown(summary.oldest_due),
    }


def playbook_document(one: Playbook, desk: Desk) -> Document:
    """A playbook: `matches` says which findings it is for (empty lists: any), `file` where it is written, below the
    home or within the product."""
    match = one.trigger.match
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "author": one.author,
        "mode": one.mode.value,
        "requires_approval": one.requires_approval,
        "matches": {
            "process": match.process,
            "kind": [kind.value for kind in match.kind],
            "rule": list(match.rule),
            "severity": match.severity.value,
        },
        "steps": [step.id for step in one.steps],
        "file": file_of(desk.playbook_folder, one.id),
    }


def run_document(run: RunRow) -> Document:
    return _document(asdict(run))


def waiting_document(one: Waiting) -> Document:
    """A decision that waits: the run, what is asked and at stake, and why one may not approve it (null: one may)."""
    return {
        "run": run_document(one.run),
        "step": one.step,
        "version": one.version,
        "ask": one.ask,
        "stake": one.stake.document(),
        "asked_at": shown(one.asked_at),
        "deadline": shown(one.deadline),
        "level": one.level,
        "votes": one.votes,
        "needed": one.needed,
        "refusal": one.refusal,
    }


def detail_document(detail: RunDetail) -> Document:
    return {
        **run_document(detail.run),
        "playbook_hash": detail.playbook_hash,
        "context": _plain(detail.context),
        "steps": [_row(row) for row in detail.steps],
        "waits": [_row(row) for row in detail.waits],
        "votes": [_row(row) for row in detail.votes],
        "dead_letters": [_row(row) for row in detail.dead_letters],
        "history": [_document(asdict(event)) for event in detail.history],
    }


def detection_document(desk: Desk) -> Document:
    last = desk.detection.last
    seen = {definition.id for definition in desk.views.all()}
    return {
        "problem": last.problem,
        "rules": [_looked(one) for one in last.looked if one.process in seen],
    }


def _looked(one: Looked) -> Document:
    return _document(asdict(one))


def _row(row: Mapping[str, Any]) -> Document:
    return _document({name: value for name, value in row.items() if name != "tenant"})


def _document(row: Mapping[str, Any]) -> Document:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """As JSON: instants as text."""
    if isinstance(value, datetime):
        return shown(value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
