"""Playbooks as they are found in files, and as they are kept for the runs that they opened."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from kernel.definitions import read_folder
from kernel.state.database import State
from kernel.state.tables import PLAYBOOKS
from orchestration_hooks.playbook import Playbook

SHIPPED = Path(__file__).parent / "playbooks"


def read_playbooks(folder: Path, calendars: Collection[str], *, shipped: Path = SHIPPED) -> dict[str, Playbook]:
    """The playbooks of a tenant by id: those that are shipped, and those of its folder, which win.

    Raises
    ------
    DefinitionError
        With the problems of all files together. Shipped ones that name a calendar which is not there are left out, as
        they belong to processes that are not there either.
    """
    found = {
        name: playbook
        for name, (playbook, _) in read_folder(shipped, Playbook).items()
        if playbook.calendar is None or playbook.calendar in calendars
    }
    return found | {name: playbook for name, (playbook, _) in read_folder(folder, Playbook, context=calendars).items()}


def file_of(folder: Path | None, playbook: str, *, shipped: Path = SHIPPED) -> str:
    """Where a playbook that `read_playbooks` gave is written: below the home, or within the product."""
    own = folder / f"{playbook}.yaml" if folder is not None else None
    if own is not None and own.is_file():
        return "/".join(own.parts[-4:])  # tenants/TENANT/playbooks/ID.yaml
    return "/".join((shipped / f"{playbook}.yaml").parts[-3:])


class Library:
    """The versions of playbooks that are kept in the state database, read once each."""

    def __init__(self, state: State, tenant: str) -> None:
        self._state, self._tenant = state, tenant
        self._read: dict[str, Playbook] = {}

    def keep(self, connection: Connection, playbook: Playbook, now: datetime) -> None:
        """Keep this version, within the transaction of the run that it opens."""
        if playbook.hash in self._read:
            return
        values = {
            "tenant": self._tenant,
            "playbook_hash": playbook.hash,
            "name": playbook.id,
            "author": playbook.author,
            "body": playbook.body,
            "added_at": now,
        }
        connection.execute(inserting(connection, PLAYBOOKS).values(**values).on_conflict_do_nothing())

    def kept(self, playbook: Playbook) -> None:
        """That transaction has ended well."""
        self._read[playbook.hash] = playbook

    def get(self, playbook_hash: str) -> Playbook:
        """The version that a run is pinned to."""
        if playbook_hash not in self._read:
            asked = select(PLAYBOOKS.c.body).where(
                PLAYBOOKS.c.tenant == self._tenant, PLAYBOOKS.c.playbook_hash == playbook_hash
            )
            with self._state.reading() as connection:
                body = connection.execute(asked).scalar_one()
            self._read[playbook_hash] = Playbook.model_validate(_json(body))
        return self._read[playbook_hash]


def inserting(connection: Connection, table: Any) -> Any:
    """An INSERT of the dialect, which can say what happens where the row is there already."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


def _json(body: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(body)
    return found
