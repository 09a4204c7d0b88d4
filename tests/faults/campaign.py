"""The long run: many events under many faults, in pipelines of several shapes, each judged at its end."""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faults.injected import (
    FAULTS,
    POINTS,
    can_mount,
    failing_disk,
    full_disk,
    killed_at,
    small_disk,
    spool_on,
)
from faults.oracle import Verdict, judge
from faults.pipeline import Pipeline
from faults.power_cut import cut_everywhere, recorded
from faults.sabotages import SABOTAGES
from faults.scenes import played
from faults.served_warehouse import WAREHOUSE_FAULTS, served
from faults.twofold import Pair, befalling, two_services

DISK_ERRORS = (
    ("pwrite64", "ENOSPC", 7),
    ("pwrite64", "EIO", 7),
    ("fsync,fdatasync", "EIO", 2),
    ("pwrite64", "EDQUOT", 7),
)
"""Call on the files of the spool, its error, and of how many calls one fails."""


@dataclass(slots=True)
class Tally:
    """What a run did and found."""

    faults: Counter[str] = field(default_factory=Counter)
    missed_points: list[str] = field(default_factory=list)
    events: int = 0
    tries: int = 0
    unknown: int = 0
    refused: int = 0
    quarantined: int = 0
    violations: list[str] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def add(self, shape: str, ready_s: list[float], verdict: Verdict) -> None:
        for name in ("events", "tries", "unknown", "refused", "quarantined"):
            setattr(self, name, getattr(self, name) + getattr(verdict, name))
        self.violations += [f"{shape}: {violation}" for violation in verdict.violations]
        self.ready_s += ready_s

    def document(self) -> dict[str, Any]:
        return {
            "events_acknowledged": self.events,
            "faults": sum(self.faults.values()),
            "by_fault": dict(sorted(self.faults.items())),
            "points_not_reached": self.missed_points,
            "requests": self.tries,
            "requests_of_unknown_outcome": self.unknown,
            "requests_refused": self.refused,
            "in_quarantine": self.quarantined,
            "violations": self.violations,
            "starts": len(self.ready_s),
            "ready_s_median": round(statistics.median(self.ready_s), 2) if self.ready_s else None,
            "ready_s_longest": round(max(self.ready_s), 2) if self.ready_s else None,
            "skipped": self.skipped,
            "load_average": [round(min(self.loads), 1), round(max(self.loads), 1)] if self.loads else [],
        }


