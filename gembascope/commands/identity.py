"""What the commands about people and keys share. They act on the state database itself, with or without a service."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gembascope.service import find_service
from kernel.access import Grant, Role
from kernel.clock import SystemClock
from kernel.errors import InputError
from kernel.identity.directory import Directory
from kernel.settings import Settings, load_settings

BY = "local"
"""Who changes something by a command: whoever may read the home."""

Roles = Annotated[
    list[str],
    typer.Option(
        "--role",
        help=f"One of {', '.join(Role)}; ROLE:PROCESS for one process only, ROLE:PROCESS:STORE for one of its stores, "
        "ROLE::STORE for a store in every process; again: further roles.",
    ),
]


@contextmanager
def directory(home: Path | None, tenant: str | None) -> Iterator[tuple[Directory, Settings]]:
    """The people and keys of a tenant, closed behind the command."""
    settings = load_settings(home=home, tenant=tenant)
    with Directory(settings, SystemClock()) as opened:
        yield opened, settings


def read_grants(words: list[str]) -> list[Grant]:
    """The grants that `--role` spells, each ROLE[:PROCESS[:STORE]]; `InputError` names a role that is none."""
    grants = []
    for word in words:
        role, *scope = word.split(":", 2)
        if scope == [""]:
            raise InputError(f"--role {word[:40]!r}: name the process after the colon, or leave the colon out")
        if len(scope) == 2 and not scope[1]:
            raise InputError(f"--role {word[:40]!r}: name the store after the second colon, or leave that colon out")
        if role not in list(Role):
            raise InputError(f"--role {word[:40]!r}: {role[:40]!r} is no role; there are {', '.join(Role)}")
        grants.append(Grant(Role(role), *scope))
    return grants


def password_link(settings: Settings, token: str) -> str:
    """Where a person sets their password: at the service that runs, or where it would."""
    service = find_service(settings.home.expanduser())
    base = service.url if service is not None else f"http://{settings.host}:{settings.port}"
    return f"{base}/password?token={token}"
