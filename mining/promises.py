"""The promises of a process as the projection needs them: parameters, and the table of curves for one refresh."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from kernel.clock import Clock
from kernel.process import ProcessDefinition
from kernel.promise import Promise
from kernel.warehouse import Query, Warehouse, load_query, parquet
from mining.due_curves import CURVE, Curves, curves_of

NO_CURVES = "due_curves"
"""The table that stays empty."""


def _sql(name: str) -> Query:
    return load_query(__file__, name)


@contextmanager
def promised(
    warehouse: Warehouse, clock: Clock, definition: ProcessDefinition, years: Collection[int]
) -> Iterator[dict[str, Any]]:
    """The parameters of build_promised_paths that tell of promises, none where a process has none; the curves that they
    name last as long as the context.

    `years`: UTC years in which the clock of a promise may start.
    """
    if not definition.promises:
        yield {}
        return
    curves = curves_of(definition, years)
    rows = curves.frame()
    if rows.is_empty():
        yield _parameters(definition, curves) | {"curves": NO_CURVES}
        return
    stale = {"before": clock.now() - timedelta(days=1)}
    for name in warehouse.read_for_write(_sql("abandoned_curves"), stale)["name"]:
        warehouse.command(_sql("end_curves"), {"table": name})
    table = f"due_curves_{uuid4().hex}"
    warehouse.command(_sql("begin_curves"), {"table": table})
    try:
        warehouse.insert_parquet(table, parquet(rows))
        yield _parameters(definition, curves) | {"curves": table}
    finally:
        warehouse.command(_sql("end_curves"), {"table": table})


def _parameters(definition: ProcessDefinition, curves: Curves) -> dict[str, Any]:
    promises = definition.promises
    # Of each promise what must hold, and then what must not.
    conditions = [(promise.where, *promise.unless) for promise in promises]
    return {
        "conditional": int(any(promise.where or promise.unless for promise in promises)),
        "condition_attributes": [[[name for name, _ in each] for each in those] for those in conditions],
        "condition_values": [[[list(values) for _, values in each] for each in those] for those in conditions],
        "promise_froms": [promise.starts_with or "" for promise in promises],
        "promise_from_takes": [promise.from_take for promise in promises],
        "promise_tos": [_kept_by(promise, definition) for promise in promises],
        "promise_to_takes": [promise.to_take for promise in promises],
        "promise_attributes": [promise.by_attribute or "" for promise in promises],
        "promise_units": [clock.unit for clock in curves.clocks],
        "promise_amounts": [clock.amount for clock in curves.clocks],
        "position_curves": [clock.position_curve * CURVE for clock in curves.clocks],
        "due_curves": [clock.due_curve * CURVE for clock in curves.clocks],
        "pausing": int(any(promise.pauses for promise in promises)),
        "pause_froms": [[pause.begins_with for pause in promise.pauses] for promise in promises],
        "pause_tos": [[pause.ends_with for pause in promise.pauses] for promise in promises],
        "pause_curves": [clock.pause_curve * CURVE for clock in curves.clocks],
    }


def _kept_by(promise: Promise, definition: ProcessDefinition) -> list[str]:
    return list(definition.end) if promise.kept_by is None else [promise.kept_by]
