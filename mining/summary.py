"""A process's log at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView


@dataclass(frozen=True, slots=True)
class LogSummary:
    """`first` and `last` are the first start and the last event, None for no cases; `activities` and `variants`
    count distinct ones; `assumed_pairs` counts directly-follows pairs ordered by assumption only."""

    cases: int
    events: int
    activities: int
    variants: int
    first: datetime | None
    last: datetime | None
    assumed_pairs: int
    open: int
    complete: int


def log_summary(view: ProcessView, chosen: CaseFilter = EVERYTHING) -> LogSummary:
    """The summary of the selected cases. Reads every selected case once."""
    return LogSummary(**view.ask(load_query(__file__, "log_summary"), chosen).row(0, named=True))
