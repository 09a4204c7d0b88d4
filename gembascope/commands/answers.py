"""The reading commands: each asks one question and prints its document, or a table of it."""

from __future__ import annotations

from typing import Annotated

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, Process, Tenant, console, print_json, reading, workspace
from mining.answers import Document
from mining.cases import ORDERS

app = typer.Typer()
DURATION_COLUMNS = (("mean", "mean"), ("p50", "p50"), ("p90", "p90"), ("p95", "p95"), ("min", "min"), ("max", "max"))


@reading(app, "log", lambda **_: {})
def log_(
    found: Document,
    process: str,
) -> None:
    """A process's log at a glance."""
    render.facts(
        console(),
        f"{process}: the log",
        [
            ("cases", render.count(found["cases"])),
            ("open / complete", f"{found['open']:,} / {found['complete']:,}"),
            ("events", render.count(found["events"])),
            ("activities", render.count(found["activities"])),
            ("variants", render.count(found["variants"])),
            ("first", render.moment(found["first"])),
            ("last", render.moment(found["last"])),
            ("assumed pairs", render.count(found["assumed_pairs"])),
        ],
    )


@reading(app, "map", lambda **_: {})
def map_(
    found: Document,
    process: str,
    top: Annotated[int, typer.Option(help="Rows of the table; --json holds all.", min=1)] = 25,
) -> None:
    """The directly-follows map with its waits."""
    edges = found["edges"]
    title = f"{process}: {min(top, len(edges))} of {len(edges)} connections, most frequent first"
    columns: list[render.Column] = [
        ("from", "source", render.name),
        ("to", "target", render.name),
        ("frequency", "frequency", render.count),
        ("assumed", "assumed", render.count),
        ("mean", "mean_s", render.seconds),
        ("p50", "p50_s", render.seconds),
        ("p95", "p95_s", render.seconds),
    ]
    render.table(console(), title, columns, edges[:top])


@reading(app, "variants", lambda top, every: {"all": "true"} if every else {"top": str(top)})
def variants_(
    found: Document,
    process: str,
    top: Annotated[int, typer.Option(help="How many.", min=1)] = 20,
    every: Annotated[bool, typer.Option("--all", help="Every variant.")] = False,
) -> None:
    """The paths that cases took, most frequent first."""
    rows = [row | {"path": render.path(row["activities"])} for row in found["variants"]]
    columns: list[render.Column] = [
        ("variant", "variant", render.name),
        ("cases", "cases", render.count),
        ("share", "share", render.share),
        ("median", "p50_s", render.seconds),
        ("path", "path", str),
    ]
    render.table(console(), f"{process}: {len(rows)} of {found['total']:,} variants", columns, rows)


@reading(app, "bottlenecks", lambda top: {"top": str(top)})
def bottlenecks_(
    found: Document,
    process: str,
    top: Annotated[int, typer.Option(help="How many.", min=1)] = 10,
) -> None:
    """The steps that lose the most hours."""
    columns: list[render.Column] = [
        ("from", "source", render.name),
        ("to", "target", render.name),
        ("cases", "cases", render.count),
        ("p50", "p50_s", render.seconds),
        ("p95", "p95_s", render.seconds),
        ("over target", "hours_over_target", render.hours),
        ("target", "target_s", render.seconds),
    ]
    render.table(console(), f"{process}: where time is lost", columns, found["bottlenecks"])


@reading(
    app, "cases", lambda order, limit, after: {"order": order, "limit": str(limit)} | ({"next": after} if after else {})
)
def cases_(
    found: Document,
    process: str,
    order: Annotated[str, typer.Option(help=f"{', '.join(ORDERS)}.")] = "longest",
    limit: Annotated[int, typer.Option(help="Cases of this page.", min=1, max=10_000)] = 20,
    after: Annotated[str | None, typer.Option("--next", help="The `next` of the page before.")] = None,
) -> None:
    """Cases, slowest first."""
    columns: list[render.Column] = [
        ("case", "case", render.name),
        ("state", "state", str),
        ("start", "start", render.moment),
        ("end", "end", render.moment),
        ("duration", "duration_s", render.seconds),
        ("events", "events", render.count),
        ("variant", "variant", str),
    ]
    if any(row["due"] for row in found["cases"]):
        columns.append(("due", "due", render.moment))
    render.table(console(), f"{process}: cases, {order} first", columns, found["cases"])
    if found["next"]:
        console().print(f"next page: --next {found['next']}")


