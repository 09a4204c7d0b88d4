"""The simulated retailer speaks the words of the catalogue: its activities, objects, processes and exceptions."""

from __future__ import annotations

from simulated import told

from anomalies.exceptions import read_exceptions
from ingest.catalogue import read_catalogue
from simulator.faults.kinds import KINDS

BESIDE = {"Sale completed"}
"""What happens in the retailer and belongs to no process: receipts of tills."""


def test_what_it_does_is_in_the_catalogue() -> None:
    catalogue = read_catalogue()
    facts = told(days=9, orders_per_day=40).facts
    activities = {name for process in catalogue.processes.values() for name in process.activities or process.order}
    assert {fact.activity for fact in facts} - activities == BESIDE
    assert {thing.type for fact in facts for thing in fact.things} <= set(catalogue.objects)


def test_every_fault_is_an_exception_of_the_catalogue() -> None:
    catalogue = read_catalogue()
    exceptions = read_exceptions(catalogue)
    assert {kind.finding for kind in KINDS.values() if kind.is_fault} <= set(exceptions)
    assert {kind.finding for kind in KINDS.values() if not kind.is_fault} == {""}
    assert {kind.process for kind in KINDS.values()} <= set(catalogue.processes)
