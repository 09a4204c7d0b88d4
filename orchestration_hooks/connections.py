"""What outside is spoken to: `connections/*.yaml` of a tenant, one file per service.

kind: webhook (signed requests that start workflows or carry alerts), http (calls with an idempotency key), apprise
(chat, mail, pagers). Secrets are named by reference and are in no definition.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernel.addresses import host_and_port
from kernel.definitions import read_definition, suggestion
from kernel.errors import DefinitionError, NotFound, Problem
from kernel.secrets import Reference

_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_OURS = frozenset({"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"})


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        whole = False
    if not whole or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("expected an address such as https://n8n.example/webhook/refunds")
    if "@" in parts.netloc:
        raise ValueError("holds a name or password: name a header and where its secret is instead")
    if parts.fragment:
        raise ValueError("ends with #…, which is not sent")
    return value


def _base(value: str) -> str:
    if "?" in value:
        raise ValueError("holds a query: it is the address that paths are put behind")
    return value.rstrip("/")


def _header_name(value: str) -> str:
    if not _HEADER.fullmatch(value) or value.lower() in _OURS:
        raise ValueError(f"{value!r} is no header that can be set here")
    return value


def _listed_form(value: tuple[str, ...]) -> tuple[str, ...]:
    for entry in value:
        host_and_port(entry)
    return value


Address = Annotated[str, AfterValidator(_address)]
HeaderName = Annotated[str, AfterValidator(_header_name)]


class _Definition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of the connection, as the file is called.")
    description: str = Field(default="", description="What it leads to, for people.")


class Webhook(_Definition):
    """Signed requests (Standard Webhooks) with CloudEvents in them."""

    kind: Literal["webhook"] = Field(description="webhook")
    url: Address = Field(description="Where the requests go.")
    secret: Reference = Field(description="The signing secret, base64 of 24 bytes or more, as env:NAME or file:PATH.")
    previous_secret: Reference | None = Field(
        default=None, description="While a secret is being replaced: the one before. What is sent is signed with both."
    )
    schema_version: Literal["v1"] = Field(default="v1", description="Version of what is sent: v1.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """References of the secrets in force, the newest first."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)


class Authorization(BaseModel):
    """The header that shows who asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header: HeaderName = Field(default="Authorization", description="Name of the header.")
    value: Reference = Field(description="Its whole value (such as Bearer …), as env:NAME or file:PATH.")


class Http(_Definition):
    """An HTTP service that does what it is asked once per idempotency key."""

    kind: Literal["http"] = Field(description="http")
    url: Annotated[Address, AfterValidator(_base)] = Field(description="The address that all paths are below.")
    authorization: Authorization | None = Field(default=None, description="How it knows us.")
    idempotency_header: HeaderName = Field(
        default="Idempotency-Key", description="Header that the key of a deed is sent in."
    )


class Apprise(_Definition):
    """Messages to people by apprise: chat, mail, pagers."""

    kind: Literal["apprise"] = Field(description="apprise")
    url: Reference = Field(description="The apprise URL, which holds secrets, as env:NAME or file:PATH.")
    hosts: Annotated[tuple[str, ...], AfterValidator(_listed_form)] = Field(
        min_length=1, description="Every host:port that it reaches; each is to be in GEMBASCOPE_EGRESS_HOSTS too."
    )


Connection = Webhook | Http | Apprise


class _Kind(BaseModel):
    """As much of a file as tells which model it is of."""

    kind: Literal["webhook", "http", "apprise"]


_MODELS: dict[str, type[Connection]] = {"webhook": Webhook, "http": Http, "apprise": Apprise}


def read_connection(path: Path, *, shown_as: str | None = None) -> Connection:
    """The connection of one file; `DefinitionError` with every problem of it."""
    kind = read_definition(path, _Kind, shown_as=shown_as).kind
    return read_definition(path, _MODELS[kind], shown_as=shown_as)


class Connections:
    """The connections of one tenant: a folder in the home, read anew when asked."""

    def __init__(self, home: Path, tenant: str) -> None:
        self.folder = home / "tenants" / tenant / "connections"

    def all(self) -> dict[str, Connection]:
        """Connections by id, ordered by id; `DefinitionError` lists the problems of all files."""
        found: dict[str, Connection] = {}
        problems: list[Problem] = []
        for path in sorted(self.folder.glob("*.yaml")):
            try:
                found[path.stem] = read_connection(path)
            except DefinitionError as error:
                problems += error.problems
        if problems:
            raise DefinitionError(problems)
        return found

    def get(self, name: str) -> Connection:
        """One connection.

        Raises
        ------
        NotFound
            With the connections that exist.
        """
        path = self.folder / f"{name}.yaml"
        if "/" in name or "\0" in name or not path.is_file():
            known = sorted(found.stem for found in self.folder.glob("*.yaml"))
            have = f"; there are: {', '.join(known[:20])}" if known else "; none is defined yet"
            raise NotFound(f"no connection {name!r}{suggestion(name, known)}{have}")
        return read_connection(path)
