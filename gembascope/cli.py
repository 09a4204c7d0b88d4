"""The command line: a table of names, each loaded only when it is asked for.

Importing pm4py or opening the engine takes seconds; help must not.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from kernel.errors import GembascopeError, exit_code

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "gembascope.commands.demo",
        "Make a retailer for whom some things go wrong, load its logs, say what there is to see, and serve it.",
    ),
    "catalogue": (
        "gembascope.commands.catalogue",
        "The processes of retail that are shipped, to take over and to change.",
    ),
    "ingest": ("gembascope.commands.ingest", "Load event logs and say what they are fit for."),
    "send": ("gembascope.commands.send", "Send events as they happen, out of a file."),
    "simulate": (
        "gembascope.commands.simulate",
        "Let a retailer work for some days, and write what its systems tell.",
    ),
    "processes": ("gembascope.commands.answers", "List the processes of this home."),
    "log": ("gembascope.commands.answers", "A process's log at a glance."),
    "map": ("gembascope.commands.answers", "The directly-follows map with its waits."),
    "variants": ("gembascope.commands.answers", "The paths that cases took, most frequent first."),
    "bottlenecks": ("gembascope.commands.answers", "The steps that lose the most hours."),
    "cases": ("gembascope.commands.answers", "Cases, slowest first."),
    "case": ("gembascope.commands.answers", "One case with all its events."),
    "durations": ("gembascope.commands.answers", "How long cases and activities take."),
    "rework": ("gembascope.commands.answers", "Activities done more than once in a case."),
    "handover": ("gembascope.commands.answers", "Who hands over to whom, people or systems."),
    "sla": ("gembascope.commands.sla", "How promises are kept, and which cases are late."),
    "discover": ("gembascope.commands.discover", "Discover a model: BPMN, PNML or SVG."),
    "export": ("gembascope.commands.export", "Write a process's log as XES, OCEL 2.0, Parquet or CSV."),
    "readiness": ("gembascope.commands.answers", "What the log of a process is fit for."),
    "sources": ("gembascope.commands.sources", "The systems that tell of events, and how they are."),
    "quarantine": (
        "gembascope.commands.quarantine",
        "What could not become events, why, and what is done about it.",
    ),
    "erase": ("gembascope.commands.erase", "Forget a person, or any other object, in all that is kept."),
    "mapping": ("gembascope.commands.mapping", "How what sources say becomes events, and the proof of it."),
    "overview": ("gembascope.commands.overview", "What is late, what it costs, what broke, what waits for a decision."),
    "incidents": ("gembascope.commands.incidents", "What is in trouble, and who takes it up."),
    "findings": ("gembascope.commands.findings", "The findings of an incident, with their evidence."),
    "detect": ("gembascope.commands.findings", "Look for trouble now."),
    "backtest": ("gembascope.commands.backtest", "What a rule would have found in the past."),
    "playbooks": ("gembascope.commands.playbooks", "The playbooks: what they are for, and how much they do."),
    "propose": ("gembascope.commands.playbooks", "Propose a playbook for an incident."),
    "runs": ("gembascope.commands.runs", "Runs of playbooks, and how they went."),
    "mutes": ("gembascope.commands.mutes", "Playbooks that are muted for a while."),
    "messages": ("gembascope.commands.messages", "Alerts that did not arrive."),
    "decisions": ("gembascope.commands.decisions", "What waits for a decision."),
    "approve": ("gembascope.commands.decisions", "Approve what waits in a run, as a person."),
    "reject": ("gembascope.commands.decisions", "Reject what waits in a run, as a person."),
    "serve": ("gembascope.commands.serve", "Serve the pages and the API."),
    "users": ("gembascope.commands.users", "Who may sign in, and what they may do."),
    "keys": ("gembascope.commands.keys", "Keys of programs."),
    "audit": ("gembascope.commands.audit", "Who did what, and the proof that nobody changed it."),
    "check": ("gembascope.commands.check", "Check all definition files."),
    "doctor": ("gembascope.commands.check", "Show the settings and whether everything works."),
}


class LazyGroup(TyperGroup):
    """Looks commands up in the table above."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What the help page needs: the name and its summary."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command itself, when it is to run."""
        name = args[0]
        if name not in COMMANDS:
            return super().resolve_command(ctx, args)
        found = typer.main.get_command(import_module(COMMANDS[name][0]).app)
        one = found.commands.get(name, found) if isinstance(found, TyperGroup) else found
        return name, one, args[1:]


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gembascope {version('gembascope')}")
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Gembascope shows which orders, returns and invoices are stuck, what broke them and who must act.

    Exit codes: 0 done, 1 error, 2 wrong command line, 3 wrong input, 4 too many bad rows, 5 wrong definition,
    6 wrong settings or home in use, 7 warehouse, 8 not allowed, 9 state database, 10 audit broken,
    11 outside not reached, 130 interrupted.
    """


def main() -> None:
    """The `gembascope` command."""
    # What is imported stays: looking through it again and again takes a tenth of a start.
    gc.set_threshold(50_000, 20, 20)
    try:
        sys.exit(app(standalone_mode=False))
    except GembascopeError as error:
        print(f"gembascope: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except (typer.Abort, KeyboardInterrupt):
        print("gembascope: interrupted; the same command again continues", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error, which knows how to print itself
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))


if __name__ == "__main__":
    main()
