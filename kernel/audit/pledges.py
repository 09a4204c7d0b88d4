"""What the entries of an audit are held to, in a file of SQLite's own, so that memory does not grow with the audit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from types import TracebackType

LISTED = 0
"""In place of the number of an anchor: where a chain ends by the list of chains."""

TABLES = """
CREATE TABLE pledges (chain TEXT, number INTEGER, anchor INTEGER, hash TEXT, PRIMARY KEY (chain, number, anchor))
WITHOUT ROWID;
CREATE TABLE seen (chain TEXT PRIMARY KEY) WITHOUT ROWID;
"""
PREPARED = ("PRAGMA journal_mode = OFF", "PRAGMA cache_size = -8192")
ADD = "INSERT OR IGNORE INTO pledges VALUES (?, ?, ?, ?)"
NEWEST = "SELECT max(number) FROM pledges WHERE chain = ? AND anchor BETWEEN 1 AND ?"
OF = "SELECT number, anchor, hash FROM pledges WHERE chain = ? ORDER BY number, anchor"
SEE = "INSERT OR IGNORE INTO seen VALUES (?)"
UNSEEN = (
    "SELECT chain, max(number), max(anchor) FROM pledges WHERE chain NOT IN (SELECT chain FROM seen) GROUP BY chain"
)


class Pledges:
    """Entry `number` of `chain` has `hash`, by anchor `anchor`. Gone when it is left."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # a file without a name, once it is large
        for pragma in PREPARED:
            self._database.execute(pragma)
        self._database.executescript(TABLES)
        self._database.execute("BEGIN")

    def add(self, chain: str, number: int, anchor: int, hash_: str) -> None:
        self._database.execute(ADD, (chain, number, anchor, hash_))

    def newest(self, chain: str, anchor: int) -> int:
        """The number of the newest entry of a chain that anchors up to this one list; 0 for none."""
        return int(self._database.execute(NEWEST, (chain, anchor)).fetchone()[0] or 0)

    def of(self, chain: str) -> Iterator[tuple[int, int, str]]:
        """Number, anchor and hash, by number."""
        return iter(self._database.execute(OF, (chain,)))

    def see(self, chain: str) -> bool:
        """Remember that the chain is there; whether that is new."""
        return self._database.execute(SEE, (chain,)).rowcount == 1

    def unseen(self) -> Iterator[tuple[str, int, int]]:
        """Chains that are not there: with the newest number and anchor that they are held to."""
        return iter(self._database.execute(UNSEEN))

    def __enter__(self) -> Pledges:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._database.close()
