"""`gembascope sla`: how promises are kept, and the cases that are late, those that lose most per hour first."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import COMMON, KEYWORD, Process, console, filter_words, print_json, register, workspace
from mining.answers import Document

app = typer.Typer()

Promise = Annotated[str | None, typer.Option("--promise", help="Name of one promise; may be left out if there is one.")]
Late = Annotated[bool, typer.Option("--late", help="The work queue alone: cases past due and not kept.")]
Limit = Annotated[int, typer.Option("--limit", help="Cases of this page.", min=1, max=10_000)]
After = Annotated[str | None, typer.Option("--next", help="The `next` of the page before.")]


def _sla(**given: Any) -> None:
    process, late, limit, after = (given.pop(key) for key in ("process", "late", "limit", "after"))
    named = given.pop("promise")
    promise = {} if named is None else {"promise": named}
    home, tenant, json = (given.pop(key) for key in COMMON)
    words, page = filter_words(**given), {"late": "true", "limit": str(limit)} | ({"next": after} if after else {})
    with workspace(home, tenant) as asked:
        summary = None if late else asked.answer("sla", process, words, promise)
        one = late or (summary is not None and len(summary["promises"]) == 1)
        queue = asked.answer("sla/cases", process, words, promise | page) if one and (late or not json) else None
    if json:
        print_json(summary if summary is not None else queue)
        return
    if summary is not None:
        _show_summary(summary)
    if queue is not None:
        _show_queue(queue)
    elif summary is not None and summary["promises"]:
        console().print("name one with --promise to see its late cases")


def _show_summary(found: Document) -> None:
    columns: list[render.Column] = [
        ("promise", "promise", render.name),
        ("late now", "late_now", render.count),
        ("value late", "value_late", _sums),
        ("lost per hour", "lost_per_hour", _sums),
        ("at risk", "at_risk", render.count),
        ("paused", "paused", render.count),
        ("open", "open", render.count),
        ("met", "met", render.count),
        ("kept late", "kept_late", render.count),
        ("void", "void", render.count),
        ("not started", "not_started", render.count),
    ]
    title = f"{found['process']}: promises as of {render.moment(found['now'])} UTC"
    render.table(console(), title, columns, found["promises"])


def _show_queue(found: Document) -> None:
    rows = [
        row
        | {
            name: f"{row[name]} {row['currency']}" if row[name] is not None else None
            for name in ("value", "lost_per_hour")
        }
        for row in found["cases"]
    ]
    columns: list[render.Column] = [
        ("case", "case", render.name),
        ("store", "store", render.name),
        ("lost per hour", "lost_per_hour", _amount),
        ("value", "value", _amount),
        ("late by", "late_s", render.seconds),
        ("due (UTC)", "due_at", render.moment),
        ("last step", "last_activity", render.name),
        ("at (UTC)", "last_at", render.moment),
    ]
    render.table(console(), f"{render.name(found['promise'])}: late now, most lost per hour first", columns, rows)
    if found["next"]:
        console().print(f"next page: --late --next {found['next']}", soft_wrap=True)


def _sums(sums: Any) -> str:
    return ", ".join(_amount(f"{money['value']} {money['currency']}") for money in sums) or "–"


def _amount(text: Any) -> str:
    """`12.500000 EUR` as `12.50 EUR`: at least two places."""
    if text is None:
        return "–"
    number, _, currency = str(text).partition(" ")
    whole, _, places = number.partition(".")
    return f"{int(whole):,}.{places.rstrip('0').ljust(2, '0')} {currency}"


def _own(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, KEYWORD, default=default, annotation=kind)


register(
    app,
    "sla",
    _sla,
    [
        _own("process", Process),
        _own("promise", Promise, None),
        _own("late", Late, False),
        _own("limit", Limit, 20),
        _own("after", After, None),
    ],
    "How promises are kept, and which cases are late.",
)
