"""Drift: a source begins to say something else. Fields that appear, vanish or change their kind are noticed per rule of
the mapping pack, once it is known how its records usually look, and reported until somebody has looked at them.

Nothing is decided by it: records are mapped as before. What is learned is written down every now and then; what was not
when a process was killed is learned again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from ingest.mappings.shapes import shape
from ingest.spool_beside import insert_into
from ingest.spool_tables import DRIFTS, SHAPES
from kernel.clock import Clock
from kernel.state.database import State

LEARNT = 100
"""Records of a rule after which its usual shape is known."""
GONE_AFTER = 50
"""A field that every record had is missing when it was in none of so many in a row."""
MOST_PATHS = 2_000
"""Fields that are remembered of a rule; beyond them new ones are not reported."""
log = logging.getLogger("gembascope.ingest")
Key = tuple[str, str]


@dataclass(slots=True)
class _Field:
    kinds: set[str]
    seen: int
    last: int  # number of the record it was last in
    always: bool  # in every record until it was reported
    dirty: bool = True


@dataclass(slots=True)
class _Rule:
    records: int = 0
    fields: dict[str, _Field] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drift:
    """A change of what a source says. `change`: new, missing or retyped; `was`, `is_`: kinds of its values."""

    source: str
    rule: str
    path: str
    change: str
    was: str
    is_: str
    noticed_at: datetime


class DriftWatch:
    """Watches the records of one tenant's sources. Safe to call from several threads."""

    def __init__(self, state: State, clock: Clock, tenant: str) -> None:
        self._state, self._clock, self._tenant = state, clock, tenant
        self._lock = threading.Lock()
        self._rules: dict[Key, _Rule] = {}
        self._found: list[Drift] = []
        self._load()

    def noticed(self, source: str, rule: str, body: Any) -> None:
        """Look at a record that events were made of."""
        fields = shape(body)
        with self._lock:
            known = self._rules.setdefault((source, rule), _Rule())
            known.records += 1
            settled = known.records > LEARNT
            for path, kind in fields.items():
                self._see(source, rule, known, path, kind, settled=settled)
            if settled:
                for path, one in known.fields.items():
                    if one.always and known.records - one.last == GONE_AFTER:
                        one.always, one.dirty = False, True
                        self._report(source, rule, path, "missing", _told(one.kinds), "")

    def _see(self, source: str, rule: str, known: _Rule, path: str, kind: str, *, settled: bool) -> None:
        one = known.fields.get(path)
        if one is None:
            if len(known.fields) < MOST_PATHS:
                first = known.records == 1
                known.fields[path] = _Field({kind}, 1, known.records, always=first)
                if settled:
                    self._report(source, rule, path, "new", "", kind)
            return
        if kind not in one.kinds:
            was = one.kinds - {"null"}
            if settled and was and kind != "null":
                self._report(source, rule, path, "retyped", _told(was), kind)
            one.kinds.add(kind)
        if not settled and one.last != known.records - 1:
            one.always = False
        one.seen, one.last, one.dirty = one.seen + 1, known.records, True

    def _report(self, source: str, rule: str, path: str, change: str, was: str, is_: str) -> None:
        self._found.append(Drift(source, rule, path[:500], change, was, is_, self._clock.now()))
        log.warning("the source %s has changed: %r of rule %r is %s", source, path[:200], rule, change)

    def keep(self) -> None:
        """Write down what was learned and found since the last time; `StateUnavailable` leaves it for the next one."""
        with self._lock:
            found, self._found = self._found, []
            learned: list[dict[str, Any]] = []
            written: list[_Field] = []
            for (source, rule), known in self._rules.items():
                for path, one in known.fields.items():
                    if one.dirty:
                        one.dirty = False
                        written.append(one)
                        kinds = _told(one.kinds)
                        learned.append(
                            {
                                "tenant": self._tenant,
                                "source": source,
                                "rule": rule,
                                "path": path[:500],
                                "kinds": kinds,
                                "seen": one.seen,
                                "last": one.last,
                                "always": one.always,
                                "records": known.records,
                            }
                        )
        try:
            with self._state.writing() as connection:
                if learned:
                    new = insert_into(connection, SHAPES)
                    names = ("kinds", "seen", "last", "always", "records")
                    changed = {name: new.excluded[name] for name in names}
                    keys = ["tenant", "source", "rule", "path"]
                    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=changed), learned)
                for one_found in found:
                    row: dict[str, Any] = {
                        "tenant": self._tenant,
                        "source": one_found.source,
                        "rule": one_found.rule,
                        "path": one_found.path,
                        "change": one_found.change,
                        "was": one_found.was,
                        "is_now": one_found.is_,
                        "noticed_at": one_found.noticed_at,
                        "looked_at": None,
                    }
                    new = insert_into(connection, DRIFTS).values(**row)
                    again = {
                        "was": row["was"],
                        "is_now": row["is_now"],
                        "noticed_at": row["noticed_at"],
                        "looked_at": None,
                    }
                    keys = ["tenant", "source", "rule", "path", "change"]
                    connection.execute(new.on_conflict_do_update(index_elements=keys, set_=again))
        except BaseException:
            with self._lock:
                self._found = found + self._found
                for one in written:
                    one.dirty = True
            raise

    def _load(self) -> None:
        asked = select(SHAPES).where(SHAPES.c.tenant == self._tenant)
        with self._state.reading() as connection:
            for row in connection.execute(asked).mappings():
                known = self._rules.setdefault((row["source"], row["rule"]), _Rule())
                known.records = max(known.records, row["records"])
                known.fields[row["path"]] = _Field(
                    set(row["kinds"].split(", ")), row["seen"], row["last"], row["always"], dirty=False
                )


def drifts(state: State, tenant: str, source: str | None = None) -> list[Drift]:
    """Changes that nobody has looked at yet, the newest first, then by source, rule and path."""
    asked = select(DRIFTS).where(DRIFTS.c.tenant == tenant, DRIFTS.c.looked_at.is_(None))
    if source is not None:
        asked = asked.where(DRIFTS.c.source == source)
    with state.reading() as connection:
        found = [
            Drift(row["source"], row["rule"], row["path"], row["change"], row["was"], row["is_now"], row["noticed_at"])
            for row in connection.execute(asked).mappings()
        ]
    return sorted(found, key=lambda one: (-one.noticed_at.timestamp(), one.source, one.rule, one.path))


def look_at(state: State, clock: Clock, tenant: str, source: str) -> int:
    """Somebody has looked at the changes of a source: they are reported no longer. How many there were."""
    mine = (DRIFTS.c.tenant == tenant) & (DRIFTS.c.source == source) & DRIFTS.c.looked_at.is_(None)
    with state.writing() as connection:
        return int(connection.execute(update(DRIFTS).where(mine).values(looked_at=clock.now())).rowcount)


def _told(kinds: set[str]) -> str:
    return ", ".join(sorted(kinds))
