"""Messages that did not arrive: alerts that are not tried any more, and how many are on their way."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from anomalies.documents import shown
from api.routes.runs import Reason, TheDesk
from orchestration_hooks.desk import Desk
from orchestration_hooks.outbox import Dead

Document = dict[str, Any]

router = APIRouter(prefix="/api/v1", tags=["messages"])


@router.get("/messages", summary="Messages that were given up, the newest first; for who may read everything.")
def messages(desk: TheDesk) -> Document:
    return messages_document(desk)


@router.post("/messages/{message}/requeue", summary="Send a message that was given up again, under the same key.")
def requeue(message: str, desk: TheDesk) -> Document:
    desk.requeue_message(message)
    return messages_document(desk)


@router.post("/messages/{message}/discard", summary="Give a message up for good: nobody is told of it.")
def discard(message: str, body: Reason, desk: TheDesk) -> Document:
    desk.discard_message(message, body.reason)
    return messages_document(desk)


def messages_document(desk: Desk) -> Document:
    """`messages`: the newest of those that are not tried any more, of `dead` in all; `waiting`: how many are tried yet,
    the oldest `waiting_since` then (null: none is)."""
    found = desk.undelivered()
    titles = desk.titles({one.incident_id for one in found.dead})
    return {
        "messages": [_message(one, titles) for one in found.dead],
        "dead": found.dead_count,
        "waiting": found.waiting,
        "waiting_since": shown(found.oldest),
    }


def _message(one: Dead, titles: dict[str, str]) -> Document:
    """`incident`: what it is about, the worst of so many `incidents`, with its `title`; `code` and `detail`: of the
    last attempt. What it told is not shown."""
    return {
        "message": one.dedup_key,
        "destination": one.destination,
        "incident": one.incident_id,
        "incidents": one.incidents,
        "title": titles.get(one.incident_id, ""),
        "attempts": one.attempts,
        "created_at": shown(one.created_at),
        "dead_at": shown(one.dead_at),
        "code": one.code,
        "detail": one.detail,
    }
