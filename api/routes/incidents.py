"""Incidents: what is in trouble, why, who answers for it, and what people say and do about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from anomalies.documents import finding_documents, incident_document, note_document
from anomalies.finding_store import MOST
from anomalies.incident_desk import LASTING, IncidentDesk
from anomalies.incidents import LONGEST_NOTE
from kernel.errors import InputError, NotFound
from orchestration_hooks.desk import Desk

Document = dict[str, Any]
STATES = (*LASTING, "resolved")

router = APIRouter(prefix="/api/v1", tags=["incidents"])


def desk_of(request: Request) -> IncidentDesk:
    desk: Desk | None = request.app.state.desk
    if desk is None:
        raise NotFound("this service knows no incidents")
    return desk.incidents


TheDesk = Annotated[IncidentDesk, Depends(desk_of)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Comment(_Body):
    text: str = Field(description=f"What is said, 1 to {LONGEST_NOTE} characters.")


class Assignment(_Body):
    owner: str = Field(description="Id of the owner who answers for it from now on.")


class Closing(_Body):
    reason: str = Field(description=f"Why it is closed while its trouble may last, 1 to {LONGEST_NOTE} characters.")


@router.get("/incidents", summary="Incidents, the severest and dearest first.")
def incidents(
    desk: TheDesk,
    state: Annotated[
        list[str] | None, Query(description="open, acknowledged or resolved; repeated: any. Absent: not resolved.")
    ] = None,
    process: Annotated[str, Query(description="Only of this process.")] = "",
    limit: Annotated[int, Query(ge=1, le=1_000, description="Most incidents.")] = 200,
) -> Document:
    for word in state or ():
        if word not in STATES:
            raise InputError(f"state: {word[:40]!r} is not one of {', '.join(STATES)}")
    lines = desk.lines(states=state or LASTING, process=process, most=limit)
    return {"incidents": [incident_document(line) for line in lines]}


@router.get("/incidents/{incident}", summary="One incident, with what was said and done about it.")
def incident_(incident: str, desk: TheDesk) -> Document:
    line = desk.line(incident)
    return {
        **incident_document(line),
        "may_act": desk.may_act(line),
        "notes": [note_document(note) for note in desk.notes(incident)],
    }


@router.get("/incidents/{incident}/findings", summary="Its findings with their evidence, lasting and dearest first.")
def findings(
    incident: str,
    desk: TheDesk,
    lasting: Annotated[bool, Query(description="Only those whose trouble lasts.")] = False,
    skip: Annotated[int, Query(ge=0, description="Findings to leave out at the beginning.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most findings.")] = 100,
) -> Document:
    found = desk.found(incident, open_only=lasting, skip=skip, most=limit)
    return {"findings": finding_documents(found), "next": skip + limit if found.height == limit else None}


@router.post("/incidents/{incident}/acknowledge", summary="Take it up: it is not paged again until it grows worse.")
def acknowledge(incident: str, desk: TheDesk) -> Document:
    desk.acknowledge(incident)
    return incident_(incident, desk)


@router.post("/incidents/{incident}/comments", status_code=201, summary="Say something about it.")
def comment(incident: str, body: Comment, desk: TheDesk) -> Document:
    return note_document(desk.comment(incident, body.text))


@router.post("/incidents/{incident}/owner", summary="Give it to another owner.")
def assign(incident: str, body: Assignment, desk: TheDesk) -> Document:
    desk.assign(incident, body.owner)
    return incident_(incident, desk)


@router.post("/incidents/{incident}/close", summary="Close it by hand, with a reason.")
def close(incident: str, body: Closing, desk: TheDesk) -> Document:
    desk.close(incident, body.reason)
    return incident_(incident, desk)
