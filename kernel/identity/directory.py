"""Everybody of a tenant, people and programs, over one open state database."""

from __future__ import annotations

from kernel.clock import Clock
from kernel.identity.keys import ApiKeys
from kernel.identity.passwords import Passwords
from kernel.identity.sessions import Sessions
from kernel.identity.tokens import pepper
from kernel.identity.users import Users
from kernel.settings import Settings
from kernel.state.database import State


class Directory:
    """The users, sessions and keys of the tenant of the settings. Close it after use."""

    def __init__(self, settings: Settings, clock: Clock, passwords: Passwords | None = None) -> None:
        self.tenant = settings.tenant
        self.state = State(settings)
        self.users = Users(self.state, clock, settings.tenant, passwords or Passwords())
        self.sessions = Sessions(self.state, clock, settings.tenant)
        self.keys = ApiKeys(self.state, clock, settings.tenant, pepper(settings))

    def close(self) -> None:
        self.state.close()

    def __enter__(self) -> Directory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
