"""One subject out of the state database: what waits and what is recorded there beside the log.

Incidents, runs and messages name cases. There an id becomes a word that stands for what was erased, so that what people
decided and did stays. The audit is only ever added to, and people who sign in are no objects of a log: what is left
there is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, and_, false, or_, select, update
from sqlalchemy.types import Text

from ingest.erasing.subject import unescaped, words, written_forms
from kernel.state.database import State

KEPT = re.compile(
    r"audit_|alembic_|users$|grants$|sessions$|api_keys$|one_use_tokens$|erasures$|erasure_|spool_|source_"
)
"""Tables of which nothing is rewritten: the audit, who may come in, and what this program keeps of its own work."""
OWN = "erasures"
"""The orders themselves, which name a subject until it is done."""


def replace_texts(state: State, tenant: str, ids: Sequence[str], word: str) -> int:
    """Write `word` for each of the ids in what is told of cases; how many rows were changed."""
    changed = 0
    with state.writing() as connection:
        for table in _tables(state):
            if KEPT.match(table.name):
                continue
            for row in connection.execute(_holding(table, tenant, ids)).mappings().all():
                new = {one.name: _replaced(row[one.name], ids, word) for one in _texts(table)}
                new = {name: text for name, text in new.items() if text != row[name]}
                if new:
                    mine = and_(*(one == row[one.name] for one in table.primary_key))
                    connection.execute(update(table).where(mine).values(**new))
                    changed += 1
    return changed


def texts_left(state: State, tenant: str, ids: Sequence[str]) -> Iterator[tuple[str, int]]:
    """The columns that hold one of the ids as a word, and how many rows of each do."""
    lengths = {len(one) for one in ids}
    with state.reading() as connection:
        for table in _tables(state):
            if table.name == OWN:
                continue
            found: dict[str, int] = {}
            for row in connection.execute(_holding(table, tenant, ids)).mappings():
                for one in _texts(table):
                    text = row[one.name]
                    if text and set(ids) & {*words(text, lengths), *words(unescaped(text), lengths)}:
                        found[one.name] = found.get(one.name, 0) + 1
            yield from ((f"{table.name}.{name}", rows) for name, rows in sorted(found.items()))


def _tables(state: State) -> list[Table]:
    """The tables that have a tenant, as the database has them, by name."""
    known = MetaData()
    known.reflect(state.engine)
    return [table for table in known.sorted_tables if "tenant" in table.c]


def _texts(table: Table) -> list[Column[Any]]:
    columns = (one for one in table.c if isinstance(one.type, String | Text))
    return [one for one in columns if one.name != "tenant" and not isinstance(one.type, LargeBinary)]


def _holding(table: Table, tenant: str, ids: Sequence[str]) -> Any:
    """The rows of a tenant that may hold one of the ids."""
    forms = {form for one in ids for form in written_forms(one)}
    held = [column.contains(form, autoescape=True) for column in _texts(table) for form in sorted(forms)]
    return select(table).where(table.c.tenant == tenant, or_(false(), *held))


def _replaced(text: str | None, ids: Sequence[str], word: str) -> str | None:
    if not text:
        return text
    for one in sorted({form for each in ids for form in written_forms(each)}, key=len, reverse=True):
        text = re.sub(rf"(?<![^\W_]){re.escape(one)}(?![^\W_])", word, text)
    return text
