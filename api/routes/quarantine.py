"""The quarantine: what could not become events, every byte of it, and what is done about it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.source_work import the_work
from ingest.quarantine import quarantine_reasons, quarantined, quarantined_bytes
from ingest.releasing import MOST, Released
from kernel.errors import InputError, NotFound
from mining.answers import Document, rows

router = APIRouter(prefix="/api/v1", tags=["loading"])


class Chosen(BaseModel):
    """Entries: those named, or the open ones of a source, whose reason holds a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: list[str] = Field(default_factory=list, max_length=MOST, description="Their ids.")
    source: str | None = Field(default=None, description="Or the open ones of this source.")
    reason: str = Field(default="", max_length=500, description="And those alone whose reason holds this text.")


class Mended(BaseModel):
    """What is to be read instead of what was sent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: str | None = Field(default=None, description="As text.")
    body_base64: str | None = Field(default=None, description="Or as bytes.")


@router.get("/quarantine", summary="What could not become events, newest first, and why.")
def quarantine_(
    request: Request,
    source: Annotated[str | None, Query(description="Only of this source.")] = None,
    reason: Annotated[str, Query(description="Only those whose reason holds this text.")] = "",
    ended: Annotated[bool, Query(description="Those that are open no longer, too.")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Most entries.")] = 100,
) -> Document:
    views = request.app.state.views
    found = quarantined(views.warehouse, tenant=views.tenant, source=source, reason=reason, ended=ended, limit=limit)
    return {
        "reasons": rows(quarantine_reasons(views.warehouse, tenant=views.tenant, source=source)),
        "entries": rows(found),
    }


@router.get("/quarantine/{entry}", summary="One entry with every byte that was sent, in base64.")
def entry(entry: str, request: Request) -> Document:
    views = request.app.state.views
    found = quarantined_bytes(views.warehouse, tenant=views.tenant, entries=[entry])
    if not found:
        raise NotFound(f"there is no entry {entry[:40]!r} in the quarantine")
    told = asdict(found[0])
    told["raw_base64"] = b64encode(told["raw"]).decode()
    told["raw"] = found[0].raw.decode("utf-8", "replace")
    return told


@router.post("/quarantine/replay", summary="Try once more to make events of entries, oldest first.")
def replay(body: Chosen, request: Request) -> Document:
    work, entries = the_work(request), chosen(body, request)
    found = told(work.releaser.replay(entries))
    work.recorded("quarantine_replayed", counted(found, body))
    return found


@router.post("/quarantine/discard", summary="Give entries up. Their bytes stay, and they still count as quarantined.")
def discard(body: Chosen, request: Request) -> Document:
    work, entries = the_work(request), chosen(body, request)
    found = told(work.releaser.discard(entries))
    work.recorded("quarantine_discarded", counted(found, body))
    return found


@router.post("/quarantine/{entry}/repair", summary="Make events of something else instead of what was sent.")
def repair(entry: str, body: Mended, request: Request) -> Document:
    if (body.body is None) == (body.body_base64 is None):
        raise InputError("body: give it either as text or in base64")
    try:
        mended = body.body.encode() if body.body is not None else b64decode(body.body_base64 or "", validate=True)
    except (NotBase64, UnicodeEncodeError):
        raise InputError("body: this is no text and no base64") from None
    work = the_work(request)
    found = told([work.releaser.repair(entry, mended)])
    work.recorded("quarantine_repaired", {"entry": entry[:40], "released": found["released"]})
    return found


def chosen(body: Chosen, request: Request) -> list[str]:
    """The ids of the entries that are meant."""
    if bool(body.entries) == (body.source is not None):
        raise InputError("name entries, or the source whose open entries are meant")
    if body.entries:
        return body.entries
    views = request.app.state.views
    found = quarantined(views.warehouse, tenant=views.tenant, source=body.source, reason=body.reason, limit=MOST)
    return list(found["entry"])


def told(released: list[Released]) -> Document:
    """What became of entries: how many are out, how many events they gave, and why the others stay."""
    return {
        "released": sum(not one.reason for one in released),
        "events": sum(one.events for one in released),
        "kept": sum(bool(one.reason) for one in released),
        "entries": [asdict(one) for one in released],
    }


def counted(found: Document, body: Chosen) -> Document:
    """As the audit is told: how many, and which were meant."""
    told = {"source": body.source or "", "reason": body.reason, "named": len(body.entries)}
    return told | {"released": found["released"], "kept": found["kept"]}