@reading(app, "durations", lambda **_: {})
def durations_(
    found: Document,
    process: str,
) -> None:
    """How long cases and activities take."""
    columns: list[render.Column] = [
        ("state", "state", lambda state: state or "all"),
        ("cases", "cases", render.count),
        *((name, f"{key}_s", render.seconds) for name, key in DURATION_COLUMNS),
    ]
    render.table(console(), f"{process}: cases, first to last event", columns, found["cases"])
    if found["activities"]:
        service: list[render.Column] = [
            ("activity", "activity", render.name),
            ("events", "events", render.count),
            ("mean", "mean_s", render.seconds),
            ("p50", "p50_s", render.seconds),
            ("p95", "p95_s", render.seconds),
        ]
        render.table(console(), "activities, start to end", service, found["activities"])


@reading(app, "rework", lambda **_: {})
def rework_(
    found: Document,
    process: str,
) -> None:
    """Activities done more than once in a case."""
    columns: list[render.Column] = [
        ("activity", "activity", render.name),
        ("cases", "cases", render.count),
        ("of its cases", "share", render.share),
        ("repeats", "repeats", render.count),
    ]
    render.table(console(), f"{process}: rework", columns, found["rework"])


@reading(app, "handover", lambda between, top: {"between": between, "top": str(top)})
def handover_(
    found: Document,
    process: str,
    between: Annotated[str, typer.Option(help="actors or sources (systems).")] = "actors",
    top: Annotated[int, typer.Option(help="How many.", min=1)] = 25,
) -> None:
    """Who hands over to whom, people or systems."""
    columns: list[render.Column] = [
        ("from", "source", render.name),
        ("to", "target", render.name),
        ("times", "frequency", render.count),
    ]
    render.table(console(), f"{process}: handovers between {between}", columns, found["handovers"])


@app.command("processes")
def processes_(home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """List the processes of this home."""
    with workspace(home, tenant) as asked:
        found = asked.processes()
    if json:
        return print_json(found)
    if not found["processes"]:
        console().print("No process yet. Load one: gembascope ingest FILE --process ID, or try: gembascope demo")
        return None
    columns: list[render.Column] = [
        ("process", "process", render.name),
        ("title", "title", render.name),
        ("case", "object_type", render.name),
        ("owner", "owner", render.name),
    ]
    return render.table(console(), "processes", columns, found["processes"])


@app.command("readiness")
def readiness_(process: Process, home: Home = None, tenant: Tenant = None, json: Json = False) -> None:
    """What the log of a process is fit for."""
    with workspace(home, tenant) as asked:
        found = asked.readiness(process)
    if json:
        return print_json(found)
    return render_readiness(found)


def render_readiness(found: Document) -> None:
    """The readiness report as a table; what limits answers is marked."""
    columns: list[render.Column] = [
        ("", "attention", lambda attention: "!" if attention else " "),
        ("aspect", "aspect", str),
        ("count", "count", render.count),
        ("share", "share", render.share),
        ("what it means", "meaning", str),
    ]
    render.table(console(), f"{found['process']}: readiness", columns, found["readiness"])


@app.command("case")
def case_(
    process: Process,
    case: Annotated[str, typer.Argument(help="Case id.")],
    home: Home = None,
    tenant: Tenant = None,
    json: Json = False,
) -> None:
    """One case with all its events."""
    with workspace(home, tenant) as asked:
        found = asked.case(process, case)
    if json:
        return print_json(found)
    columns: list[render.Column] = [
        ("time (UTC)", "occurred_at", render.moment),
        ("wait", "wait_s", render.seconds),
        ("", "assumed", lambda assumed: "order assumed" if assumed else ""),
        ("activity", "activity", render.name),
        ("system", "source", render.name),
        ("actor", "actor", render.name),
        ("lifecycle", "lifecycle", render.name),
        ("outcome", "outcome", str),
    ]
    if any(event["via"] for event in found["events"]):
        columns.append(("via", "via", lambda via: render.name(f"{via['type']} {via['id']}") if via else ""))
    title = f"{process}: case {render.name(found['case'])}, {found['state']}, variant {found['variant']}"
    render.table(console(), title, columns, found["events"])
    if found["promises"]:
        promised: list[render.Column] = [
            ("promise", "name", render.name),
            ("due (UTC)", "due", render.moment),
            ("kept (UTC)", "kept", render.moment),
            ("late by", "late_s", lambda late_s: "in time" if late_s == 0 else render.seconds(late_s)),
        ]
        if any(promise["paused_since"] for promise in found["promises"]):
            promised.append(("paused since (UTC)", "paused_since", render.moment))
        render.table(console(), "promises", promised, found["promises"])
    if found["attributes"]:
        pairs = [(render.name(key), render.name(value)) for key, value in sorted(found["attributes"].items())]
        render.facts(console(), "attributes", pairs)
    return None
