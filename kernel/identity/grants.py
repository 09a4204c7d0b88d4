"""The grants of people and keys, within a transaction of whoever changes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from kernel.access import Grant, Role
from kernel.errors import InputError
from kernel.state.tables import GRANTS


def of(connection: Connection, tenant: str, holder_id: str) -> frozenset[Grant]:
    """The grants of one holder."""
    return of_all(connection, tenant, [holder_id]).get(holder_id, frozenset())


def of_all(connection: Connection, tenant: str, holder_ids: Iterable[str]) -> dict[str, frozenset[Grant]]:
    """The grants by holder; who has none is not there."""
    columns = (GRANTS.c.holder_id, GRANTS.c.role, GRANTS.c.process, GRANTS.c.store)
    wanted = select(*columns).where(GRANTS.c.tenant == tenant, GRANTS.c.holder_id.in_(list(holder_ids)))
    found: dict[str, set[Grant]] = {}
    for holder_id, role, process, store in connection.execute(wanted):
        found.setdefault(holder_id, set()).add(Grant(Role(role), process, store))
    return {holder_id: frozenset(grants) for holder_id, grants in found.items()}


def replace(
    connection: Connection, tenant: str, holder_id: str, grants: Iterable[Grant], *, by: str, at: datetime
) -> None:
    """Give the holder exactly these grants.

    Raises
    ------
    InputError
        There are none: who may do nothing is disabled or revoked instead.
    """
    rows = [
        {
            "tenant": tenant,
            "holder_id": holder_id,
            "role": grant.role.value,
            "process": grant.process,
            "store": grant.store,
            "granted_by": by,
            "granted_at": at,
        }
        for grant in sorted(set(grants))
    ]
    if not rows:
        raise InputError(f"at least one role is needed, of {', '.join(Role)}")
    connection.execute(delete(GRANTS).where(GRANTS.c.tenant == tenant, GRANTS.c.holder_id == holder_id))
    connection.execute(insert(GRANTS), rows)


def references(grants: Iterable[Grant]) -> list[dict[str, str]]:
    """The grants as the audit tells them."""
    return [{"role": grant.role.value, "process": grant.process, "store": grant.store} for grant in sorted(set(grants))]
