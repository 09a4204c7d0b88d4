"""Sources: how they are, what they are defined as, and what one can do to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.source_work import SourceWork, the_work
from ingest.sources.desk import moment_text
from ingest.sources.writing import remove_source, write_source
from kernel.errors import NotFound
from mining.answers import Document

MOST_REASON = 500
router = APIRouter(prefix="/api/v1", tags=["loading"])


Work = Annotated[SourceWork, Depends(the_work)]


class Stop(BaseModel):
    """Why nothing is to be taken from a source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(min_length=1, max_length=MOST_REASON, description="Why, for everybody who looks after it.")


@router.get("/sources", summary="How each source is, by its name.")
def sources(work: Work) -> Document:
    """One per source that is defined or that events came from at run time. received = stored + duplicate + quarantined
    + refused + in_spool: `missing` is the difference, which is 0 at any moment."""
    return {"sources": [one.document() for one in work.desk.health()]}


@router.get("/sources/{source}", summary="One source: how it is, how each store is told of, and what has changed.")
def source(source: str, work: Work) -> Document:
    found = work.desk.one(source)
    try:
        definition: Any = work.desk.sources.definitions.get(source).model_dump(mode="json", by_alias=True)
    except NotFound:
        definition = None
    stores = [
        {name: moment_text(value) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in work.desk.stores(source).to_dicts()
    ]
    drifts = [
        {
            "rule": one.rule,
            "path": one.path,
            "change": one.change,
            "was": one.was,
            "is": one.is_,
            "noticed_at": moment_text(one.noticed_at),
        }
        for one in work.desk.drifts(source)
    ]
    return {**found.document(), "definition": definition, "stores": stores, "changes": drifts}


@router.put("/sources/{source}", summary="Define a source, or define it anew.")
def define(source: str, body: Annotated[dict[str, Any], Body()], work: Work) -> Document:
    """The body is what its file would hold; secrets are named by reference."""
    definition = write_source(work.desk.sources.definitions, {**body, "id": source})
    work.recorded("source_defined", {"source": source, "pack": definition.pack, "kind": definition.collect.kind})
    return definition.model_dump(mode="json", by_alias=True)


@router.delete("/sources/{source}", summary="Define a source no more. Its events and its account stay.")
def remove(source: str, work: Work) -> Document:
    remove_source(work.desk.sources.definitions, source)
    work.recorded("source_removed", {"source": source})
    return {"source": source}


@router.post("/sources/{source}/stop", summary="Take nothing more from a source that can wait, until it is resumed.")
def stop(source: str, body: Stop, work: Work) -> Document:
    work.desk.stop(source, body.reason)
    work.recorded("source_stopped", {"source": source, "reason": body.reason})
    return work.desk.one(source).document()


@router.post("/sources/{source}/resume", summary="Take from a source again.")
def resume(source: str, work: Work) -> Document:
    work.desk.resume(source)
    work.recorded("source_resumed", {"source": source})
    return work.desk.one(source).document()


@router.post("/sources/{source}/look", summary="Somebody has looked at what it says otherwise than it used to.")
def look(source: str, work: Work) -> Document:
    seen = work.desk.look_at(source)
    work.recorded("source_changes_seen", {"source": source, "changes": seen})
    return {"source": source, "changes": seen}
