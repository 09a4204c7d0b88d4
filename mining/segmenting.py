"""Which event attributes are worth filtering cases by."""

from __future__ import annotations

from kernel.warehouse import Warehouse, load_query

MOST_VALUES = 200
MOST_ATTRIBUTES = 40


def segmenting_attributes(warehouse: Warehouse, tenant: str, object_type: str) -> list[str]:
    """Names of the event attributes of an object type with 2 to 200 distinct values, in order; at most 40.

    A first load declares them in the definition it creates. Reads all attributes of the object type.
    """
    scope = {"tenant": tenant, "object_type": object_type, "most": MOST_VALUES, "limit": MOST_ATTRIBUTES}
    return warehouse.read_for_write(load_query(__file__, "segmenting_attributes"), scope)["attribute"].to_list()
