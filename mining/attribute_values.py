"""The values that case attributes have: what a filter can offer."""

from __future__ import annotations

import polars as pl

from kernel.warehouse import load_query
from mining.view import ProcessView


def attribute_values(view: ProcessView, *, top: int = 50) -> pl.DataFrame:
    """*The commonest values of every case attribute, over all cases of the process.*

    One row per `(attribute, value)`: `cases` that have it, and `distinct_values` of the attribute (the same on every
    row of it), so that a reader can tell what `top` left out. Ordered by attribute, then cases descending, then
    value. Excluded populations and empty values do not count. Reads the attributes of every case.
    """
    if view.stores is not None:
        limited = load_query(__file__, "attribute_values_of_stores")
        return view.warehouse.query(limited, view.scope | view.limit | {"top": top})
    return view.warehouse.query(load_query(__file__, "attribute_values"), view.scope | {"top": top})
