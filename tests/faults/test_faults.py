"""Events under faults, from the request to the mark: nothing acknowledged is lost, and nothing counts twice.

A short run of what `make faults` does for long: `faults.campaign`.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest
from faults.bad_input import send_bad_inputs
from faults.injected import can_mount, full_disk, killed_at, sent_again, small_disk, spool_on, stopped_for_a_while
from faults.oracle import judge
from faults.pipeline import Pipeline
from faults.scenes import ended
from faults.served_warehouse import WAREHOUSE_FAULTS, served
from faults.twofold import at_point, overtaken, two_services

AT = (("after entries", 1),)
"""Accepted and not committed. All other points: `make faults`; some of them, on real processes: `test_live_killed`."""


def test_a_service_that_is_killed_stopped_and_sent_rubbish_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(1)
    with Pipeline(tmp_path) as pipeline:
        assert killed_at(pipeline, AT, 3, within_s=60) == []
        sent_again(pipeline, chance, 3)
        stopped_for_a_while(pipeline, chance, 3)
        assert send_bad_inputs(pipeline) > 25
        verdict = ended(pipeline)
    assert verdict.violations == []
    assert verdict.events == 900
    assert verdict.unknown > 0


def test_a_warehouse_that_fails_and_a_loader_that_is_overtaken_lose_no_event(tmp_path: Path) -> None:
    """Of two services; the one that loads stands still with a step that it is about to store, and the other with one
    that it has marked and told nobody of."""
    chance = random.Random(1)
    with (
        served(tmp_path / "server") as warehouse,
        two_services(tmp_path, warehouse.server.url("gembascope")) as pair,
    ):
        pair.start()
        for name in ("cut before the commit", "cut after the commit", "warehouse killed"):
            WAREHOUSE_FAULTS[name](pair.first, warehouse, chance, 2)
            pair.first.until_loaded()
        assert overtaken(pair, at_point(signal.SIGSTOP, "before store_events"), lambda: pair.send(pair.fresh(2)), 60)
        pair.send_pending()
        pair.first.until_loaded()
        one, other = pair.leading()
        assert overtaken(pair, at_point(signal.SIGKILL, "after mark"), lambda: other.send(pair.fresh(1)), 60)
        assert not one.running()
        verdict = pair.ended()
    assert verdict.violations == []
    assert verdict.events == 1_100


def test_a_full_disk_takes_nothing_and_room_lets_it_go_on(tmp_path: Path) -> None:
    reason = can_mount(tmp_path)
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with small_disk(tmp_path / "disk", 16) as disk, Pipeline(tmp_path) as pipeline:
        spool_on(pipeline, disk)
        pipeline.start()
        pipeline.send(pipeline.fresh(2))
        assert full_disk(pipeline, disk, 3) == 0
        assert pipeline.running()
        pipeline.send_pending()
        status = pipeline.until_loaded()
        pipeline.stop()
        verdict = judge(pipeline, status)
    assert verdict.violations == []
    assert verdict.events == 500
