"""Settings of one process, read from GEMBASCOPE_* once and passed on; `gembascope doctor` lists them."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kernel.addresses import host_and_port
from kernel.errors import SettingsError


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GEMBASCOPE_", frozen=True, extra="ignore")

    home: Path = Field(
        default=Path(".gembascope"),
        description="Folder of everything kept: the embedded warehouse and your own definitions.",
    )
    warehouse_url: SecretStr | None = Field(
        default=None,
        description="clickhouse://user:password@host:8123/database of a server; unset: embedded engine.",
    )
    state_url: SecretStr | None = Field(
        default=None,
        description="postgresql://user:password@host:5432/database of users, keys and runs; unset: a file in the home.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Key that API keys are checked with, the same for all processes; unset: one is made in the home.",
    )
    audit_key: Path | None = Field(
        default=None,
        description="File of the Ed25519 key (PEM) that signs heads of the audit; unset: one is made in the home.",
    )
    tenant: str = Field(
        default="local", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Tenant that commands act for."
    )
    host: str = Field(default="127.0.0.1", description="Address that `serve` and `demo` listen on.")
    port: int = Field(default=8050, ge=0, le=65535, description="Port they listen on; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description='Further host names that requests may be addressed to, as JSON: ["ops.example"].'
    )
    behind_tls: bool = Field(
        default=False, description="Visitors come over TLS that ends before this service: cookies are for TLS only."
    )
    public_url: str | None = Field(
        default=None,
        description="Address that people reach this service at, as https://ops.example: for links in alerts.",
    )
    egress_hosts: tuple[str, ...] = Field(
        default=(),
        description="Hosts on your own network, or without TLS, that alerts, playbooks and sources may reach, as JSON: "
        '["n8n.internal:5678"]. What alerts by apprise reach is listed here too.',
    )
    source_folders: tuple[Path, ...] = Field(
        default=(),
        description='Folders besides inbox/ of the home that sources may watch, as JSON: ["/var/exports"]. What '
        "databases and brokers sources reach is listed in GEMBASCOPE_EGRESS_HOSTS.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="Key that the SDK sends to a service on another machine, made by `gembascope keys`."
    )
    pseudonym_key: SecretStr | None = Field(
        default=None, description="Key for --pseudonymise-actors; the same key gives the same pseudonyms."
    )
    query_seconds: float = Field(default=30.0, gt=0, description="Time budget of one reading query, seconds.")
    query_memory_bytes: int = Field(
        default=2 << 30, ge=1 << 26, description="Memory budget of one reading query, bytes."
    )
    query_rows: int = Field(default=2_000_000, ge=1, description="Most rows that one answer may have.")
    threads: int = Field(default=0, ge=0, description="Threads of one query; 0 leaves it to the engine.")
    max_upload_bytes: int = Field(
        default=8 << 30, ge=1 << 20, description="Largest file that the service accepts for loading, bytes."
    )

    sign_ins_per_minute: int = Field(
        default=20, ge=1, description="Forms of signing in and out that one client address may send per minute."
    )
    requests_per_minute: int = Field(
        default=3_000, ge=1, description="Requests that one person or key may send per minute to one process."
    )
    strangers_per_minute: int = Field(
        default=600,
        ge=1,
        description="Requests without a right credential that one client address may send per minute. Behind a proxy "
        "on another host, name it in FORWARDED_ALLOW_IPS, or all its visitors are one address.",
    )
    spool_events: int = Field(
        default=5_000_000, ge=1, description="Most events that may wait to be loaded; senders are put off beyond."
    )
    spool_bytes: int = Field(default=4 << 30, ge=1 << 20, description="Most bytes that they may take, as kept.")

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in value:
            raise ValueError("expected an address such as https://ops.example")
        return value.rstrip("/")

    @field_validator("egress_hosts")
    @classmethod
    def _egress_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            host_and_port(entry)
        return value

    @property
    def for_this_machine(self) -> bool:
        """Whether nobody elsewhere can come: on loopback, and nothing passes requests on for another host."""
        return self.on_loopback and not self.behind_tls and not self.allowed_hosts

    @property
    def on_loopback(self) -> bool:
        """Whether `host` is an address of this machine alone."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment; `overrides` (not None) win.

    Raises
    ------
    SettingsError
        With one line per wrong setting. Values are never repeated: they may be secrets.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"GEMBASCOPE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None
