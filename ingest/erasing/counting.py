"""How many subjects of a tenant are erased, as whoever stores events asks at each step."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from ingest.erasing.room import ROOM
from kernel.warehouse import Warehouse, load_query

_KNOWN: WeakKeyDictionary[Warehouse, dict[str, int]] = WeakKeyDictionary()
"""By tenant, of warehouses that no other process writes: asked once, until this process erases somebody."""


def erased_count(warehouse: Warehouse, tenant: str) -> int:
    known = _KNOWN.setdefault(warehouse, {}) if warehouse.is_alone else {}
    if tenant not in known:
        known[tenant] = int(warehouse.read_for_write(load_query(ROOM, "erased_count"), {"tenant": tenant}).item())
    return known[tenant]


def forget_erased_count(warehouse: Warehouse, tenant: str) -> None:
    """Ask anew: somebody is erased from now on, or may be."""
    _KNOWN.get(warehouse, {}).pop(tenant, None)
