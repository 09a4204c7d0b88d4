"""Rules: what one would have found in the past, before it is trusted with the present."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from anomalies.backtest import BackTest
from anomalies.documents import shown
from api.routes.runs import desk_of
from kernel.errors import InputError
from kernel.timeparse import parse_duration
from mining.filters import parse_instant
from orchestration_hooks.desk import Desk

Document = dict[str, Any]
MOST_CASES = 100_000

router = APIRouter(prefix="/api/v1", tags=["rules"])


class Stretch(BaseModel):
    """What is asked of the past."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    since: str = Field(description="First instant: 2026-01-31, or with time and zone.")
    until: str = Field(description="Last instant; it is asked too when a step ends there.")
    every: str = Field(default="1d", description="How long from one instant to the next, such as 6h.")
    truth: list[str] | None = Field(
        default=None, max_length=MOST_CASES, description="Ids of the cases that the rule should find."
    )


@router.post("/rules/{rule}/backtest", summary="What a rule would have found in the past; nothing is written down.")
def back_test(rule: str, body: Stretch, desk: Annotated[Desk, Depends(desk_of)]) -> Document:
    since, until = parse_instant(body.since, "since"), parse_instant(body.until, "until")
    try:
        every = parse_duration(body.every)
    except ValueError as error:
        raise InputError(f"every: {error}") from None
    return back_test_document(desk.back_test(rule, since, until, every, body.truth), every)


def back_test_document(one: BackTest, every: timedelta) -> Document:
    """`found`: one finding per entry, by when it was found first; `days`: per day of UTC those that were `new`, and
    the most that were `open` at once; `precision` and `recall` are null without truth or anything to divide by."""
    found = [
        {name: shown(value) if isinstance(value, datetime) else value for name, value in row.items()}
        for row in one.found.to_dicts()
    ]
    return {
        "rule": one.rule,
        "since": shown(one.since),
        "until": shown(one.until),
        "every_s": every.total_seconds(),
        "instants": one.instants,
        "found": found,
        "days": [row | {"day": row["day"].isoformat()} for row in one.days.to_dicts()],
        "precision": one.precision,
        "recall": one.recall,
        "not_learned": list(one.not_learned),
    }
