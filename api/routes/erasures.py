"""Erasures: an object is forgotten in all that is kept, and what became of that is told."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.source_work import SourceWork, the_work
from ingest.erasing.erasing import LONGEST_ID, LONGEST_REASON
from ingest.erasing.orders import COUNTED, DONE, Erasure
from ingest.live import LiveIngest
from ingest.sources.desk import moment_text
from ingest.spool import LEASE
from kernel.access import present
from kernel.errors import NotFound
from mining.answers import Document

WAIT_S = 45.0
"""How long an order waits for its end before it is answered as it is: a client gives up after two minutes."""
WAIT_ALONE_S = 2 * LEASE.total_seconds()
"""The same where nothing goes on beside: for as long as a process that was killed may seem to load."""
LOOK_S = 0.1
router = APIRouter(prefix="/api/v1", tags=["loading"])
Work = Annotated[SourceWork, Depends(the_work)]


class Order(BaseModel):
    """Who is to be forgotten, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    object_type: str = Field(min_length=1, max_length=500, description="Type of the object, such as customer.")
    id: str = Field(min_length=1, max_length=LONGEST_ID, description="Its id, as events name it.")
    reason: str = Field(min_length=1, max_length=LONGEST_REASON, description="Why. It is kept: name nobody.")
    pseudonymise: bool = Field(default=False, description="The id is in clear, and the log has its pseudonym.")
    everywhere: bool | None = Field(
        default=None,
        description="Whether the id means nothing else, so that it goes out of texts and of values of other objects, "
        "too. Absent: where it has six characters, or nine digits.",
    )


@router.get("/erasures", summary="What was erased, and whether nothing of it was found afterwards; newest first.")
def erasures(work: Work) -> Document:
    return {"erasures": [document(one) for one in work.live.erasing.orders.all()]}


@router.get("/erasures/{erasure}", summary="One erasure: how far it is, and what became of it.")
def erasure(erasure: str, work: Work) -> Document:
    found = work.live.erasing.orders.one(erasure)
    if found is None:
        raise NotFound(f"there is no erasure {erasure[:40]!r}")
    return document(found)


@router.post("/erasures", summary="Forget an object in all that is kept. Again is no error: nothing is found then.")
def erase(body: Order, work: Work) -> Document:
    """Answers when it is done, or after a while as far as it is: `phase` is done at the end. What was ordered is
    finished also when this service ends meanwhile."""
    principal, erasing = present(), work.live.erasing
    subject = erasing.subject(body.object_type, body.id, pseudonymise=body.pseudonymise, everywhere=body.everywhere)
    made = erasing.order(subject, body.reason, principal.id if principal is not None else "")
    return document(_waited(work.live, made))


def _waited(live: LiveIngest, made: Erasure) -> Erasure:
    """The order when it is done, or after a while as far as it is."""
    until = time.monotonic() + (WAIT_S if live.in_background else WAIT_ALONE_S)
    while True:
        if live.in_background:
            live.noticed()
        else:
            live.drain()
        found = live.erasing.orders.one(made.erasure) or made
        if found.phase == DONE or time.monotonic() > until:
            return found
        time.sleep(LOOK_S)


def document(one: Erasure) -> Document:
    """As JSON tells it. Nothing in it says who was meant."""
    told: dict[str, Any] = asdict(one)
    del told["subject"], told["digest"]
    found = {name: moment_text(told[name]) for name in ("ordered_at", "ended_at")}
    return {**told, **found, "left": list(one.left), "found": sum(told[name] for name in COUNTED)}
