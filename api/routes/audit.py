"""The audit: its newest signed head, and the entries of a chain."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query, Request

from kernel.audit.reading import AuditReader
from kernel.errors import NotFound
from mining.answers import Document

router = APIRouter(prefix="/api/v1", tags=["audit"])


def reader_of(request: Request) -> AuditReader:
    found: AuditReader | None = request.app.state.audited
    if found is None:
        raise NotFound("this service keeps no audit")
    return found


TheAudit = Annotated[AuditReader, Depends(reader_of)]


@router.get("/audit/head", summary="The newest anchor of the audit, signed: to be kept elsewhere.")
def head(audit: TheAudit) -> Document:
    found: Document = msgspec.to_builtins(audit.head(grown=False))
    return found


@router.get("/audit/{chain}", summary="Entries of one chain of the audit, by number.")
def chain_(
    chain: str,
    audit: TheAudit,
    after: Annotated[int, Query(ge=0, description="Only entries with numbers above this one.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most entries.")] = 100,
) -> Document:
    found = audit.entries(chain, after=after, limit=limit)
    return {
        "chain": chain,
        "entries": [msgspec.to_builtins(entry) for entry in found],
        "next": found[-1].number if len(found) == limit else None,
    }
