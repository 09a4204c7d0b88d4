"""What happened until the demo begins, and how it is loaded: as any other file is.

Two logs make it: the simulated retailer of the scenario `demo`, over all its systems, and returns of which many refunds
are stuck. Both are loaded whole as backfill, which alerts nobody; what happens after `END` comes live (`coming`, and
`simulator.returns_shop`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from api.loading import IngestOptions
from gembascope.catalogue import adopt, read_shipped
from gembascope.demo.coming import keep_coming
from gembascope.demo.keeping import remember, remembered
from gembascope.workspace import Workspace
from ingest.mapping import Mapping
from kernel.clock import SystemClock
from kernel.errors import SettingsError
from kernel.settings import Settings
from mining.answers import Document
from simulator.emit.canonical import Canonical
from simulator.emit.writing import without_collecting
from simulator.faults.scenario import NOTHING, Scenario
from simulator.retailer import RETURN_TO_REFUND, install
from simulator.return_to_refund import ReturnsLog
from simulator.returns_numbers import ReturnsPlan
from simulator.returns_shop import OBJECT_TYPE
from simulator.simulation import FLOWS, OF_RETURNS, Simulation
from simulator.world.times import instant_us

ORDER_TO_CASH = "order-to-cash"
END = datetime(2026, 3, 31, 18, 0, tzinfo=timezone.utc)
"""The demo's last instant: fixed, so that a second run makes the same logs and adds nothing."""
DAYS = 44
"""The last one is that of `END`; the first a Monday."""
DAYS_TO_COME = 8
"""What the retailer does after `END` is known for so long."""
EVENTS_PER_DAY, EVENTS_PER_ORDER = 250, 37
"""Of all systems, on a day without orders and with each of them."""
EVENTS_PER_DAILY_RETURN = 1_900
"""Of the retailer's 190,000 events: a hundred returns a day beside them."""

RETURNS_MAPPING = Mapping.model_validate(
    {
        "activity": "activity",
        "time": "occurred_at",
        "event_id": "event_id",
        "source": "system",
        "actor": "actor",
        "actor_kind": "actor_kind",
        "outcome": "outcome",
        "error_code": "error_code",
        "value": "value",
        "currency": "currency",
        "case": "return_id",
        "case_type": OBJECT_TYPE,
        "attribute_names": {"refund_currency": "currency"},  # what is promised to the case, beside the event's money
    }
)
MADE, PLAN = "demo-retailer.json", "demo.json"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Retailer:
    """Which retailer the demo simulates, until its clock begins and for a while after. Its returns are the other
    log."""

    orders_per_day: float
    seed: int = 7
    days: int = DAYS
    days_to_come: int = DAYS_TO_COME
    scenario: Scenario = NOTHING

    @classmethod
    def of_size(cls, events: int, *, seed: int, scenario: Scenario) -> Retailer:
        """One of about so many events until the demo begins, with an order a day at least."""
        orders_per_day = (events / DAYS - EVENTS_PER_DAY) / EVENTS_PER_ORDER
        return cls(max(1.0, round(orders_per_day, 1)), seed, scenario=scenario)

    @property
    def first(self) -> date:
        """The first of its days; the last before the demo begins is that of `END`."""
        return END.date() - timedelta(days=self.days - 1)

    def simulation(self) -> Simulation:
        return Simulation(
            first=self.first,
            days=self.days + self.days_to_come,
            orders_per_day=self.orders_per_day,
            seed=self.seed,
            scenario=self.scenario,
            flows=[flow for flow in FLOWS if flow not in OF_RETURNS],
        )

    def known_by(self) -> dict[str, Any]:
        """What tells one from another, as JSON can hold it."""
        return {
            "orders_per_day": self.orders_per_day,
            "seed": self.seed,
            "days": self.days,
            "days_to_come": self.days_to_come,
            "scenario": self.scenario.id,
        }


