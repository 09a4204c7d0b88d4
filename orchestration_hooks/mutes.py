"""Mutes: for a while no run of a playbook is opened on a process, neither by findings nor by people. Runs that are open
go on.

What begins while a mute lasts is not made up for when it ends, unless it grows then: its incident tells so, and a
person may propose the playbook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Row, select, update

from kernel.access import Permission, Principal, reach, require
from kernel.audit.chain import append
from kernel.errors import InputError, NotFound
from kernel.state.tables import MUTES
from orchestration_hooks.tools import Tools

AUDIT_CHAIN = "mutes"
LONGEST = timedelta(days=90)
"""What is to be quiet for longer is a matter of the playbook's mode."""
LONGEST_KEY, LONGEST_REASON = 254, 2_000


@dataclass(frozen=True, slots=True)
class Mute:
    """`playbook` "": every one of the process; `key` "": whatever it is about. `muted_by`: an id."""

    mute_id: str
    process: str
    playbook: str
    key: str
    reason: str
    muted_by: str
    muted_at: datetime
    until: datetime


class Mutes:
    """The mutes of one tenant. A mute is about every store of its process: so is the right that it takes to see it, and
    to begin or end one."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def present(self, principal: Principal) -> list[Mute]:
        """Those that last, of the processes that the principal may read all of; what ends first comes first."""
        asked = (
            select(MUTES)
            .where(MUTES.c.tenant == self._tools.tenant, MUTES.c.until > self._tools.clock.now())
            .order_by(MUTES.c.until, MUTES.c.mute_id)
        )
        with self._tools.state.reading() as connection:
            found = [_mute(row) for row in connection.execute(asked)]
        return [one for one in found if _reads_all(principal, one.process)]

    def mute(
        self,
        principal: Principal,
        process: str,
        *,
        playbook: str = "",
        key: str = "",
        until: datetime | timedelta,
        reason: str,
    ) -> Mute:
        """Begin one, until an instant or for so long. Whoever calls has checked that there are such a process and
        playbook.

        Raises
        ------
        NotAllowed
            The principal may not act on all of the process.
        InputError
            It has no reason, does not end later than now, or lasts too long; or no run has such a key.
        """
        require(principal, Permission.ACT, process)
        now, reason = self._tools.clock.now(), reason.strip()
        if not 0 < len(reason) <= LONGEST_REASON:
            raise InputError(f"reason: say why, in at most {LONGEST_REASON} characters")
        if len(key) > LONGEST_KEY:
            raise InputError(f"key: the key of a run has at most {LONGEST_KEY} characters, this one has {len(key)}")
        if isinstance(until, datetime) and until.tzinfo is None:
            raise InputError("until: the instant has no zone")
        lasts = until if isinstance(until, timedelta) else until - now
        if not timedelta() < lasts <= LONGEST:
            raise InputError(f"until: a mute ends later than now, and in at most {LONGEST.days} days")
        made = Mute(uuid4().hex, process, playbook, key, reason, principal.id, now, now + lasts)
        values = {name: getattr(made, name) for name in Mute.__slots__}
        body = {"mute": made.mute_id, "process": process, "playbook": playbook, "key": key, "reason": reason}
        body["until"] = made.until.isoformat()
        with self._tools.state.writing() as connection:
            connection.execute(MUTES.insert().values(tenant=self._tools.tenant, **values))
            append(connection, self._tools.tenant, AUDIT_CHAIN, kind="muted", actor=principal.id, body=body, at=now)
        return made

    def end(self, principal: Principal, mute_id: str) -> Mute:
        """End one now; it is kept with this instant as its end, and the audit says who ended it.

        Raises
        ------
        NotFound
            There is none, or none that the principal may see.
        NotAllowed
            The principal may not act on all of its process.
        InputError
            It has ended before.
        """
        mine = (MUTES.c.tenant == self._tools.tenant, MUTES.c.mute_id == mute_id)
        with self._tools.state.writing() as connection:
            row = connection.execute(select(MUTES).where(*mine).with_for_update()).one_or_none()
            if row is None or not _reads_all(principal, row.process):
                raise NotFound(f"no mute {mute_id[:40]!r}")
            require(principal, Permission.ACT, row.process)
            now = self._tools.clock.now()
            if row.until <= now:
                raise InputError("this mute has ended")
            ended = connection.execute(update(MUTES).where(*mine).values(until=now).returning(MUTES)).one()
            body = {"mute": mute_id, "process": row.process, "until": row.until.isoformat()}
            append(connection, self._tools.tenant, AUDIT_CHAIN, kind="unmuted", actor=principal.id, body=body, at=now)
        return _mute(ended)


def _reads_all(principal: Principal, process: str) -> bool:
    reached = reach(principal, Permission.READ, process)
    return reached is not None and reached.stores is None


def _mute(row: Row[tuple[object, ...]]) -> Mute:
    return Mute(**{name: getattr(row, name) for name in Mute.__slots__})
