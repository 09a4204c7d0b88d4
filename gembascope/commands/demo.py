"""`gembascope demo`: a retailer, made from a seed, loaded, told of in five scenes, and served."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from gembascope.commands.options import Home, Json, console, print_json
from gembascope.commands.progress import progress_bar
from gembascope.commands.serve import Host, Port
from gembascope.workspace import open_workspace
from ingest.watermarks import watermarks
from kernel.clock import DemoClock
from kernel.errors import SettingsError
from kernel.settings import Settings, load_settings
from mining.answers import Document

if TYPE_CHECKING:
    from dashboards.scenes import Scene
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
    events: Annotated[
        int, typer.Option(help="About how many events of the retailer.", min=100, max=20_000_000)
    ] = 190_000,
    seed: Annotated[int, typer.Option(help="Another seed makes another retailer.", min=0)] = 7,
    host: Host = None,
    port: Port = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make a retailer for whom some things go wrong, load its logs, say what there is to see, and serve it."""
    from gembascope.demo import history
    from gembascope.demo.tour import tour
    from simulator.faults.scenario import read_scenario
    from simulator.return_to_refund import return_to_refund

    settings = load_settings(home=home, host=host, port=port)
    retailer = history.Retailer.of_size(events, seed=seed, scenario=read_scenario(Path("demo")))
    opened = open_workspace(settings)
    try:
        returns_a_day = max(1, round(events / history.EVENTS_PER_DAILY_RETURN))
        returns = return_to_refund(end=history.END, per_day=returns_a_day, seed=seed)
        reports: list[Document] = []
        with progress_bar("the retailer's systems") as progress:
            loaded = history.load_retailer(
                opened,
                settings,
                retailer,
                progress=progress,
                meanwhile=lambda: reports.append(history.load_returns(opened, settings, returns)),
            )
        truth = loaded.pop("truth")
        scenes = tour(opened, truth, history.folder_of(settings))
        document = {
            "ingest": loaded,
            "log": opened.answer("log", history.ORDER_TO_CASH, {}, {}),
            "truth": truth,
            "returns": {"ingest": reports[0], "truth": returns.truth},
            "scenes": [asdict(scene) for scene in scenes],
        }
        if json:
            print_json(document)
        else:
            _tell(document, scenes)
    except BaseException:
        opened.close()
        raise
    from gembascope.workspace import LocalWorkspace

    if isinstance(opened, LocalWorkspace) and serve:
        _serve(opened, scenes)
        return
    opened.close()
    if not json and serve:
        console().print("A service holds this home already; its pages show this log.")


def _serve(opened: LocalWorkspace, scenes: Sequence[Scene]) -> None:
    """Serve the home with the demo's world around it, on the demo's clock, which resumes where it stopped."""
    from gembascope.demo.history import END, loaded_returns
    from gembascope.demo.world import DemoWorld, people_of_the_demo
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
        serve_home(around.settings, clock, opened=around, ready=ready, beside=beside, scenes=scenes)


def _tell(found: Document, scenes: Sequence[Scene]) -> None:
    out, log, report = console(), found["log"], found["ingest"]
    state = "loaded before, nothing added" if report["already_loaded_at"] else f"loaded in {report['seconds']:.0f} s"
    told = report["received"] + found["returns"]["ingest"]["received"]
    out.print(f"A simulated retailer: {told:,} events of all its systems, {log['cases']:,} orders ({state}).")
    for number, scene in enumerate(scenes, start=1):
        said = f"{scene.title}. {scene.sentence}"
        text = wrap(said, out.width, initial_indent=f"{number}. ", subsequent_indent="   ")
        out.print("\n".join(text), soft_wrap=True)


def _invite(url: str, first_admin: str | None, settings: Settings) -> None:
    console().print(f"Open {url}/tour (Ctrl-C stops it)")
    if first_admin is not None and not settings.on_loopback:  # there nobody looks around without an account
        console().print(f"This link makes the first administrator, once: {first_admin}", soft_wrap=True)
