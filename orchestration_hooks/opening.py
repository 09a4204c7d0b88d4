"""Opening runs: match → dedup → mute → limit → open. At most one run is open per process and key."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Integer, bindparam, func, or_, select, update

from kernel.errors import InputError
from kernel.state.tables import MUTES, PLAYBOOKS, RUNS
from kernel.state.tables.base import EPOCH
from orchestration_hooks.book import Book
from orchestration_hooks.entry import WORKER, encoded
from orchestration_hooks.library import Library, inserting
from orchestration_hooks.playbook import Playbook
from orchestration_hooks.situation import Subject
from orchestration_hooks.states import Activity, Mode, Reason, Status
from orchestration_hooks.tools import Tools

COUNT = (
    update(RUNS)
    .where(RUNS.c.tenant == bindparam("for_tenant"), RUNS.c.open_key == bindparam("for_key"))
    .values(hits=RUNS.c.hits + bindparam("more", type_=Integer))
    .returning(RUNS.c.run_id)
)
MUTE = (
    select(MUTES.c.mute_id)
    .where(
        MUTES.c.tenant == bindparam("for_tenant"),
        MUTES.c.process == bindparam("for_process"),
        or_(MUTES.c.playbook == "", MUTES.c.playbook == bindparam("for_playbook")),
        or_(MUTES.c.key == "", MUTES.c.key == bindparam("for_key")),
        MUTES.c.until > bindparam("for_now"),
    )
    .limit(1)
)
AUTOMATIC = (Mode.AUTOMATIC, Mode.SHADOW)


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of asking for a run. `reason` None: it was opened; else why not, with the open run of a duplicate."""

    run_id: str | None
    reason: Reason | None = None


