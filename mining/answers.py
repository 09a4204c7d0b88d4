"""The answers as JSON documents: the one form that the command line, the API and a remote SDK share.

Keys are stable. Times are ISO 8601 in UTC, durations seconds in names that end in `_s`, shares 0 to 1. Each function
takes a process view, a filter, and the options that its signature names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl

from kernel import attributes
from kernel.errors import InputError
from kernel.process import ProcessDefinition
from mining import bottlenecks as bottlenecks_
from mining import cases as cases_
from mining import directly_follows
from mining import durations as durations_
from mining import handover as handover_
from mining import rework as rework_
from mining import variants as variants_
from mining.filters import CaseFilter
from mining.readiness import readiness as readiness_of
from mining.summary import log_summary
from mining.view import ProcessView

Document = dict[str, Any]
Options = Mapping[str, str]


def log(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    summary = log_summary(view, chosen)
    return {"process": view.definition.id, **_plain(asdict(summary))}


def map(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    found = directly_follows.process_map(view, chosen)
    return {
        "process": view.definition.id,
        "edges": rows(found.edges),
        "starts": rows(found.starts),
        "ends": rows(found.ends),
        "activities": rows(found.activities),
    }


def variants(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    top = variants_.ALL if options.get("all") == "true" else number(options, "top", 20, 1_000_000)
    found = variants_.variants(view, chosen, top=top)
    total = found.item(0, "total") if found.height else 0
    return {"process": view.definition.id, "variants": rows(found.drop("total")), "total": total}


def bottlenecks(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    found = bottlenecks_.bottlenecks(view, chosen, top=number(options, "top", 10, 100_000))
    return {"process": view.definition.id, "bottlenecks": rows(found)}


def cases(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    page = cases_.cases(
        view,
        chosen,
        order_by=options.get("order", "longest"),
        page=number(options, "limit", 50, cases_.MAX_PAGE),
        after=options.get("next"),
    )
    return {"process": view.definition.id, "cases": rows(page.cases), "next": page.next}


def case(view: ProcessView, case_id: str) -> Document:
    found = cases_.case(view, case_id)
    events = [row | {"attributes": attributes.decode(row["attributes"])} for row in rows(found.events)]
    return {
        "process": view.definition.id,
        "case": found.case,
        "state": found.state,
        "variant": found.variant,
        "attributes": found.attributes,
        "assumed_pairs": found.assumed,
        "promises": rows(found.promises),
        "events": events,
    }


def durations(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    return {
        "process": view.definition.id,
        "cases": rows(durations_.durations(view, chosen)),
        "activities": rows(durations_.service_times(view, chosen)),
    }


def rework(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    return {"process": view.definition.id, "rework": rows(rework_.rework(view, chosen))}


def handover(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    between = options.get("between", "actors")
    found = handover_.handover(view, chosen, between=between, top=number(options, "top", 1_000, 1_000_000))
    return {"process": view.definition.id, "between": between, "handovers": rows(found)}


def discover(view: ProcessView, chosen: CaseFilter, options: Options) -> Document:
    from mining.discovery.inductive import discover as discover_model  # pm4py takes seconds to import

    try:
        noise = float(options.get("noise", "0"))
    except ValueError:
        raise InputError(f"noise: {options['noise'][:40]!r} is not a number from 0 to 1") from None
    model = discover_model(view, chosen, noise=noise)
    return {
        "process": view.definition.id,
        "noise": noise,
        "process_tree": model.process_tree,
        "bpmn": model.bpmn(),
        "pnml": model.pnml(),
        "svg": model.svg(),
    }


def readiness(view: ProcessView, log: str | None = None) -> Document:
    found = [asdict(finding) for finding in readiness_of(view, log=log)]
    return {"process": view.definition.id, "readiness": found}


def describe(definition: ProcessDefinition) -> Document:
    """A process as lists show it."""
    return {
        "process": definition.id,
        "title": definition.title or definition.id,
        "object_type": definition.object_type,
        "start": list(definition.start),
        "end": list(definition.end),
        "owner": definition.owner,
    }


ANSWERS: dict[str, Callable[[ProcessView, CaseFilter, Options], Document]] = {
    "log": log,
    "map": map,
    "variants": variants,
    "bottlenecks": bottlenecks,
    "cases": cases,
    "durations": durations,
    "rework": rework,
    "handover": handover,
    "discover": discover,
}
"""The answers about a selection of cases, by the name of their command and of the last part of their address."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "variants": ("top", "all"),
    "bottlenecks": ("top",),
    "cases": ("order", "limit", "next"),
    "handover": ("between", "top"),
    "discover": ("noise",),
}
"""The options that an answer takes besides the filter."""


def rows(frame: pl.DataFrame) -> list[Document]:
    """The rows of a frame as plain JSON values."""
    return [_plain(row) for row in frame.to_dicts()]


def _plain(row: dict[str, Any]) -> Document:
    return {name: _value(value) for name, value in row.items()}


def instant(moment: datetime) -> str:
    """An instant as documents write it."""
    return moment.isoformat().replace("+00:00", "Z")


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Decimal):
        return str(value)
    return value


def number(options: Options, name: str, usual: int, most: int) -> int:
    """An option that is a whole number from 1 to `most`; InputError for anything else."""
    text = options.get(name)
    if text is None:
        return usual
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= most:
        raise InputError(f"{name}: {text[:40]!r} is not a whole number from 1 to {most}")
    return int(text)
