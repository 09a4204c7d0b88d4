"""What the systems of the simulated retailer hand out, mapped by the shipped packs, gives the same warehouse as the
export of the same days in OCEL 2.0 and as its events in the form that is sent: row by row, whatever comes twice, late
or in another order.

What cannot be the same: of objects and links OCEL does not say which system told of them, and it declares each object
also where no attribute of it is known (`attribute` is empty); both are left out of the comparison, and so is what says
when and how something was loaded.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from native_deliveries import PACKS, deliveries
from same_warehouse import World, content, loaded, same, simulated

from ingest.live import LiveIngest
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import SHIPPED, MappingPack
from ingest.mappings.personal import Privacy
from ingest.sources.definition import SourceDefinition
from ingest.sources.delivery import Delivery
from ingest.sources.inlet import SourceInlet
from ingest.spool import Spool
from kernel.clock import Clock
from kernel.definitions import read_definition
from kernel.settings import load_settings
from kernel.warehouse import Warehouse
from simulator.faults.scenario import Scenario

AT_ONCE = 1_000


def fault(kind: str, begins: str, lasts: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "from": begins, "for": lasts, **more}


FAULTS = Scenario.model_validate(
    {
        "id": "many",
        "faults": [
            fault("webhook_dead", "day 1 10:00", "6h", where={"interface": "shop-to-erp"}),
            fault("retry_storm", "day 1 12:00", "8h", where={"interface": "erp-to-wms"}),
            fault("dead_letter_growth", "day 2", "1d", where={"interface": "market-to-erp"}),
            fault("duplicate_orders", "day 1", "3d", where={"channel": "web"}, share=0.3),
            fault("lost_events", "day 2 08:00", "8h", where={"source": "wms"}),
            fault("lost_events", "day 1", "3d", where={"source": "bus"}, share=0.1),
            fault("lost_events", "day 1", "3d", where={"source": "n8n"}, share=0.1),
            fault("lost_events", "day 1", "3d", where={"source": "temporal"}, share=0.1),
            fault("clock_skew", "day 1 06:00", "12h", where={"source": "pos"}),
            fault("clock_skew", "day 2", "12h", where={"source": "erp"}, size=3.7),
            fault("out_of_order_storm", "day 1", "2d", where={"source": "meadow-post"}),
            fault("out_of_order_storm", "day 1", "2d", where={"source": "n8n"}, size=30),
            fault("out_of_order_storm", "day 1", "2d", where={"source": "supplier-network"}),
            fault("stock_divergence", "day 1", "2d"),
            fault("unauthorised_variant", "day 1", "3d", where={"region": "south"}),
            fault("duplicate_bots", "day 2", "1d", where={"workflow": "order-export"}),
            fault("settlement_discrepancy", "day 1", "3d", where={"marketplace": "aurora"}),
            fault("ship_before_payment", "day 1", "2d"),
        ],
    }
)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> World:
    return simulated(tmp_path_factory.mktemp("quiet") / "out", Scenario(id="nothing"), 2, 12)


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> World:
    return simulated(tmp_path_factory.mktemp("troubled") / "out", FAULTS, 3, 12)


def shipped(system: str) -> MappingPack:
    return read_definition(SHIPPED / f"{PACKS.get(system, 'sim-plain')}.yaml", MappingPack)


def batches(given: Sequence[Delivery]) -> Iterator[Sequence[Delivery]]:
    return (given[first : first + AT_ONCE] for first in range(0, len(given), AT_ONCE))


def mapped(
    warehouse: Warehouse,
    clock: Clock,
    tenant: str,
    home: Path,
    given: dict[str, list[Delivery]],
    packs: dict[str, MappingPack] | None = None,
) -> dict[str, list[str]]:
    """What the warehouse holds after all that was delivered."""
    with Spool(load_settings(home=home), clock) as spool:
        live = LiveIngest(warehouse, clock, spool, tenant, alone=True)
        for system, some in given.items():
            definition = SourceDefinition.model_validate(
                {"id": system, "pack": PACKS.get(system, "sim-plain"), "collect": {"kind": "cloudevents"}}
            )
            pack = (packs or {}).get(system) or shipped(system)
            inlet = SourceInlet(tenant, definition, Mapper(pack), Privacy((), str), spool, clock)
            for batch in batches(some):
                outcome = inlet.take(batch)
                assert outcome.quarantined == 0, (system, outcome.reasons)
        live.drain()
    return content(warehouse, tenant)


def shuffled(given: Iterable[Delivery]) -> list[Delivery]:
    """In another order, every third of them twice."""
    found = list(given)
    found += found[::3]
    random.Random(7).shuffle(found)
    return found


def test_on_quiet_days_all_three_give_the_same_warehouse(
    quiet: World, warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path
) -> None:
    ocel = loaded(warehouse, clock, tenant, quiet.folder / "ocel2" / "log.json")
    assert len(ocel["events"]) == quiet.told
    assert all(len(rows) > 100 for rows in ocel.values())
    same(loaded(warehouse, clock, f"{tenant}-events", quiet.folder / "events" / "events.ndjson"), ocel)
    same(mapped(warehouse, clock, f"{tenant}-native", tmp_path, deliveries(quiet.folder / "native")), ocel)


def test_whatever_goes_wrong_all_three_give_the_same_warehouse(
    troubled: World, warehouse: Warehouse, clock: Clock, tenant: str, tmp_path: Path
) -> None:
    """Though what the systems deliver comes in another order, and much of it twice."""
    assert troubled.struck > 0.6 * len(FAULTS.faults)
    ocel = loaded(warehouse, clock, tenant, troubled.folder / "ocel2" / "log.json")
    assert len(ocel["events"]) == troubled.told
    same(loaded(warehouse, clock, f"{tenant}-events", troubled.folder / "events" / "events.ndjson"), ocel)
    given = {system: shuffled(some) for system, some in deliveries(troubled.folder / "native").items()}
    same(mapped(warehouse, clock, f"{tenant}-native", tmp_path, given), ocel)
