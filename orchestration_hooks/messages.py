"""Messages that did not arrive, and what people do about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.access import Permission, Principal, require
from kernel.errors import InputError
from orchestration_hooks.outbox import Dead, dead_count, dead_letters, discard, requeue, waiting
from orchestration_hooks.tools import Tools

MOST = 100


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What was not delivered. `dead`: the newest messages that are not tried any more, of so many (`dead_count`);
    `waiting`: how many are tried yet, the `oldest` since then."""

    dead: tuple[Dead, ...]
    dead_count: int
    waiting: int
    oldest: datetime | None


class Messages:
    """The messages of one tenant, as people see and handle them.

    One message may tell of several incidents, of whatever process and store. So it is for those alone who may read, and
    act on, everything of the tenant: whoever may do so in a process or a store only is refused, and learns nothing.
    """

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def undelivered(self, principal: Principal, *, most: int = MOST) -> Undelivered:
        """What was not delivered; `NotAllowed` to who may not read everything."""
        require(principal, Permission.READ)
        tenant = self._tools.tenant
        with self._tools.state.reading() as connection:
            dead, count = dead_letters(connection, tenant, limit=most), dead_count(connection, tenant)
            return Undelivered(tuple(dead), count, *waiting(connection, tenant))

    def requeue(self, principal: Principal, message: str) -> None:
        """Send a dead message again, as `outbox.requeue`: at the next delivery.

        Raises
        ------
        NotAllowed
            They may not act on everything.
        NotFound
            There is no such message that is dead.
        """
        require(principal, Permission.ACT)
        now = self._tools.lease_clock.now()  # which deliveries go by
        with self._tools.state.writing() as connection:
            requeue(connection, self._tools.tenant, message, by=principal.id, at=now)

    def discard(self, principal: Principal, message: str, reason: str) -> None:
        """Give a dead message up for good, as `outbox.discard`.

        Raises
        ------
        NotAllowed
            They may not act on everything.
        InputError
            There is no reason given.
        NotFound
            There is no such message that is dead.
        """
        require(principal, Permission.ACT)
        if not reason.strip():
            raise InputError("reason: say why nobody has to be told of it")
        now = self._tools.lease_clock.now()
        with self._tools.state.writing() as connection:
            discard(connection, self._tools.tenant, message, by=principal.id, reason=reason.strip(), at=now)
