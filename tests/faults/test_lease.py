"""Who loads, when the clock of the machine is set back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

from ingest.spool import LEASE, Spool
from kernel.clock import FixedClock
from kernel.settings import load_settings


def test_a_lease_of_a_clock_that_ran_ahead_keeps_nobody_from_loading(tmp_path: Path) -> None:
    settings, clock = load_settings(home=tmp_path), FixedClock(datetime(2026, 3, 2, 12, tzinfo=timezone.utc))
    with Spool(settings, clock) as killed, Spool(settings, clock) as next_one:
        assert killed.lead("local")
        assert not next_one.lead("local")
        clock.at -= timedelta(days=1)
        assert next_one.lead("local")
        clock.at += LEASE
        assert not killed.lead("local")  # the other has it now, to the last moment
        clock.at += timedelta(microseconds=1)
        assert killed.lead("local")