class Opening:
    """Opens runs."""

    def __init__(self, tools: Tools, book: Book, library: Library) -> None:
        self._tools, self._book, self._library = tools, book, library
        self._insert: Any = None

    def consider(self, playbooks: Collection[Playbook], subjects: Iterable[Subject]) -> dict[tuple[str, str], Opened]:
        """Open what findings ask for, by the playbooks that match and open by themselves.

        One answer per playbook and key. A storm of one key is one row that counts it: the cost is that of the keys.
        """
        asked: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], Subject] = {}
        automatic = {playbook.id: playbook for playbook in playbooks if playbook.mode in AUTOMATIC}
        for subject in subjects:
            for playbook in automatic.values():
                if playbook.trigger.match.admits(subject):
                    which = (playbook.id, playbook.key_of(subject))
                    asked[which] += 1
                    first.setdefault(which, subject)
        return {
            which: self.open(automatic[which[0]], first[which], requested_by=WORKER, times=times)
            for which, times in asked.items()
        }

    def open(
        self,
        playbook: Playbook,
        subject: Subject,
        *,
        requested_by: str,
        mode: Mode | None = None,
        times: int = 1,
    ) -> Opened:
        """Open one run, or count what is open for its key already.

        `mode`: another than the playbook's own; only less than that, or by a person what is else automatic.

        Raises
        ------
        InputError
            The key is empty or too long, or more was asked for than the playbook allows.
        """
        key = playbook.key_of(subject)
        mode = mode or playbook.mode
        if not 0 < len(key) <= 254:
            raise InputError(f"the key of a run has 1 to 254 characters; {playbook.id} makes one of {len(key)}")
        if playbook.mode in (Mode.SHADOW, Mode.DRY_RUN) and mode not in (Mode.SHADOW, Mode.DRY_RUN):
            raise InputError(f"the playbook {playbook.id} is set to {playbook.mode.value}: it does nothing outside")
        now = self._tools.clock.now()
        open_key = open_key_of(subject.process, key)
        with self._tools.state.writing() as connection:
            counted = {"for_tenant": self._tools.tenant, "for_key": open_key, "more": times}
            there = connection.execute(COUNT, counted).scalar_one_or_none()
            if there is not None:  # muted or not, what is open goes on
                return Opened(there, Reason.DUPLICATE)
            if self._muted(connection, playbook, subject.process, key, now):
                return Opened(None, Reason.MUTED)
            self._library.keep(connection, playbook, now)
            if self._full(connection, playbook):
                return Opened(None, Reason.LIMIT_REACHED)
            run_id = uuid4().hex
            row = self._row(run_id, open_key, playbook, subject, key, mode, requested_by, now) | {"hits": times}
            adding = self._adding(connection)
            found = connection.execute(adding, row | {"more": times}).scalar_one()
            if found != run_id:
                return Opened(found, Reason.DUPLICATE)
            opened = self._book.opened(connection, row | {"events": 0})
            body = {"playbook": playbook.id, "hash": playbook.hash, "mode": mode.value, "key": key}
            opened.tell(Activity.RUN_OPENED, body | {"incident": subject.incident_id}, actor=requested_by)
        self._library.kept(playbook)
        return Opened(run_id)

    def _adding(self, connection: Connection) -> Any:
        """Adds a run, or counts the one that is open for its key; gives the id of whichever it is."""
        if self._insert is None:
            adding = inserting(connection, RUNS)
            more = {"hits": RUNS.c.hits + bindparam("more", type_=Integer)}
            adding = adding.on_conflict_do_update(index_elements=["tenant", "open_key"], set_=more)
            self._insert = adding.returning(RUNS.c.run_id)
        return self._insert

    def _row(
        self,
        run_id: str,
        open_key: str,
        playbook: Playbook,
        subject: Subject,
        key: str,
        mode: Mode,
        requested_by: str,
        now: datetime,
    ) -> dict[str, Any]:
        first = playbook.steps[0].id
        about = {"id": run_id, "playbook": playbook.id, "requested_by": requested_by, "mode": mode.value}
        return {
            "tenant": self._tools.tenant,
            "run_id": run_id,
            "open_key": open_key,
            "process": subject.process,
            "incident_id": subject.incident_id,
            "key": key,
            "playbook": playbook.id,
            "playbook_hash": playbook.hash,
            "mode": mode.value,
            "requested_by": requested_by,
            "status": Status.READY.value,
            "position": first,
            "visits": encoded({first: 1}),
            "context": encoded({"subject": subject.document() | {"key": key}, "run": about, "steps": {}}),
            "wake_at": self._tools.lease_clock.now(),
            "lease_until": EPOCH,
            "fence": 0,
            "attempt": 0,
            "holds": 0,
            "nudges": 0,
            "events": 1,  # that it was opened
            "opened_at": now,
            "changed_at": now,
        }

    def _muted(self, connection: Connection, playbook: Playbook, process: str, key: str, now: datetime) -> bool:
        which = {"for_tenant": self._tools.tenant, "for_process": process, "for_playbook": playbook.id}
        return connection.execute(MUTE, which | {"for_key": key, "for_now": now}).first() is not None

    def _full(self, connection: Connection, playbook: Playbook) -> bool:
        """Whether as many runs of the playbook are open as may be. Who counts, counts alone."""
        most = playbook.limits.open_runs
        if most is None:
            return False
        kept = (PLAYBOOKS.c.tenant == self._tools.tenant, PLAYBOOKS.c.name == playbook.id)
        connection.execute(
            select(PLAYBOOKS.c.playbook_hash).where(*kept).order_by(PLAYBOOKS.c.playbook_hash).with_for_update()
        ).all()
        there = (RUNS.c.tenant == self._tools.tenant, RUNS.c.playbook == playbook.id, RUNS.c.open_key.is_not(None))
        return bool(connection.execute(select(func.count()).select_from(RUNS).where(*there)).scalar_one() >= most)


def open_key_of(process: str, key: str) -> str:
    return hashlib.sha256(f"{process}\0{key}".encode()).hexdigest()
