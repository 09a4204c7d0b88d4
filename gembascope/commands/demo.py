"""`gembascope demo`: a retailer's logs, made from a seed, loaded, read and served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gembascope import render
from gembascope.commands.options import Home, Json, console, print_json
from gembascope.commands.serve import Host, Port
from gembascope.demonstration import (
    END,
    EVENTS_PER_DAILY_RETURN,
    EVENTS_PER_ORDER,
    ORDER_TO_CASH,
    load_orders,
    load_returns,
    loaded_returns,
)
from gembascope.workspace import Workspace, open_workspace
from ingest.watermarks import watermarks
from kernel.clock import DemoClock
from kernel.errors import SettingsError
from kernel.settings import Settings, load_settings
from mining.answers import Document
from simulator.order_to_cash import order_to_cash
from simulator.retailer import RETURN_TO_REFUND
from simulator.return_to_refund import return_to_refund

if TYPE_CHECKING:
    from gembascope.operations import Operations
    from gembascope.workspace import LocalWorkspace
    from ingest.live import LiveIngest
    from kernel.identity.directory import Directory

app = typer.Typer()
LATER = timedelta(hours=1)
"""How long after the end of the logs the demo's clock begins: what happened meanwhile comes live at once."""


@app.command("demo")
def demo_(
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the pages afterwards.")] = True,
    events: Annotated[int, typer.Option(help="About how many events of orders.", min=15, max=20_000_000)] = 288_000,
    seed: Annotated[int, typer.Option(help="Another seed makes another retailer.", min=0)] = 7,
    host: Host = None,
    port: Port = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a retailer's logs, load them, say what they show, and serve them."""
    settings = load_settings(home=home, host=host, port=port)
    orders = order_to_cash(orders=max(1, round(events / EVENTS_PER_ORDER)), days=90, seed=seed, end=END)
    returns = return_to_refund(end=END, per_day=max(1, round(events / EVENTS_PER_DAILY_RETURN)), seed=seed)
    opened = open_workspace(settings)
    try:
        report = load_orders(opened, settings, orders)
        found = _look(opened)
        document = {"ingest": report, **found, "truth": orders.truth["bottlenecks"]}
        report = load_returns(opened, settings, returns)
        log = opened.answer("log", RETURN_TO_REFUND, {}, {})
        document["returns"] = {"ingest": report, "log": log, "truth": returns.truth}
        if json:
            print_json(document)
        else:
            _tell(document)
    except BaseException:
        opened.close()
        raise
    from gembascope.workspace import LocalWorkspace

    if isinstance(opened, LocalWorkspace) and serve:
        _serve(opened)
        return
    opened.close()
    if not json and serve:
        console().print("A service holds this home already; its pages show this log.")


def _serve(opened: LocalWorkspace) -> None:
    """Serve the home with the demo's world around it, on the demo's clock, which resumes where it stopped."""
    from gembascope.demo_world import DemoWorld, people_of_the_demo
    from gembascope.serving import serve as serve_home
    from gembascope.workspace import LocalWorkspace

    settings = opened.settings
    with closing(opened), closing(DemoClock(settings.home.expanduser(), END + LATER)) as clock:
        newest = watermarks(opened.warehouse, settings.tenant)["last_occurred_at"].max()
        if isinstance(newest, datetime):
            clock.not_before(newest)
        plan = loaded_returns(settings)
        if plan is None:
            raise SettingsError("the demo's returns are not loaded: run gembascope demo again")
        world = DemoWorld(settings, clock, plan)
        world.define()
        hosts = (*settings.egress_hosts, world.host)
        around = LocalWorkspace(settings.model_copy(update={"egress_hosts": hosts}), clock, opened.warehouse)

        @contextmanager
        def beside(live: LiveIngest, operations: Operations, directory: Directory) -> Iterator[None]:
            people = people_of_the_demo(settings, directory.users)
            for person in people:
                console().print(f"{person.name} {person.does}, with the password {person.password}", soft_wrap=True)
            with world.running(live, operations):
                yield

        ready = partial(_invite, settings=settings)
        serve_home(around.settings, clock, opened=around, ready=ready, beside=beside)


def _look(opened: Workspace) -> dict[str, Any]:
    bottlenecks = opened.answer("bottlenecks", ORDER_TO_CASH, {}, {"top": "2"})["bottlenecks"]
    variants = opened.answer("variants", ORDER_TO_CASH, {}, {"top": "1"})
    return {"log": opened.answer("log", ORDER_TO_CASH, {}, {}), "bottlenecks": bottlenecks, "variants": variants}


def _tell(found: Document) -> None:
    out = console()
    out.print(_summary("Order to cash", "orders", found))
    first = found["variants"]["variants"][0]
    median = render.seconds(first["p50_s"])
    out.print(f"The most common path takes {first['share']:.0%} of the orders, {median} at the median.")
    out.print("Where time is lost:")
    for rank, step in enumerate(found["bottlenecks"], start=1):
        lost, half = f"{step['hours_over_target']:,.0f}", render.seconds(step["p50_s"])
        out.print(f"  {rank}. {step['source']} → {step['target']}", soft_wrap=True)
        out.print(f"     {lost} hours over the usual wait; {step['cases']:,} orders, half of them wait over {half}")
    out.print(_summary("Return to refund", "returns", found["returns"]))
    out.print("Ask further: gembascope cases order-to-cash · gembascope variants order-to-cash")


def _summary(title: str, cases: str, found: Document) -> str:
    log, report = found["log"], found["ingest"]
    state = "loaded before, nothing added" if report["already_loaded_at"] else f"loaded in {report['seconds']:.1f} s"
    return (
        f"{title}: {log['cases']:,} {cases}, {log['events']:,} events, {log['variants']:,} variants, "
        f"{log['open']:,} {cases} open ({state})."
    )


def _invite(url: str, first_admin: str | None, settings: Settings) -> None:
    console().print(f"Open {url} (Ctrl-C stops it)")
    if first_admin is not None and not settings.on_loopback:  # there nobody looks around without an account
        console().print(f"This link makes the first administrator, once: {first_admin}", soft_wrap=True)
