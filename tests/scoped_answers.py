"""Everything that can be asked about a process, as values that two tenants can be compared by."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from api.routes.events import FRAMES
from api.routes.export import export_file
from dashboards.cache import Asked, Remembered
from ingest.export import KINDS
from kernel.errors import GembascopeError
from mining.answers import ANSWERS, case, readiness
from mining.attribute_values import attribute_values
from mining.cases import ORDERS, case_part, cases
from mining.directly_follows import directly_follows_frequency
from mining.filters import CaseFilter
from mining.pm4py_bridge import to_pm4py
from mining.readiness import OF_CASES
from mining.view import ProcessView

OPTIONS: dict[str, dict[str, str]] = {"variants": {"all": "true"}, "cases": {"order": "oldest"}}
NO_MODEL = ("discover",)
"""Takes seconds to import; one example asks for it."""


def answers(
    view: ProcessView,
    chosen: CaseFilter,
    named: Iterable[str],
    folder: Path,
    *,
    kinds: Iterable[str] = KINDS,
    orders: Iterable[str] = ORDERS,
) -> dict[str, Any]:
    """What it answers about a selection and about single cases, by question; an error as its kind and words."""
    found: dict[str, Any] = {}

    def ask(question: str, make: Callable[[], Any]) -> None:
        try:
            found[question] = _comparable(make())
        except GembascopeError as error:
            found[question] = (type(error).__name__, str(error))

    ask("check", lambda: view.check(chosen))
    for name in ANSWERS.keys() - set(NO_MODEL):
        ask(name, lambda name=name: ANSWERS[name](view, chosen, OPTIONS.get(name, {})))
    ask("handover of sources", lambda: ANSWERS["handover"](view, chosen, {"between": "sources"}))
    for name, (read, _) in FRAMES.items():
        ask(name, lambda read=read: read(view, chosen))
    ask("frequencies", lambda: directly_follows_frequency(view, chosen))
    ask("attribute values", lambda: attribute_values(view))
    ask("readiness", lambda: [item for item in readiness(view)["readiness"] if item["aspect"] in OF_CASES])
    for order in orders:
        ask(f"pages of cases, {order}", lambda order=order: _pages(view, chosen, order))
    for name in named:
        ask(f"case {name}", lambda name=name: case(view, name))
        ask(f"part of {name}", lambda name=name: asdict(case_part(view, name, first=1, most=2)))
    asked = Asked(view, chosen, 0, Remembered())
    ask("a block", lambda: asked.block("newest", 0))
    ask("the map of all cases", lambda: asked.everything.map())
    ask("log for pm4py", lambda: to_pm4py(view, chosen).to_dict("records"))
    for kind in kinds:
        ask(f"export as {kind}", lambda kind=kind: _exported(view, chosen, kind, folder))
    return found


def _pages(view: ProcessView, chosen: CaseFilter, order: str) -> list[Any]:
    pages = [cases(view, chosen, order_by=order, page=1)]
    while pages[-1].next is not None:
        pages.append(cases(view, chosen, order_by=order, page=1, after=pages[-1].next))
    return pages


def _exported(view: ProcessView, chosen: CaseFilter, kind: str, folder: Path) -> Any:
    path = folder / f"log.{kind}"
    path.unlink(missing_ok=True)
    wrote = export_file(view, chosen, kind, path)
    content = _dumped(path) if kind == "ocel-sqlite" else path.read_bytes()
    return (wrote.cases, wrote.events, content)


def _dumped(path: Path) -> list[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as opened:
        return list(opened.iterdump())


def _comparable(value: Any) -> Any:
    """The value without ids of events, which are hashes of the tenant too."""
    if isinstance(value, pl.DataFrame):
        return value.drop("event_id", strict=False).to_dicts()
    if isinstance(value, dict):
        return {key: _comparable(held) for key, held in value.items() if key != "event_id"}
    if isinstance(value, list | tuple):
        return [_comparable(held) for held in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _comparable(getattr(value, name)) for name in value.__dataclass_fields__}
    return value if value == value else "not a number"
