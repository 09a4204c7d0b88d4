"""What the projection of a tenant holds, to compare."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import polars as pl

from kernel.warehouse import Query, Warehouse

PATHS = Query(
    "all_case_paths",
    "SELECT * EXCEPT (tenant, version) FROM case_paths FINAL WHERE tenant = {tenant:String} ORDER BY process, case_id",
)
FIGURES = Query(
    "all_day_figures",
    "SELECT * EXCEPT (tenant, version) FROM day_figures FINAL WHERE tenant = {tenant:String} ORDER BY process, day",
)


@dataclass(frozen=True)
class Content:
    """All that the projection of a tenant holds, versions aside."""

    paths: pl.DataFrame
    figures: pl.DataFrame

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and all(
            one.schema == two.schema and one.equals(two)
            for one, two in ((self.paths, other.paths), (self.figures, other.figures))
        )


def content(warehouse: Warehouse, tenant: str) -> Content:
    scope = {"tenant": tenant}
    return Content(warehouse.read_for_write(PATHS, scope), warehouse.read_for_write(FIGURES, scope))


def fresh_tenant() -> str:
    return f"t{uuid4().hex[:20]}"
