"""`gembascope demo`: a retailer's log, made from a seed, loaded, read and served."""

from __future__ import annotations

import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from api.loading import IngestOptions
from gembascope import render
from gembascope.commands.options import Home, Json, console, print_json
from gembascope.commands.serve import Host, Port
from gembascope.workspace import Workspace, open_workspace
from ingest.mapping import Mapping
from kernel.clock import SystemClock
from kernel.process import ProcessDefinition, Processes, write_process
from kernel.promise import Promise
from kernel.settings import Settings, load_settings
from mining.answers import Document
from simulator.order_to_cash import DemoLog, order_to_cash

app = typer.Typer()

PROCESS = "order-to-cash"
END = datetime(2026, 3, 31, 18, 0, tzinfo=timezone.utc)
"""The demo's last instant: fixed, so that a second run makes the same log and adds nothing."""

EVENTS_PER_ORDER = 14.4
CASE_COLUMNS = ("channel", "region", "carrier", "customer_segment", "payment_method")
MAPPING = Mapping(
    case="order_id",
    activity="activity",
    time="occurred_at",
    event_id="event_id",
    source="system",
    actor="actor",
    actor_kind="actor_kind",
    outcome="outcome",
    error_code="error_code",
    value="value",
    currency="currency",
    case_columns=CASE_COLUMNS,
)
REFUND = Promise.model_validate(
    {
        "name": "refund within five working days of receipt",
        "from": "Return received",
        "to": "Refund paid",
        "within": "5 working days",
    }
)
CALENDAR = """# The hours of the returns centre: the demo's promise is counted on them.
id: returns_center
timezone: Europe/Berlin
hours: {mon: [07:00-19:00], tue: [07:00-19:00], wed: [07:00-19:00], thu: [07:00-19:00], fri: [07:00-17:00]}
holidays: {2026-01-01: New Year, 2026-04-03: Good Friday, 2026-04-06: Easter Monday}
"""


@app.command("demo")
def demo_(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the pages afterwards.")] = True,
    events: Annotated[int, typer.Option(help="About how many events.", min=15, max=20_000_000)] = 288_000,
    seed: Annotated[int, typer.Option(help="Another seed makes another retailer.", min=0)] = 7,
    host: Host = None,
    port: Port = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a retailer's log, load it, say what it shows, and serve it."""
    settings = load_settings(home=home, host=host, port=port)
    made = order_to_cash(orders=max(1, round(events / EVENTS_PER_ORDER)), days=90, seed=seed, end=END)
    opened = open_workspace(settings)
    try:
        report = _load(opened, settings, made, seed)
        found = _look(opened)
        document = {"ingest": report, **found, "truth": made.truth["bottlenecks"]}
        if json:
            print_json(document)
        else:
            _tell(document)
    except BaseException:
        opened.close()
        raise
    from gembascope.serving import serve as serve_home
    from gembascope.workspace import LocalWorkspace

    if isinstance(opened, LocalWorkspace) and serve:
        serve_home(settings, SystemClock(), opened=opened, ready=lambda url, first: _invite(url, first, settings))
        return
    opened.close()
    if not json and serve:
        console().print("A service holds this home already; its pages show this log.")


def _load(opened: Workspace, settings: Settings, made: DemoLog, seed: int) -> Document:
    """Write the log to a file and load it, as any other log is loaded."""
    processes = Processes(settings.home.expanduser(), settings.tenant)
    truth = made.truth
    definition = ProcessDefinition(
        id=PROCESS,
        title="Order to cash",
        object_type=f"case:{PROCESS}",
        order=tuple(truth["order"]),
        start=tuple(truth["starts"]),
        end=tuple(truth["ends"]),
        owner="operations",
        calendar="returns_center",
        promises=(REFUND,),
    )
    calendar = processes.calendar_folder / "returns_center.yaml"
    if not calendar.exists():
        calendar.parent.mkdir(parents=True, exist_ok=True)
        calendar.write_text(CALENDAR, encoding="utf-8")
    write_process(processes.folder, definition)
    with tempfile.TemporaryDirectory(prefix="gembascope-demo-") as scratch:
        path = Path(scratch) / f"order-to-cash-seed-{seed}.parquet"
        made.events.with_columns(pl.col("value").cast(pl.String)).write_parquet(path)
        options = IngestOptions(process=PROCESS, source="demo", file_name=path.name, mapping=MAPPING)
        return opened.ingest(path, options)


def _look(opened: Workspace) -> dict[str, Any]:
    bottlenecks = opened.answer("bottlenecks", PROCESS, {}, {"top": "2"})["bottlenecks"]
    variants = opened.answer("variants", PROCESS, {}, {"top": "1"})
    return {"log": opened.answer("log", PROCESS, {}, {}), "bottlenecks": bottlenecks, "variants": variants}


def _tell(found: Document) -> None:
    out = console()
    log, report = found["log"], found["ingest"]
    state = "loaded before, nothing added" if report["already_loaded_at"] else f"loaded in {report['seconds']:.1f} s"
    out.print(
        f"Order to cash: {log['cases']:,} orders, {log['events']:,} events, {log['variants']:,} variants, "
        f"{log['open']:,} orders open ({state})."
    )
    first = found["variants"]["variants"][0]
    median = render.seconds(first["p50_s"])
    out.print(f"The most common path takes {first['share']:.0%} of the orders, {median} at the median.")
    out.print("Where time is lost:")
    for rank, step in enumerate(found["bottlenecks"], start=1):
        lost, half = f"{step['hours_over_target']:,.0f}", render.seconds(step["p50_s"])
        out.print(f"  {rank}. {step['source']} → {step['target']}", soft_wrap=True)
        out.print(f"     {lost} hours over the usual wait; {step['cases']:,} orders, half of them wait over {half}")
    out.print("Ask further: gembascope cases order-to-cash · gembascope variants order-to-cash")


def _invite(url: str, first_admin: str | None, settings: Settings) -> None:
    console().print(f"Open {url} (Ctrl-C stops it)")
    if first_admin is not None and not settings.on_loopback:  # there nobody looks around without an account
        console().print(f"This link makes the first administrator, once: {first_admin}", soft_wrap=True)
