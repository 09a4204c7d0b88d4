"""`gembascope backtest`: what a rule would have found, before it is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gembascope import render
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace
from kernel.errors import UnreadableFile

app = typer.Typer()
SHOWN = 3
"""Reasons why nothing was decided: they differ in their instants alone."""


@app.command("backtest")
def backtest_(
    rule: Annotated[str, typer.Argument(help="Id of the rule, as its file in rules/ is called.")],
    since: Annotated[str, typer.Option(help="First instant: 2026-01-31, or with time and zone.")],
    until: Annotated[str, typer.Option(help="Last instant.")],
    every: Annotated[str, typer.Option(help="How long from one instant to the next, such as 6h.")] = "1d",
    truth: Annotated[
        Path | None, typer.Option(help="File with the ids of the cases that it should find, one per line.")
    ] = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """What a rule would have found in the past.

    Every instant is asked as if it were now, and nothing is written down. With --truth it says, too, how many of the
    cases found are right (precision), and how many of the right ones are found (recall).
    """
    body = {"since": since, "until": until, "every": every} | ({"truth": _lines(truth)} if truth is not None else {})
    with workspace(home, tenant) as asked:
        found = asked.post(f"/api/v1/rules/{segment(rule)}/backtest", body, moves=False)
    if json:
        return print_json(found)
    out = console()
    for reason in found["not_learned"][:SHOWN]:
        out.print(f"not decided: {reason}", soft_wrap=True)
    if len(found["not_learned"]) > SHOWN:
        out.print(f"not decided for {len(found['not_learned']) - SHOWN:,} more reasons, which --json lists")
    if not found["found"]:
        return out.print(f"{found['rule']} would have found nothing at {found['instants']:,} instants")
    columns: list[render.Column] = [
        ("day (UTC)", "day", str),
        ("new", "new", render.count),
        ("open", "open", render.count),
    ]
    render.table(out, f"{found['rule']}: {len(found['found']):,} findings", columns, found["days"])
    if truth is not None:
        out.print(f"precision {render.share(found['precision'])}, recall {render.share(found['recall'])}")
    return None


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path}: cannot be read as text ({type(error).__name__})") from None
    return [line.strip() for line in text.splitlines() if line.strip()]
