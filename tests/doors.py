"""A gate for tests of what is behind it, and people who pass it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from api.gate import GateRules
from api.permissions import NEEDS
from api.visitors import Visitors
from kernel.access import Grant, Role
from kernel.clock import Clock
from kernel.identity.directory import Directory
from kernel.identity.passwords import Passwords
from kernel.settings import load_settings

LOCAL = "the-token-of-this-machine"
GOOD = "plum-violin harbour 7"
UNSIGNED = {"/api/v1/callbacks/{token}": 404, "/api/v1/hooks/{source}": 401}
"""The answer to whoever sends nothing signed, by address: as if there were nothing, and as to a wrong signature."""
CHEAP = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


@contextmanager
def directory(home: Path, clock: Clock, tenant: str = "local") -> Iterator[Directory]:
    """People and keys in a home of the test's own, with passwords that cost little."""
    with Directory(load_settings(home=home, tenant=tenant), clock, CHEAP) as opened:
        yield opened


def rules(people: Directory, *, open_house: bool = True, **more: Any) -> GateRules:
    """What the gate enforces for an application of the API alone."""
    more.setdefault("needs", NEEDS)
    return GateRules(Visitors(people, LOCAL, open_house=open_house), **more)


def person(people: Directory, name: str, *roles: Role | Grant) -> str:
    """Somebody with the password GOOD and these roles; their name."""
    grants = [role if isinstance(role, Grant) else Grant(role) for role in roles]
    _, token = people.users.add(name, grants, by="test")
    people.users.redeem(token, GOOD)
    return name


def key(people: Directory, *roles: Role | Grant, days: int = 1) -> str:
    """A key of a program with these roles."""
    grants = [role if isinstance(role, Grant) else Grant(role) for role in roles]
    return people.keys.create("test", grants, life=timedelta(days=days), by="test")[1]


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
