"""Target waits of single steps, and durations as definitions write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from kernel.timeparse import parse_duration


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _written(value: timedelta) -> str:
    """The duration as YAML takes it, exact to the millisecond."""
    rest, text = round(value / timedelta(milliseconds=1)), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(_written, when_used="json")]
"""A duration; in YAML `4h`, `30m`, `2d`, `1h30m`."""


class Target(BaseModel):
    """How long one step may take."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: str = Field(description="Activity that the step starts from.")
    target: str = Field(description="Activity that follows it directly.")
    within: Duration = Field(description="Longest wait that is still good, such as 4h.")
