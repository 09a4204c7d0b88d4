"""Short stories in which a defect shows: each plants one, lets happen what it is about, and gives the verdict."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

from clickhouse_server import running_server
from faults.bad_input import send_bad_inputs
from faults.oracle import Verdict, judge
from faults.pipeline import Pipeline
from faults.power_cut import cut_everywhere, recorded
from faults.sabotages import SABOTAGES
from faults.twofold import at_point, overtaken, two_services

FEW = 40


def played(name: str, folder: Path) -> Verdict:
    """The verdict on a service with that defect; "" for a service without one plays the scene of `plain`."""
    return SCENES[SABOTAGES[name].scene](folder, name)


def ended(pipeline: Pipeline) -> Verdict:
    """Send what was not acknowledged, let it be loaded, stop the service, judge."""
    pipeline.send_pending()
    status = pipeline.until_loaded()
    pipeline.stop()
    return judge(pipeline, status)


def healed(pipeline: Pipeline) -> Verdict:
    """Go on with a service that has no defect."""
    pipeline.kill()
    pipeline.start()
    return ended(pipeline)


def plain(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage)
        pipeline.send(pipeline.fresh(FEW))
        return ended(pipeline)


def killed_after_acknowledgement(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage)
        pipeline.send(pipeline.fresh(3))
        return healed(pipeline)


def full(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder, GEMBASCOPE_SPOOL_EVENTS="50") as pipeline:
        pipeline.start(sabotage=sabotage)
        pipeline.send(pipeline.fresh(3))
        pipeline.unset("GEMBASCOPE_SPOOL_EVENTS")
        return healed(pipeline)


def repeated(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage)
        for numbers in (pipeline.fresh(3), [2, 0, 1]):
            pipeline.send(numbers)
            pipeline.until_loaded()
        return ended(pipeline)


def killed_before_the_insert(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage, kill=["before store_events", 1])
        pipeline.send(pipeline.fresh(3))
        pipeline.died()
        return healed(pipeline)


def repaired_badly(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(kill=["before events_of_batch", 1])
        pipeline.send(pipeline.fresh(3))
        pipeline.died()
        pipeline.kill()
        pipeline.start(sabotage=sabotage)
        return ended(pipeline)


def poisoned(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder, poison_every=50) as pipeline:
        pipeline.start(sabotage=sabotage)
        pipeline.send(pipeline.fresh(3))
        return ended(pipeline)


def locked(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage, busy_ms=100)
        other = sqlite3.connect(pipeline.home / "spool.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        pipeline.send(pipeline.fresh(3))
        other.execute("ROLLBACK")
        other.close()
        return healed(pipeline)


def two_loaders(folder: Path, sabotage: str) -> Verdict:
    """Two services on one warehouse and one spool."""
    with (
        running_server(folder / "server") as server,
        Pipeline(folder / "first", GEMBASCOPE_WAREHOUSE_URL=server.url("gembascope")) as pipeline,
    ):
        pipeline.start(sabotage=sabotage)
        with pipeline.another(sabotage=sabotage):
            for _ in range(24):  # both have to take the same step, which is chance
                pipeline.send(pipeline.fresh(6))
            pipeline.send_pending()
            pipeline.until_loaded()
        return ended(pipeline)


def overtaken_loader(folder: Path, sabotage: str) -> Verdict:
    """It stands still with a step that is ready to be stored, for longer than its lease."""
    with (
        running_server(folder / "server") as server,
        two_services(folder, server.url("gembascope")) as pair,
    ):
        pair.start(sabotage)
        overtaken(pair, at_point(signal.SIGSTOP, "before store_events"), lambda: pair.send(pair.fresh(3)), 60)
        return pair.ended()


def bad_input(folder: Path, sabotage: str) -> Verdict:
    with Pipeline(folder) as pipeline:
        pipeline.start(sabotage=sabotage)
        pipeline.send(pipeline.fresh(3))
        send_bad_inputs(pipeline)
        return ended(pipeline)


def power(folder: Path, sabotage: str) -> Verdict:
    calls, verdict = recorded(folder, count=12, size=20_000, sabotage=sabotage), Verdict()
    place = folder / "after"
    place.mkdir()
    for lost in cut_everywhere(calls, place, cuts=20, seed=1).lost:
        verdict.say("L1", lost)
    return verdict


SCENES: dict[str, Callable[[Path, str], Verdict]] = {
    "plain": plain,
    "kill": killed_after_acknowledgement,
    "full": full,
    "repeat": repeated,
    "before the insert": killed_before_the_insert,
    "repair": repaired_badly,
    "poison": poisoned,
    "locked": locked,
    "two": two_loaders,
    "overtaken": overtaken_loader,
    "bad input": bad_input,
    "power": power,
}
