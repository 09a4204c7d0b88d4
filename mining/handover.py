"""Handover of work (van der Aalst, Reijers, Song, Discovering social networks from event logs, 2005)."""

from __future__ import annotations

import polars as pl

from kernel.errors import InputError
from kernel.warehouse import load_query
from mining.filters import EVERYTHING, CaseFilter
from mining.view import ProcessView

BETWEEN = ("actors", "sources")


def handover(
    view: ProcessView, chosen: CaseFilter = EVERYTHING, *, between: str = "actors", top: int = 100_000
) -> pl.DataFrame:
    """*Who hands over to whom.* `between` is "actors" (people and services) or "sources" (systems).

    One row per `(source, target)`: `frequency`, the directly-follows pairs of which the first event is by source and
    the second by target, a source following itself included. Events without an actor make no pair. Ordered by
    frequency descending, then source, then target; the `top` most frequent.
    """
    if between not in BETWEEN:
        raise InputError(f"between: {between!r} is not one of {', '.join(BETWEEN)}")
    return view.ask(load_query(__file__, f"handover_{between}"), chosen, top=top)
