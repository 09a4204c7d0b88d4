"""Who loads, and who fetches, when the clock of a machine is set back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from state_databases import KINDS, empty_database

from ingest.sources.leases import LEASE as LEASE_OF_A_SOURCE
from ingest.sources.leases import StateLeases, make_lease_tables
from ingest.spool import LEASE, Spool
from kernel.clock import FixedClock
from kernel.state.database import State

AT = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lease_of_a_clock_that_ran_ahead_keeps_nobody_from_loading(kind: str, tmp_path: Path) -> None:
    clock = FixedClock(AT)
    with (
        empty_database(kind, tmp_path) as settings,
        Spool(settings, clock) as killed,
        Spool(settings, clock) as next_one,
    ):
        assert killed.lead("local")
        assert not next_one.lead("local")
        clock.at -= timedelta(days=1)
        assert next_one.lead("local")
        clock.at += LEASE
        assert not killed.lead("local")  # the other has it now, to the last moment
        clock.at += timedelta(microseconds=1)
        assert killed.lead("local")


@pytest.mark.parametrize("kind", KINDS)
def test_nor_from_fetching(kind: str, tmp_path: Path) -> None:
    clock = FixedClock(AT)
    with empty_database(kind, tmp_path) as settings, State(settings, prepare=make_lease_tables) as state:
        killed, next_one = (StateLeases(state, clock, "local") for _ in range(2))
        assert killed.hold("shop")
        assert not next_one.hold("shop")
        clock.at -= timedelta(days=1)
        assert next_one.hold("shop")
        clock.at += LEASE_OF_A_SOURCE
        assert not killed.hold("shop")


def test_clocks_of_two_machines_may_differ_by_less_than_a_lease(tmp_path: Path) -> None:
    ahead, behind = FixedClock(AT + LEASE), FixedClock(AT)
    with (
        empty_database("postgresql", tmp_path) as settings,
        Spool(settings, ahead) as one,
        Spool(settings, behind) as other,
    ):
        assert one.lead("local")
        assert not other.lead("local")
