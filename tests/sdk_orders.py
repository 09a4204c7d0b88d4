"""A small log as the SDK loads it, and when two of its answers are the same."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
from polars.testing import assert_frame_equal

from gembascope.selection import Filters
from gembascope.workspace import LocalWorkspace
from kernel.clock import Clock
from kernel.process import Processes, write_process
from kernel.settings import load_settings
from mining.view import ProcessView

TENANT = "sdk"
ORDERS = """order,step,at,who,amount,region
1,Placed,2024-01-05T09:00:00Z,ann,12.50,north
1,Paid,2024-01-05T09:10:00.5Z,bob,,north
1,Shipped,2024-01-07T09:10:00Z,bob,,north
2,Placed,2024-01-06T09:00:00Z,ann,-3,south
2,Paid,2024-01-06T11:00:00Z,ann,,south
2,Paid,2024-01-06T11:30:00Z,ann,,south
3,Placed,2024-01-08T09:00:00Z,,0.000001,north
4,Placed,soon,ann,1,north
"""
MAPPING = {"case": "order", "activity": "step", "time": "at", "actor": "who", "value": "amount", "currency": "=EUR"}
FILTERS: tuple[Filters, ...] = (
    {},
    {"since": date(2024, 1, 6)},
    {"until": datetime(2024, 1, 8, 10, tzinfo=timezone(timedelta(hours=1))), "anchor": "ended"},
    {"case_attr": {"region": "north"}},
    {"case_attr": {"region": ["north", "south"]}, "activity": ["Paid"]},
    {"min_duration": timedelta(hours=2, milliseconds=500), "max_duration": "30d"},
    {"edge_source": "Paid", "edge_target": "Paid", "state": "unknown"},
    {"since": "2100-01-01"},
)


def same(one: Any, other: Any) -> None:
    """Equal, frames in columns, dtypes, rows and their order."""
    assert type(one) is type(other)
    if isinstance(one, pl.DataFrame):
        assert_frame_equal(one, other, check_exact=True)
    elif is_dataclass(one):
        for field in fields(one):
            same(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    else:
        assert one == other


def over(view: ProcessView, clock: Clock, home: Path) -> LocalWorkspace:
    """A workspace in which the process of `tests/logs.py` is defined as the view has it."""
    write_process(Processes(home, view.tenant).folder, view.definition)
    return LocalWorkspace(load_settings(home=home, tenant=view.tenant), clock, view.warehouse)
