"""Mutes: what is not begun for a while."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from anomalies.documents import shown
from api.routes.runs import TheDesk
from kernel.errors import InputError
from kernel.timeparse import parse_duration
from mining.filters import parse_instant
from orchestration_hooks.mutes import LONGEST, LONGEST_REASON, Mute

Document = dict[str, Any]

router = APIRouter(prefix="/api/v1", tags=["remedies"])


class AMute(BaseModel):
    """What is to be muted, and how long: `until` an instant, or for as long as it `lasts`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    process: str = Field(description="The process; all of its stores.")
    playbook: str = Field(default="", description="Id of a playbook for this process; absent: every one.")
    key: str = Field(default="", description="Only runs with this key, as `runs` lists it; absent: all of them.")
    until: str | None = Field(default=None, description="Instant with time and zone, or a day: its beginning in UTC.")
    lasts: str | None = Field(default=None, description=f"Or how long from now, such as 4h; at most {LONGEST.days}d.")
    reason: str = Field(max_length=LONGEST_REASON, description="Why, for everybody who waits for it.")


@router.get("/mutes", summary="What is muted now; what ends first comes first.")
def mutes(desk: TheDesk) -> Document:
    return {"mutes": [mute_document(one) for one in desk.mutes()]}


@router.post("/mutes", status_code=201, summary="For a while open no run of a playbook on a process.")
def mute(body: AMute, desk: TheDesk) -> Document:
    return mute_document(
        desk.mute(body.process, playbook=body.playbook, key=body.key, until=_until(body), reason=body.reason)
    )


@router.post("/mutes/{mute}/end", summary="End a mute now.")
def end(mute: str, desk: TheDesk) -> Document:
    return mute_document(desk.end_mute(mute))


def mute_document(one: Mute) -> Document:
    found = asdict(one)
    return {name: shown(value) if isinstance(value, datetime) else value for name, value in found.items()}


def _until(body: AMute) -> datetime | timedelta:
    if (body.until is None) == (body.lasts is None):
        raise InputError("until: give either the instant at which it ends, or how long it lasts")
    if body.until is not None:
        return parse_instant(body.until, "until")
    try:
        return parse_duration(body.lasts)
    except ValueError as error:
        raise InputError(f"lasts: {error}") from None