class Campaign:
    """`faults` are shared out between the shapes; with each at least `events` divided by their number are sent. `keep`
    is given the tally whenever a shape is done."""

    def __init__(
        self,
        folder: Path,
        *,
        events: int,
        faults: int,
        seed: int,
        say: Callable[[str], None],
        keep: Callable[[Tally], None],
    ) -> None:
        self._folder, self._say, self._keep, self._chance = folder, say, keep, random.Random(seed)
        self._faults, self._size, self._homes = faults, 1000, 0
        self._fresh = -(-events // self._size // faults)
        self.tally = Tally()

    def run(self) -> Tally:
        shares = ((self._served, 0.08), (self._two_services, 0.16), (self._poisoned, 0.03), (self._small_disks, 0.03))
        for shape, share in (*shares, *[(self._embedded, 0.175)] * 4):
            self._homes += 1
            shape(max(int(self._faults * share), 1))
            self._keep(self.tally)
        self._disk_errors()
        return self.tally

    def _embedded(self, faults: int) -> None:
        """In turns: all points where a crash can part two things, then what is not a crash at a point."""
        with self._judged(f"embedded, home {self._homes}") as pipeline:
            done = 0
            while done < faults:
                points = [(point, self._chance.choice((1, 1, 1, 2))) for point in POINTS]
                self._chance.shuffle(points)
                for start in range(0, len(points), 4):
                    some = points[start : start + 4]
                    missed = self._done(
                        "kill -9 at a point", pipeline, lambda some=some: self._points(pipeline, some), 4
                    )
                    self.tally.missed_points += missed
                    done += 4
                    for name in self._chance.sample(sorted(FAULTS), 3):
                        self._done(name, pipeline, lambda name=name: FAULTS[name](pipeline, self._chance, self._fresh))
                        done += 1
                    if done >= faults:
                        break

    def _points(self, pipeline: Pipeline, points: list[tuple[str, int]]) -> list[str]:
        return killed_at(pipeline, points, self._fresh)

    def _served(self, faults: int) -> None:
        with (
            served(self._folder / "server") as warehouse,
            self._judged("served", GEMBASCOPE_WAREHOUSE_URL=warehouse.server.url("gembascope")) as pipeline,
        ):
            names = list(WAREHOUSE_FAULTS)
            for turn in range(faults):
                name = names[turn % len(names)]
                fault = WAREHOUSE_FAULTS[name]
                self._done(name, pipeline, lambda f=fault: f(pipeline, warehouse, self._chance, self._fresh))
                pipeline.until_loaded()  # faults that were ordered of the server and did not come would add up

    def _two_services(self, faults: int) -> None:
        shape = "two services"
        with ExitStack() as stack:
            warehouse = stack.enter_context(served(self._folder / "server of two"))
            pair = two_services(self._folder / shape, warehouse.server.url("gembascope"), size=self._size)
            try:
                both = stack.enter_context(pair)
            except pytest.skip.Exception as reason:
                self.tally.skipped.append(f"{shape}: {reason}")
                return
            both.start()
            for name, point, fault in befalling(both, self._chance, self._fresh, faults):
                if not self._done(name, both, fault):
                    self.tally.missed_points.append(f"{shape}: {point or name}")
            self._judge(shape, both.first.ready_s + both.second.ready_s, both.ended())

    def _poisoned(self, faults: int) -> None:
        with self._judged("poison, one in 10,000", poison_every=10_000) as pipeline:
            for _ in range(faults):
                self._done("poison, and kill -9", pipeline, lambda: self._poison_and_kill(pipeline))
        with self._judged("poison alone", size=10, poison_every=1) as pipeline:
            self._done("poison alone", pipeline, lambda: pipeline.send(pipeline.fresh(2)))

    def _poison_and_kill(self, pipeline: Pipeline) -> None:
        pipeline.send(pipeline.fresh(10))
        FAULTS["kill -9 at a random moment"](pipeline, self._chance, 5)

    def _small_disks(self, faults: int) -> None:
        reason = can_mount(self._folder)
        if reason:
            self.tally.skipped.append(f"full disk: {reason}")
            return
        name = "disk full, whole home"
        with small_disk(self._folder / name / "home", 400) as disk, self._judged(name, size=100) as pipeline:
            for _ in range(faults):
                self._done(name, pipeline, lambda: full_disk(pipeline, disk, 5))
        name = "disk full, spool alone"
        with small_disk(self._folder / "disk", 32) as disk, self._judged(name, size=100) as pipeline:
            pipeline.stop()
            spool_on(pipeline, disk)
            pipeline.start()
            for _ in range(faults):
                self._done(name, pipeline, lambda: full_disk(pipeline, disk, 5))

    def _disk_errors(self) -> None:
        with self._judged("disk errors", size=100) as pipeline:
            for call, error, every in DISK_ERRORS:
                first = self._chance.randint(3, 12)
                name = f"{error} of {call}"
                failed = self._done(
                    name, pipeline, lambda c=call, e=error, n=first, m=every: failing_disk(pipeline, c, e, n, m, 8)
                )
                if not failed:
                    self.tally.missed_points.append(name)

    @contextmanager
    def _judged(self, shape: str, **more: Any) -> Iterator[Pipeline]:
        with Pipeline(self._folder / shape, **{"size": self._size} | more) as pipeline:
            pipeline.start()
            yield pipeline
            pipeline.send_pending()
            status = pipeline.until_loaded()
            pipeline.stop()
            self._judge(shape, pipeline.ready_s, judge(pipeline, status, receipts=not self._jumped(shape)))

    def _judge(self, shape: str, ready_s: list[float], verdict: Verdict) -> None:
        self.tally.add(shape, ready_s, verdict)
        self._say(f"{shape}: {verdict.events:,} events, {len(verdict.violations)} violations")
        for violation in verdict.violations:
            self._say(f"    {violation}")

    def _jumped(self, shape: str) -> bool:
        """Whether the clock stood a day on meanwhile: the spool has then forgotten the lines of what was marked."""
        return shape.startswith("embedded") and self.tally.faults["clock -1 h and +1 day"] > 0

    def _done(self, name: str, pipeline: Pipeline | Pair, fault: Callable[[], Any], count: int = 1) -> Any:
        begun = time.monotonic()
        found = fault()
        pipeline.send_pending()
        self.tally.faults[name] += count
        self.tally.loads.append(os.getloadavg()[0])
        self._say(f"{sum(self.tally.faults.values())}: {name}, {time.monotonic() - begun:.1f} s")
        return found


def power_cuts(folder: Path, cuts: int, seed: int) -> dict[str, Any]:
    folder.mkdir()
    calls = recorded(folder, count=150, size=60_000)
    place = folder / "after"
    place.mkdir()
    found = cut_everywhere(calls, place, cuts=cuts, seed=seed)
    return {"cuts": found.tried, "recorded_calls": len(calls), "lost": found.lost}


def sabotages(folder: Path, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """For each planted defect the laws that its scene violated, and whether one that it breaks is among them."""
    found: dict[str, dict[str, Any]] = {}
    for number, (name, sabotage) in enumerate(SABOTAGES.items()):
        place = folder / f"sabotage-{number}"
        place.mkdir()
        verdict = played(name, place)
        caught = bool(verdict.laws & set(sabotage.caught_by))
        example = verdict.violations[0] if verdict.violations else ""
        found[name] = {"caught": caught, "scene": sabotage.scene, "by": sorted(verdict.laws), "example": example}
        say(f"sabotage: {name}: {'caught by ' + ', '.join(sorted(verdict.laws)) if caught else 'NOT CAUGHT'}")
    return found


def commit_of(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()
