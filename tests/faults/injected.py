"""The faults, each done to a running pipeline while it is sent to, and healed. What they leave is for the oracle."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.bad_input import send_bad_inputs
from faults.pipeline import Pipeline

POINTS = (
    "before commit",
    "before entries",
    "after entries",
    "after commit",
    "before take",
    "after take",
    "before step",
    "before store_names",
    "after store_names",
    "before mark_batch",
    "after mark_batch",
    "before insert into object_attributes",
    "after insert into object_attributes",
    "before insert into object_links",
    "after insert into object_links",
    "before insert into incoming",
    "after insert into incoming",
    "before store_events",
    "after store_events",
    "before store_event_objects",
    "after store_event_objects",
    "before store_touched_objects",
    "after store_touched_objects",
    "before events_of_batch",
    "after events_of_batch",
    "before end_incoming",
    "after end_incoming",
    "after step",
    "before insert into quarantine",
    "after insert into quarantine",
    "before mark",
    "after mark",
)
"""Every place between two things that a crash can part; `mark_batch` is passed twice in a step."""


def killed_at(pipeline: Pipeline, points: Iterable[tuple[str, int]], fresh: int, within_s: float = 4.0) -> list[str]:
    """Be killed at each point for the n-th time it is reached, one after the other, then start without; the points that
    were not reached within that time by what was sent."""
    missed = []
    for point, times in points:
        pipeline.kill()
        pipeline.start(wait=False, kill=[point, times])
        numbers = pipeline.fresh(fresh)
        if pipeline.until_ready():  # it may be killed while it starts: what was left is loaded then
            pipeline.send(numbers)
        if not pipeline.died(within_s):
            missed.append(point)
    restart(pipeline)
    return missed


def killed_at_random(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    timer = threading.Timer(chance.uniform(0.0, 0.6), pipeline.signal, [signal.SIGKILL])
    timer.start()
    pipeline.send(pipeline.fresh(fresh))
    timer.join()
    pipeline.kill()
    pipeline.start()


def killed_in_start(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    """Killed with work left, then twice while it starts and repairs."""
    pipeline.send(pipeline.fresh(fresh))
    pipeline.kill()
    for _ in range(2):
        pipeline.start(wait=False, kill=["before statement", chance.randint(1, 40)])
        if pipeline.until_ready():
            pipeline.died(chance.uniform(0.2, 1.0))
        pipeline.kill()
    pipeline.start()


def terminated(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    timer = threading.Timer(chance.uniform(0.0, 0.5), pipeline.signal, [signal.SIGTERM])
    timer.start()
    pipeline.send(pipeline.fresh(fresh))
    timer.join()
    assert pipeline.process is not None
    pipeline.process.wait(60)
    pipeline.kill()
    pipeline.start()


def stopped_for_a_while(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    pipeline.signal(signal.SIGSTOP)
    timer = threading.Timer(chance.uniform(0.5, 1.5), pipeline.signal, [signal.SIGCONT])
    timer.start()
    pipeline.send(pipeline.fresh(fresh), timeout=0.4)  # who waits no longer sends again
    timer.join()


def clock_jumped(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    """An hour back, a day on, and right again, while events come."""
    for offset in (-3600, 86_400, 0):
        pipeline.clock_file.write_text(str(offset), encoding="ascii")
        pipeline.send(pipeline.fresh(max(fresh // 3, 1)))


def sent_again(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    """Batches of long ago and of just now, twice and in any order, among new ones."""
    old = chance.sample(range(pipeline.next_batch), min(fresh, pipeline.next_batch))
    numbers = [*pipeline.fresh(fresh), *old, *old]
    chance.shuffle(numbers)
    pipeline.send(numbers)


def hostile(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    pipeline.send(pipeline.fresh(fresh))
    send_bad_inputs(pipeline)


def locked_database(pipeline: Pipeline, chance: random.Random, fresh: int) -> None:
    """Somebody else holds the spool for a while: senders wait, and none is told of what is not kept."""
    with sqlite3.connect(pipeline.home / "spool.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(chance.uniform(0.3, 1.0), pipeline.signal, [signal.SIGKILL])
        timer.start()
        pipeline.send(pipeline.fresh(fresh))
        timer.join()
        other.execute("ROLLBACK")
    other.close()
    pipeline.kill()
    pipeline.start()


FAULTS: dict[str, Callable[[Pipeline, random.Random, int], None]] = {
    "kill -9 at a random moment": killed_at_random,
    "kill -9 twice in the start": killed_in_start,
    "SIGTERM under load": terminated,
    "SIGSTOP and SIGCONT": stopped_for_a_while,
    "clock -1 h and +1 day": clock_jumped,
    "sent again and shuffled": sent_again,
    "bad input": hostile,
    "spool locked, then killed": locked_database,
}


def restart(pipeline: Pipeline, *before: str, **plan: object) -> None:
    pipeline.kill()
    pipeline.start(*before, **plan)


# A full disk ---------------------------------------------------------------------------------------------------


def can_mount(folder: Path) -> str:
    """Why nothing can be mounted here; "" where it can."""
    if os.geteuid() != 0:
        return "only root may mount"
    place = folder / "mounts"
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        return f"nothing can be mounted: {done.stderr.strip()}"
    subprocess.run(["umount", place], check=True)
    return ""


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def spool_on(pipeline: Pipeline, disk: Path) -> None:
    """Move the spool of a pipeline that does not run to another disk."""
    for path in pipeline.home.glob("spool.sqlite*"):
        shutil.move(path, disk / path.name)
    (pipeline.home / "spool.sqlite").symlink_to(disk / "spool.sqlite")


def full_disk(pipeline: Pipeline, disk: Path, fresh: int) -> int:
    """Fill the disk, send, make room; how many batches were acknowledged while it was full."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as sink, contextlib.suppress(OSError):
        while sink.write(bytes(1 << 16)):
            pass
    try:
        taken = pipeline.send(pipeline.fresh(fresh))
        time.sleep(0.3)
    finally:
        filler.unlink()
    return taken


# Errors of the disk --------------------------------------------------------------------------------------------


def failing_disk(pipeline: Pipeline, call: str, error: str, first: int, every: int, fresh: int) -> int:
    """Let calls on the spool's files fail while events come, then start again on a well one; how many failed."""
    paths = [word for name in ("spool.sqlite", "spool.sqlite-wal") for word in ("-P", str(pipeline.home / name))]
    inject = f"inject={call}:error={error}:when={first}+{every}"
    log = pipeline.folder / "strace.log"
    restart(pipeline, "strace", "-f", "-qq", "-o", str(log), *paths, "-e", f"trace={call}", "-e", inject)
    for number in pipeline.fresh(fresh):  # one by one: requests that come together share their writes and syncs
        pipeline.send([number])
    restart(pipeline)
    return log.read_text(encoding="utf-8", errors="replace").count("(INJECTED)")
