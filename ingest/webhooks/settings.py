"""How a source that sends webhooks is collected, as its definition says it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.secrets import Reference

StyleName = Literal["standard", "stripe", "github", "shopify", "woocommerce"]


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
    tolerance_s: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="How old a signed time may be, and how far ahead, seconds; of styles that sign one.",
    )
