"""How a source that sends webhooks is collected, as its definition says it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernel.secrets import Reference

StyleName = Literal["standard", "stripe", "github", "shopify", "woocommerce"]


_HEADER = re.compile(r"[a-z][a-z0-9-]{0,99}")
_NEVER = re.compile(r"authorization|cookie|set-cookie|.*(signature|secret|token|password|hmac|api-?key).*")


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError(f"{value[:60]!r} is no header in small letters")
    if _NEVER.fullmatch(value):
        raise ValueError(f"{value!r} may hold a credential, which no mapping sees")
    return value


class WebhookSettings(BaseModel):
    """Webhooks, taken at `POST /api/v1/hooks/{source}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["webhook"] = Field(description="webhook")
    style: StyleName = Field(description="How the sender signs: standard, stripe, github, shopify or woocommerce.")
    secrets: tuple[Reference, ...] = Field(
        min_length=1,
        max_length=2,
        description="Where the secrets are that sign, as env:NAME or file:PATH: one, or two while it is replaced.",
    )
    headers: tuple[Annotated[str, AfterValidator(_header)], ...] = Field(
        default=(),
        max_length=30,
        description="Further headers that the mapping pack may see. They are not signed: whoever carries a message can "
        "change them.",
    )
    tolerance_s: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How old a signed time may be, and how far ahead, seconds; of styles that sign one.",
    )
