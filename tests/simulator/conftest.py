"""Logs of the demo, one per seed."""

from __future__ import annotations

import pytest
from demo_logs import END, SEEDS

from simulator.order_to_cash import DemoLog, order_to_cash


@pytest.fixture(scope="module")
def logs() -> dict[int, DemoLog]:
    return {seed: order_to_cash(seed=seed, end=END) for seed in SEEDS}


@pytest.fixture(params=SEEDS)
def log(request: pytest.FixtureRequest, logs: dict[int, DemoLog]) -> DemoLog:
    return logs[request.param]
