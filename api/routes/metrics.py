"""What became of all events, for a monitoring system: the text format of Prometheus.

Counts are those of the accounts, which change in the transaction that takes events. Nothing is asked of the warehouse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from api.source_work import SourceWork, the_work
from ingest.spool_account import Account

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTERS = {
    "received": "Events that were received, by source: the sum of all that became of them.",
    "stored": "Events that are in the warehouse, each once.",
    "duplicate": "Events that had been received before.",
    "quarantined": "Pieces that no event could be made of; those that were mended count as what they became.",
    "refused": "Events that were put off because too many waited.",
}
router = APIRouter(tags=["service"])


@router.get("/metrics", summary="What became of all events, in the text format of Prometheus.", response_class=Response)
def metrics(request: Request) -> Response:
    registry = CollectorRegistry()
    registry.register(_Accounts(the_work(request)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE)


class _Accounts(Collector):
    """Reads the accounts when it is asked."""

    def __init__(self, work: SourceWork) -> None:
        self._work = work

    def collect(self) -> Iterable[Metric]:
        desk = self._work.desk
        accounts = desk.sources.spool.accounts(desk.tenant)
        yield from _counters(accounts)
        yield _gauge("events_in_spool", "Events that wait to be loaded.", accounts, lambda one: one.in_spool)
        yield _gauge("spool_bytes", "Bytes that they take.", accounts, lambda one: one.spool_bytes)
        yield _gauge(
            "events_missing",
            "Received events that are nowhere: anything but 0 breaks the law of conservation.",
            accounts,
            lambda one: one.missing,
        )
        yield from _moments(accounts)
        stopped = GaugeMetricFamily("gembascope_source_stopped", "Nothing is taken from the source.", labels=["source"])
        deliveries = CounterMetricFamily("gembascope_deliveries", "Deliveries that were taken.", labels=["source"])
        for row in desk.sources.spool.sources.all(desk.tenant):
            stopped.add_metric([row["source"]], float(bool(row["stopped_why"])))
            deliveries.add_metric([row["source"]], row["deliveries"])
        yield stopped
        yield deliveries
        waiting = GaugeMetricFamily(
            "gembascope_collector_waiting", "The collector of the source cannot reach it.", labels=["source"]
        )
        for name, one in sorted(desk.collecting().items()):
            waiting.add_metric([name], float(one.state == "waiting"))
        yield waiting


def _counters(accounts: Iterable[Account]) -> Iterator[Metric]:
    accounts = list(accounts)
    for name, text in COUNTERS.items():
        family = CounterMetricFamily(f"gembascope_events_{name}", text, labels=["source"])
        for one in accounts:
            family.add_metric([one.source], getattr(one, name))
        yield family


def _gauge(name: str, text: str, accounts: Iterable[Account], value: Callable[[Account], float]) -> Metric:
    family = GaugeMetricFamily(f"gembascope_{name}", text, labels=["source"])
    for one in accounts:
        family.add_metric([one.source], value(one))
    return family


def _moments(accounts: Iterable[Account]) -> Iterator[Metric]:
    for name, text in (("occurred", "When its last event happened."), ("seen", "When it was last heard of.")):
        family = GaugeMetricFamily(f"gembascope_source_last_{name}_timestamp_seconds", text, labels=["source"])
        for one in accounts:
            at = getattr(one, f"last_{name}_at")
            if at is not None:
                family.add_metric([one.source], at.timestamp())
        yield family