def load_retailer(
    opened: Workspace,
    settings: Settings,
    retailer: Retailer,
    *,
    processes: Collection[str] = (),
    progress: Progress | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> Document:
    """Take over processes of the catalogue, all unless some are named, and load the retailer: the document of `ingest`
    with the `truth` of the simulation.

    A home that holds it already is left as it is, and nothing is made again. With `meanwhile` the retailer's days pass
    in a process of their own, on another core, and that is done beside.

    Raises
    ------
    SettingsError
        The home holds another retailer of the demo: their orders have the same numbers.
    """
    folder = folder_of(settings)
    _install(settings, processes)
    made = folder / MADE
    if made.exists():
        kept: _Made = remembered(made, _Made)
        if kept.retailer != retailer.known_by():
            raise SettingsError(
                f"the home {settings.home} holds the demo's retailer with {_words(kept.retailer)}, not with "
                f"{_words(retailer.known_by())}: choose another --home, or remove that one"
            )
        if meanwhile is not None:
            meanwhile()
        return kept.ingest | {"already_loaded_at": kept.loaded_at, "truth": kept.truth}
    with tempfile.TemporaryDirectory(prefix="gembascope-demo-") as scratch:
        path = Path(scratch) / "retailer.ndjson"
        if meanwhile is None:
            truth = _write(retailer, path, folder)
        else:
            # Not a fork: the engine hangs in one.
            with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as beside:
                being_made = beside.submit(_write, retailer, path, folder)
                meanwhile()
                truth = being_made.result()
        fresh = opened.ingest(path, IngestOptions(file_name=path.name), progress)
    loaded_at = SystemClock().now().isoformat().replace("+00:00", "Z")
    remember(made, _Made(retailer.known_by(), fresh, loaded_at, truth))
    return fresh | {"truth": truth}


def _write(retailer: Retailer, path: Path, folder: Path) -> dict[str, Any]:
    """What was told until `END` goes into the file, what comes later is kept in the folder; the truth of both."""
    simulation, events, end_us = retailer.simulation(), Canonical(), instant_us(END)
    with path.open("wb") as history, keep_coming(folder) as coming, without_collecting():
        for day in simulation.days():
            for told_us, _, event in events.events(day):
                (history if told_us <= end_us else coming).write(event + b"\n")
    return simulation.truth()


def load_returns(opened: Workspace, settings: Settings, made: ReturnsLog) -> Document:
    """Load the returns; the document of `ingest`. The definition is that of the catalogue, and the home remembers the
    plan of the returns."""
    _install(settings, [RETURN_TO_REFUND])
    name = f"{RETURN_TO_REFUND}-seed-{made.plan.seed}.parquet"
    # A load source of its own: what a source told before counts as touched by its next load.
    options = IngestOptions(process=RETURN_TO_REFUND, source="demo-returns", mapping=RETURNS_MAPPING, file_name=name)
    with tempfile.TemporaryDirectory(prefix="gembascope-demo-") as scratch:
        path = Path(scratch) / name
        made.events.with_columns(pl.col("value").cast(pl.String)).write_parquet(path)
        report = opened.ingest(path, options)
    plan = made.plan
    kept = {"end": plan.end.isoformat(), "days": plan.days, "per_day": plan.per_day, "seed": plan.seed}
    remember(folder_of(settings) / PLAN, kept)
    return report


def _install(settings: Settings, processes: Collection[str]) -> None:
    """The retailer's own definitions, and what it has taken over from the catalogue: all of it unless named."""
    home = settings.home.expanduser()
    install(home, settings.tenant)
    shipped = read_shipped()
    adopt(home, settings.tenant, processes or shipped.catalogue.processes, shipped)


def loaded_returns(settings: Settings) -> ReturnsPlan | None:
    """The plan of the returns that were loaded last, for the shop that goes on with them; None if none were.

    Raises
    ------
    SettingsError
        When the file that keeps it is damaged or cannot be read, with what to do.
    """
    path = folder_of(settings) / PLAN
    if not path.exists():
        return None
    kept = remembered(path, _Plan)
    return ReturnsPlan(kept.end, kept.days, kept.per_day, kept.seed)


class _Made(msgspec.Struct):
    """Which retailer was loaded, what became of it, when by the machine's clock, and what was planted."""

    retailer: dict[str, Any]
    ingest: Document
    loaded_at: str
    truth: Document


class _Plan(msgspec.Struct):
    end: datetime
    days: int
    per_day: int
    seed: int


def folder_of(settings: Settings) -> Path:
    """Where the home keeps what the demo has to remember."""
    return settings.home.expanduser() / "tenants" / settings.tenant


def _words(known: dict[str, Any]) -> str:
    return f"{known['orders_per_day']:g} orders a day, seed {known['seed']}"
