"""`gembascope simulate --live`: the service that it sends to, and what became of what was sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import httpx

from gembascope import render
from gembascope.commands.options import console, print_json
from gembascope.commands.progress import progress_bar
from gembascope.service import find_service
from kernel.clock import SystemClock
from kernel.errors import SettingsError, TooManyBad
from kernel.settings import Settings
from simulator.world.retailer import ZONE

if TYPE_CHECKING:
    from gembascope.live_simulation import Sent
    from simulator.simulation import Simulation


def today() -> date:
    """The day at the retailer's head office."""
    return SystemClock().now().astimezone(ZoneInfo(ZONE)).date()


def service_of(settings: Settings, url: str | None) -> tuple[str, str | None]:
    """Address and key of the service at an address, or of the home's own.

    Raises
    ------
    SettingsError
        None runs there.
    """
    if url is not None:
        return url.rstrip("/"), settings.api_key.get_secret_value() if settings.api_key else None
    found = find_service(settings.home.expanduser())
    if found is None:
        raise SettingsError(
            f"no service runs on the home {settings.home}: start one with gembascope serve, or name --url"
        )
    if found.tenant != settings.tenant:
        raise SettingsError(f"the service at {found.url} acts for the tenant {found.tenant!r}, not {settings.tenant!r}")
    return found.url, found.token


def send_all(simulation: Simulation, service: tuple[str, str | None], speed: float, *, json: bool) -> None:
    """Send until the last day is over or somebody stops it; either way, say what became of it."""
    from gembascope.live_simulation import TIMEOUT_S, Sender, Sent, send_live

    url, key = service
    headers, sent, stopped = {"Authorization": f"Bearer {key}"} if key else {}, Sent(), False
    with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False) as client:
        try:
            with progress_bar("events") as report:
                progress = partial(report, "sending")
                send_live(simulation, Sender(client, sent), sent, SystemClock(), speed, progress=progress)
        except KeyboardInterrupt:
            stopped = True
    _tell(simulation.truth(), sent, stopped=stopped, json=json)
    if sent.received and not sent.accepted:
        raise TooManyBad("every event is in quarantine: nothing could be kept")


def _tell(truth: dict[str, Any], sent: Sent, *, stopped: bool, json: bool) -> None:
    counts = {name: getattr(sent, name) for name in ("received", "accepted", "quarantined", "retries")}
    systems = dict(sorted(sent.systems.items()))
    if json:
        print_json(counts | {"stopped": stopped, "systems": systems, "truth": truth})
        return
    shown = console()
    shown.print(
        f"{'stopped' if stopped else 'done'}: {render.count(sent.received)} received, {render.count(sent.accepted)} "
        f"accepted, {render.count(sent.quarantined)} quarantined; sent again {render.count(sent.retries)} times",
        soft_wrap=True,
    )
    for reason in sent.reasons:
        shown.print(reason, soft_wrap=True)
    tell_systems(systems)
    tell_faults(truth)
    shown.print(f"--start {truth['first_day']} sends the same events again, and on from there; none is kept twice")


def tell_systems(systems: Mapping[str, int]) -> None:
    """How much came from where."""
    rows = [{"system": name, "events": count} for name, count in systems.items()]
    render.table(console(), "events", [("system", "system", str), ("events", "events", render.count)], rows)


def tell_faults(truth: dict[str, Any]) -> None:
    """What went wrong, one row per fault."""
    shown = console()
    if not truth["faults"]:
        shown.print("Nothing went wrong.")
        return
    rows = [
        one
        | {
            "affected": len(one["affected"]),
            "narrowed": ", ".join(f"{name} {value}" for name, value in one["where"].items()),
        }
        for one in truth["faults"]
    ]
    columns: list[render.Column] = [
        ("what", "title", str),
        ("where", "narrowed", str),
        ("from (UTC)", "start", render.moment),
        ("until (UTC)", "end", render.moment),
        ("affected", "affected", render.count),
        ("money", "money", render.money),
    ]
    render.table(shown, "what went wrong", columns, rows)
