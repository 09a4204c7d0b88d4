"""The demo's logs, and how each is loaded: as any other file is.

Both are loaded whole as backfill, which alerts nobody; what happens after `END` comes live (`simulator.returns_shop`).
"""

from __future__ import annotations

import json
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import polars as pl

from api.loading import IngestOptions
from gembascope.catalogue import adopt, read_shipped
from gembascope.workspace import Workspace
from ingest.mapping import Mapping
from kernel.errors import SettingsError
from kernel.process import ProcessDefinition, Processes, write_process
from kernel.promise import Promise
from kernel.settings import Settings
from mining.answers import Document
from simulator.order_to_cash import DemoLog
from simulator.retailer import RETURN_TO_REFUND, RETURNS_CENTER, install
from simulator.return_to_refund import ReturnsLog
from simulator.returns_numbers import ReturnsPlan
from simulator.returns_shop import OBJECT_TYPE

ORDER_TO_CASH = "order-to-cash"
END = datetime(2026, 3, 31, 18, 0, tzinfo=timezone.utc)
"""The demo's last instant: fixed, so that a second run makes the same logs and adds nothing."""

EVENTS_PER_ORDER = 14.4
EVENTS_PER_DAILY_RETURN = 2_880
"""Of the orders' 288,000 events: a hundred returns a day beside 20,000 orders."""

_COLUMNS = {
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
}
ORDERS_MAPPING = Mapping.model_validate(
    {
        **_COLUMNS,
        "case": "order_id",
        "case_columns": ("channel", "region", "carrier", "customer_segment", "payment_method"),
    }
)
RETURNS_MAPPING = Mapping.model_validate(
    {
        **_COLUMNS,
        "case": "return_id",
        "case_type": OBJECT_TYPE,
        "attribute_names": {"refund_currency": "currency"},  # what is promised to the case, beside the event's money
    }
)
REFUND = Promise.model_validate(
    {
        "name": "refund within five working days of receipt",
        "from": "Return received",
        "to": "Refund paid",
        "within": "5 working days",
    }
)


def load_orders(opened: Workspace, settings: Settings, made: DemoLog) -> Document:
    """Define the process unless it is defined, and load the log; the document of `ingest`."""
    truth = made.truth
    definition = ProcessDefinition(
        id=ORDER_TO_CASH,
        title="Order to cash",
        object_type=f"case:{ORDER_TO_CASH}",
        order=tuple(truth["order"]),
        start=tuple(truth["starts"]),
        end=tuple(truth["ends"]),
        owner="operations",
        calendar=RETURNS_CENTER,
        promises=(REFUND,),
    )
    _install(settings)
    write_process(Processes(settings.home.expanduser(), settings.tenant).folder, definition)
    name = f"{ORDER_TO_CASH}-seed-{truth['seed']}.parquet"
    return _load(opened, made.events, name, IngestOptions(process=ORDER_TO_CASH, source="demo", mapping=ORDERS_MAPPING))


def load_returns(opened: Workspace, settings: Settings, made: ReturnsLog) -> Document:
    """As `load_orders`; the definition is that of the catalogue, and the home remembers the plan of the returns."""
    _install(settings)
    name = f"{RETURN_TO_REFUND}-seed-{made.plan.seed}.parquet"
    # A load source of its own: what a source told before counts as touched by its next load.
    options = IngestOptions(process=RETURN_TO_REFUND, source="demo-returns", mapping=RETURNS_MAPPING)
    report = _load(opened, made.events, name, options)
    _remember(_plan_file(settings), made.plan)
    return report


def _install(settings: Settings) -> None:
    """The retailer's own definitions, and those of the catalogue that it has taken over."""
    home = settings.home.expanduser()
    install(home, settings.tenant)
    if not (Processes(home, settings.tenant).folder / f"{RETURN_TO_REFUND}.yaml").exists():
        adopt(home, settings.tenant, [RETURN_TO_REFUND], read_shipped())


def loaded_returns(settings: Settings) -> ReturnsPlan | None:
    """The plan of the returns that were loaded last, for the shop that goes on with them; None if none were.

    Raises
    ------
    SettingsError
        When the file that keeps it is damaged or cannot be read, with what to do.
    """
    path = _plan_file(settings)
    try:
        kept = json.loads(path.read_bytes())
        return ReturnsPlan(datetime.fromisoformat(kept["end"]), kept["days"], kept["per_day"], kept["seed"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError):
        raise SettingsError(
            f"{path} is damaged: remove it and run gembascope demo again, which loads nothing twice"
        ) from None


def _plan_file(settings: Settings) -> Path:
    return settings.home.expanduser() / "tenants" / settings.tenant / "demo.json"


def _remember(path: Path, plan: ReturnsPlan) -> None:
    kept = {"end": plan.end.isoformat(), "days": plan.days, "per_day": plan.per_day, "seed": plan.seed}
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(kept), encoding="utf-8")
    partial.replace(path)


def _load(opened: Workspace, events: pl.DataFrame, file_name: str, options: IngestOptions) -> Document:
    with tempfile.TemporaryDirectory(prefix="gembascope-demo-") as scratch:
        path = Path(scratch) / file_name
        events.with_columns(pl.col("value").cast(pl.String)).write_parquet(path)
        return opened.ingest(path, options.model_copy(update={"file_name": file_name}))
