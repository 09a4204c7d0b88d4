"""Leases: one holder at a time, on both databases."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from state_databases import KINDS, empty_database

from ingest.sources.leases import LEASE, StateLeases, make_lease_tables
from kernel.clock import FixedClock
from kernel.state.database import State


@pytest.mark.parametrize("kind", KINDS)
def test_one_holds_a_lease_until_it_is_over_or_given_up(kind: str, tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=timezone.utc))
    with empty_database(kind, tmp_path) as settings, State(settings, file="l", prepare=make_lease_tables) as state:
        first, second = StateLeases(state, clock, "local"), StateLeases(state, clock, "local")
        assert [first.hold("a"), second.hold("a"), second.hold("b"), first.hold("a")] == [True, False, True, True]
        assert StateLeases(state, clock, "other").hold("a")
        clock.at += LEASE - timedelta(seconds=1)
        assert first.hold("a")
        clock.at += timedelta(seconds=2)
        assert [second.hold("a"), first.hold("b")] == [False, True]
        clock.at += LEASE + timedelta(seconds=1)
        assert [second.hold("a"), first.hold("a")] == [True, False]
        first.release("a")
        assert not first.hold("a")
        second.release("a")
        assert first.hold("a")


@pytest.mark.parametrize("kind", KINDS)
def test_of_many_who_ask_at_once_one_gets_it(kind: str, tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=timezone.utc))
    with empty_database(kind, tmp_path) as settings, State(settings, file="l", prepare=make_lease_tables) as state:
        found: list[bool] = []
        together = threading.Barrier(6)

        def ask() -> None:
            leases = StateLeases(state, clock, "local")
            together.wait()
            found.append(leases.hold("a"))

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(found) == [False] * 5 + [True]
