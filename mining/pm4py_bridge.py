"""The log of a process as the frame that pm4py takes: for methods that we do not have."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from kernel.attributes import decode, encode_value
from kernel.errors import InputError
from mining.filters import EVERYTHING, CaseFilter
from mining.selected_events import MAX_EVENTS, case_attributes, selected_events
from mining.summary import log_summary
from mining.view import ProcessView

if TYPE_CHECKING:
    import pandas
    import polars as pl

CASE, ACTIVITY, TIME, START = "case:concept:name", "concept:name", "time:timestamp", "start_timestamp"
RESOURCE, LIFECYCLE = "org:resource", "lifecycle:transition"


def to_pm4py(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> pandas.DataFrame:
    """The events of the selected cases with the column names of XES.

    One row per event: `case:concept:name`, `concept:name` (activity) and `time:timestamp` (UTC, microseconds) are
    always there; `start_timestamp`, `org:resource` and `lifecycle:transition` where at least one event has them,
    missing (None, NaN or NaT) for the others. Then a column per event attribute, by name, and per case attribute
    (text) with `case:` before its name, also by name. An attribute whose column name is taken already gets
    `attribute:` before it. Cases by id, events of a case in case order; methods of pm4py sort again by time, which
    keeps that order except around events known to the day only. Events stored since the last refresh may be in it.

    Raises
    ------
    InputError
        No case is selected, or more than MAX_EVENTS events are.
    """
    view.check(chosen)
    found = log_summary(view, chosen)
    if not found.cases:
        raise InputError(f"{view.definition.id}: no case is selected, so there is no log to hand over")
    if found.events > MAX_EVENTS:
        raise _too_many(found.events)
    return pm4py_frame(selected_events(view, chosen, most=MAX_EVENTS), case_attributes(view, chosen))


def pm4py_frame(events: pl.DataFrame, attributes_of_cases: pl.DataFrame) -> pandas.DataFrame:
    """The frame of `to_pm4py` from the frames of `mining.selected_events`, wherever they were read."""
    import pandas as pd

    cases = events["case"].to_list()
    columns: dict[str, Any] = {
        CASE: pd.Series(cases, dtype=object),
        ACTIVITY: pd.Series(events["activity"].to_list(), dtype=object),
        TIME: pd.Series(events["occurred_at"].to_numpy()).dt.tz_localize("UTC"),
    }
    if events["started_at"].null_count() < events.height:
        columns[START] = pd.Series(events["started_at"].to_numpy()).dt.tz_localize("UTC")
    for column, name in (("actor", RESOURCE), ("lifecycle", LIFECYCLE)):
        values = [text or None for text in events[column].to_list()]
        if any(values):
            columns[name] = pd.Series(values, dtype=object)
    _add(columns, _event_attributes(events["attributes"].to_list()), prefix="")
    texts = dict(attributes_of_cases.select("case", "attributes").iter_rows())
    known = {case: decode(text) for case, text in texts.items()}
    _add(columns, [known.get(case, {}) for case in cases], prefix="case:")
    return pd.DataFrame(columns)


def _event_attributes(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in decode(text).items()} for text in texts]


def _plain(value: Any) -> Any:
    """The value without its type mark (`kernel.attributes`); lists, which have no place in a column, as JSON."""
    if not isinstance(value, dict):
        return value
    if "$date" in value:
        return datetime.fromisoformat(value["$date"])
    if "$id" in value:
        return value["$id"]
    if "$value" in value:
        return _plain(value["$value"])
    return encode_value(value)


def _add(columns: dict[str, Any], rows: list[dict[str, Any]], prefix: str) -> None:
    """A column per attribute that any row has; it is missing from the others."""
    import pandas as pd

    for name in sorted({name for row in rows for name in row}):
        column = prefix + name
        while column in columns:
            column = f"attribute:{column}"
        columns[column] = pd.Series([row.get(name) for row in rows], dtype=object).infer_objects()


def _too_many(events: int) -> InputError:
    return InputError(
        f"{events:,} events are selected and pm4py is given at most {MAX_EVENTS:,}; select fewer cases "
        "by time or attributes"
    )
