"""What the definition of a source says of a workflow engine whose executions are fetched over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kernel.secrets import Reference


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError("expected a URL such as https://n8n.example") from None
    plain = text.isascii() and text.isprintable() and not set(text) & set(' "<>\\^`{|}')
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("expected a URL such as https://n8n.example")
    if "@" in parts.netloc or parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("expected a URL without a name, a password, a query or a fragment")
    return text.rstrip("/")


def _reached(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


Url = Annotated[str, Field(min_length=8, max_length=1_000), AfterValidator(_url)]
Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
_FORBID = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Polled(BaseModel):
    model_config = _FORBID

    url: Url = Field(description="Where its API is, without the path of a version: https://n8n.example.")
    since: AwareDatetime | None = Field(
        default=None, description="Executions that started before are not collected; unset: as `look_back_s` says."
    )
    look_back_s: float = Field(
        default=604_800, ge=0, le=366 * 86_400, description="How far back the first poll looks, seconds: a week."
    )
    overlap_s: float = Field(
        default=900,
        ge=0,
        le=7 * 86_400,
        description="How far below the latest start executions may still appear, seconds: as long as its listings lag, "
        "and the clocks of what writes there may be apart.",
    )
    poll_s: float = Field(default=30, ge=0.01, le=86_400, description="Pause between two polls, seconds.")
    page: int = Field(default=100, ge=1, le=250, description="Most executions asked for at once.")
    batch: int = Field(default=50, ge=1, le=1_000, description="Most documents handed over at once.")
    batch_bytes: int = Field(default=16 << 20, ge=1, le=256 << 20, description="About the most bytes handed over.")
    most_open: int = Field(
        default=5_000,
        ge=1,
        le=50_000,
        description="Most executions that have not ended and are kept over a restart; others are read again.",
    )
    most_document_bytes: int = Field(default=8 << 20, ge=1_000, le=64 << 20, description="Largest document, bytes.")
    timeout_s: float = Field(default=30, ge=0.1, le=600, description="Longest time of one request, seconds.")

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to."""
        return (_reached(self.url),)


class N8nSettings(_Polled):
    """Executions of n8n, by its public API."""

    kind: Literal["n8n"] = Field(description="Executions of workflows, by the public API of n8n.")
    api_key: Reference = Field(description="Where the API key is: env:NAME or file:PATH.")
    workflow: Name | None = Field(default=None, description="Only executions of this workflow, by its id.")
    status: Literal["canceled", "crashed", "error", "success", "waiting"] | None = Field(
        default=None, description="Only executions that have this status: others are not even seen to run."
    )


class OAuth(BaseModel):
    """Client credentials of OAuth 2.0."""

    model_config = _FORBID

    token_url: Url = Field(description="Where tokens are given out.")
    client_id: Name = Field(description="Id of the client.")
    client_secret: Reference = Field(description="Where its secret is: env:NAME or file:PATH.")
    audience: Name | None = Field(default=None, description="What the token is for, such as zeebe.camunda.io.")
    scope: Name | None = Field(default=None, description="What it may do, where the giver asks for it.")


class CamundaSettings(_Polled):
    """Process instances of Camunda 8, by the REST API of an orchestration cluster."""

    kind: Literal["camunda"] = Field(description="Process instances, by the REST API (v2) of Camunda 8.")
    oauth: OAuth | None = Field(default=None, description="Sign in with client credentials.")
    user: Name | None = Field(default=None, description="Sign in as this user (basic), in place of OAuth.")
    password: Reference | None = Field(default=None, description="Where the user's password is.")
    processes: tuple[Name, ...] = Field(default=(), max_length=100, description="Only these, by their BPMN ids.")
    tenant: Name | None = Field(default=None, description="Only instances of this tenant of the cluster.")
    variables: tuple[Name, ...] = Field(
        default=(), max_length=100, description="Variables that are fetched too, by their names; all others are left."
    )

    @model_validator(mode="after")
    def _one(self) -> CamundaSettings:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.oauth is not None and self.user is not None:
            raise ValueError("expected either oauth or a user")
        return self

    @property
    def reaches(self) -> tuple[str, ...]:
        """The host:port that are connected to."""
        return (_reached(self.url), *((_reached(self.oauth.token_url),) if self.oauth else ()))


class TemporalSettings(_Polled):
    """Workflow executions of Temporal, by the HTTP API of its frontend."""

    kind: Literal["temporal"] = Field(description="Histories of executions, by the HTTP API of Temporal.")
    namespace: Name = Field(description="Namespace of the executions.")
    api_key: Reference | None = Field(default=None, description="Where the API key is, sent as bearer; unset: none.")
    query: str | None = Field(
        default=None,
        min_length=1,
        max_length=2_000,
        description="Only executions that this list filter finds, such as WorkflowType = 'Refund'.",
    )
    payloads: bool = Field(
        default=False, description="Keep inputs, results and what else is carried, which may tell of persons."
    )
    search_attributes: tuple[Name, ...] = Field(
        default=(), max_length=100, description="Search attributes that are kept where payloads are not."
    )
    memo: tuple[Name, ...] = Field(default=(), max_length=100, description="Keys of memos that are kept likewise.")
