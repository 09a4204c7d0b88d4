"""`gembascope decisions`, `approve` and `reject`: what waits for a person.

People decide, not programs and not machines: who decides signs in, with a password that is asked for without echo, or
read from standard input where that is no terminal.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from gembascope import render, tables
from gembascope.asking import segment
from gembascope.commands.options import Home, Json, Tenant, console, print_json, workspace
from gembascope.commands.runs import Run
from kernel.errors import InputError, NotFound
from mining.answers import Document

app = typer.Typer()

User = Annotated[
    str,
    typer.Option(
        help="Who decides: the name that they sign in with. Their password is asked for, or is the first line of "
        "standard input where that is no terminal."
    ),
]
Step = Annotated[str | None, typer.Option(help="The step that waits; may be left out where one does.")]
Version = Annotated[
    int | None,
    typer.Option(help="Of what was shown, as `decisions --json` gives it: another one is refused. Without: as it is."),
]


@app.command("decisions")
def decisions_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """What waits for a decision."""
    with workspace(home, tenant) as asked:
        found = asked.get("/api/v1/decisions")
    if json:
        return print_json(found)
    out = console()
    tables.decisions(out, found["decisions"])
    if found["decisions"]:
        out.print("A person decides: gembascope approve RUN --user NAME, or reject RUN --user NAME --reason …")
    return None


@app.command("approve")
def approve_(
    run: Run,
    user: User,
    step: Step = None,
    reason: Annotated[str, typer.Option(help="Why; may be left out.")] = "",
    version: Version = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Approve what waits in a run, as a person.

    What is approved is what is shown here: a change in between is refused. Where no service runs, the run is moved here
    until it waits or ends.
    """
    _decide("approve", run, user, step, reason, version, home, tenant, json)


@app.command("reject")
def reject_(
    run: Run,
    user: User,
    reason: Annotated[str, typer.Option(help="Why.")],
    step: Step = None,
    version: Version = None,
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """Reject what waits in a run, as a person.

    Where no service runs, the run is moved here until it waits or ends.
    """
    _decide("reject", run, user, step, reason, version, home, tenant, json)


def _decide(
    decision: Literal["approve", "reject"],
    run: str,
    user: str,
    step: str | None,
    reason: str,
    version: int | None,
    home: Path | None,
    tenant: str | None,
    json: bool,
) -> None:
    with workspace(home, tenant) as asked, asked.signed_in(user, _password(user)) as person:
        waiting = _waiting(person.get("/api/v1/decisions", [("run", run)])["decisions"], run, step)
        _show(waiting, console(error=json))
        if sys.stdin.isatty() and not typer.confirm(f"{decision.capitalize()}?", err=True):
            raise typer.Abort
        body = {
            "step": waiting["step"],
            "version": waiting["version"] if version is None else version,
            "decision": decision,
            "reason": reason,
        }
        decided = person.post(f"/api/v1/runs/{segment(run)}/decisions", body)
        after = None if json else person.get(f"/api/v1/runs/{segment(run)}")
    if json:
        return print_json(decided)
    out = console()
    if decided["outcome"] is None:
        out.print(f"counted; {decided['votes']} of {decided['needed']} have agreed")
    return tables.run(out, after) if after is not None else None


def _password(user: str) -> str:
    if sys.stdin.isatty():
        found: str = typer.prompt(f"Password of {user}", hide_input=True, err=True)
        return found
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise InputError(f"the password of {user} is expected as the first line of standard input")
    return line


def _waiting(found: list[Document], run: str, step: str | None) -> Document:
    """The one decision that is meant."""
    meant = [one for one in found if step in (None, one["step"])]
    if not meant:
        at = f" at the step {step!r}" if step is not None else ""
        raise NotFound(f"nothing waits for a decision{at} in a run {run[:40]!r} that this person may see")
    if len(meant) > 1:
        steps = ", ".join(one["step"] for one in meant)
        raise InputError(f"several steps wait: name one with --step, of {steps}")
    return meant[0]


def _show(waiting: Document, out: Console) -> None:
    stake = waiting["stake"]
    pairs = [
        ("asked", waiting["ask"]),
        ("at stake", f"{stake['count']:,} cases, {render.money(stake['totals'])}; {stake['unpriced']:,} unpriced"),
        ("until", f"{render.moment(waiting['deadline'])} UTC"),
    ]
    if waiting["refusal"] is not None:
        pairs.append(("approving it is refused", waiting["refusal"]))
    render.facts(out, f"run {waiting['run']['run_id']}, step {waiting['step']}", pairs)
