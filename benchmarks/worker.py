"""One measured process: reads its job from a file, does it, writes what it measured to another.

A process of its own for every job, because the embedded warehouse takes one folder per process and must not be
forked, and because memory that one engine freed must not be counted for the next.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.answers import Facts, Question
from benchmarks.measuring import Row, measured

ENGINES = ("gembascope", "polars", "pm4py", "r4pm", "duckdb")


@dataclass(frozen=True, slots=True)
class Job:
    """What one process does: `kind` names a function of this module. Paths that a kind does not read stay empty."""

    kind: str  # questions | load | rebuild | xes | refresh | live | ingest
    engine: str
    tasks: tuple[str, ...] = ()
    repetitions: int = 1
    cores: int = 2
    log: str = ""  # Parquet
    home: str = ""
    files: dict[str, list[str]] = field(default_factory=dict)  # by what they are
    prefix: str = ""  # of the names of the tasks of `load`, of the ids of the events of `live` and `ingest`
    events: int = 0  # that `live` and `ingest` send


@dataclass(slots=True)
class Outcome:
    """What a job measured, and the facts of its answers by task."""

    rows: list[Row] = field(default_factory=list)
    facts: dict[str, Facts] = field(default_factory=dict)

    def measure(self, task: str, engine: str, call: Callable[[], Any]) -> Any:
        answer, row = measured(task, engine, call)
        self.rows.append(row)
        return answer


def questions(job: Job) -> Outcome:
    """Open the log, then ask each task once to warm up and `repetitions` times in earnest; once only when 1."""
    outcome = Outcome()
    if job.engine == "gembascope":
        from benchmarks.engine_gembascope import opened

        with opened(Path(job.home)) as engine:
            _ask(outcome, job, engine.questions())
        return outcome
    opener = _opener(job.engine)
    answered = outcome.measure("open", job.engine, lambda: opener(Path(job.log))).questions()
    _ask(outcome, job, answered)
    return outcome


def _opener(engine: str) -> Callable[[Path], Any]:
    if engine == "polars":
        from benchmarks.engine_polars import open_log as polars_log

        return polars_log
    if engine == "r4pm":
        from benchmarks.engine_r4pm import open_log as r4pm_log

        return r4pm_log
    from benchmarks.engine_pm4py import open_log as pm4py_log

    return pm4py_log


def _ask(outcome: Outcome, job: Job, answered: dict[str, Question]) -> None:
    for task in job.tasks:
        question = answered.get(task)
        if question is None:
            continue
        if job.repetitions > 1:
            question.ask()
        for repetition in range(job.repetitions):
            answer = outcome.measure(task, job.engine, question.ask)
            if repetition == 0:
                outcome.facts[task] = question.facts(answer)
            del answer


def load(job: Job) -> Outcome:
    """Files to a log that answers. Gembascope: `load` and `build`, and both together as `queryable`."""
    outcome, task, files = Outcome(), f"{job.prefix}_queryable", [Path(path) for path in job.files["log"]]
    if job.engine == "gembascope":
        from benchmarks.engine_gembascope import opened

        with opened(Path(job.home)) as engine:
            for path in files:
                outcome.measure(f"{job.prefix}_load", job.engine, partial(engine.load, path))
            loads = len(outcome.rows)
            outcome.measure(f"{job.prefix}_build", job.engine, engine.refresh)
            outcome.rows[:loads] = [_sum(f"{job.prefix}_load", outcome.rows[:loads])]
            outcome.rows.append(_sum(task, outcome.rows))
            outcome.measure(f"{job.prefix}_settle", job.engine, engine.settle)
            outcome.facts[task] = engine.size()
    elif job.engine == "polars":
        from benchmarks.engine_polars import load_csv

        outcome.facts[task] = outcome.measure(task, job.engine, lambda: load_csv(files[0])).size()
    else:
        from benchmarks import engine_duckdb

        with tempfile.TemporaryDirectory(dir=files[0].parent) as folder:
            load_table = engine_duckdb.load_csv
            table = outcome.measure(task, job.engine, lambda: load_table(files[0], Path(folder), job.cores))
            outcome.facts[task] = engine_duckdb.facts(table)
            table.close()
    return outcome


def _sum(task: str, rows: list[Row]) -> Row:
    return Row(
        task,
        rows[0].engine,
        sum(row.cpu_s for row in rows),
        sum(row.wall_s for row in rows),
        max(row.peak_mb for row in rows),
        max(row.load_average for row in rows),
    )


def refresh(job: Job) -> Outcome:
    """Load new events of recent, then of scattered cases: each load, the merges that follow it and each refresh are
    measured."""
    from benchmarks.engine_gembascope import opened

    outcome = Outcome()
    with opened(Path(job.home)) as engine:
        before = engine.size()
        for which in ("recent", "scattered"):
            path = Path(job.files[which][0])
            added = outcome.measure(f"load_{which}", job.engine, partial(engine.load, path)).stored
            outcome.measure(f"settle_{which}", job.engine, engine.settle)
            done = outcome.measure(f"refresh_{which}", job.engine, engine.refresh)
            after = engine.size()
            if done != "touched" or after != {"cases": before["cases"], "events": before["events"] + added}:
                raise RuntimeError(f"refresh of {which} cases: {done}; {before} and {added} new events gave {after}")
            before = after
        outcome.facts["content"] = engine.content()
    return outcome


def rebuild(job: Job) -> Outcome:
    """The projection of everything stored, anew."""
    from benchmarks.engine_gembascope import opened

    outcome = Outcome()
    with opened(Path(job.home)) as engine:
        outcome.measure("rebuild", job.engine, lambda: engine.refresh(full=True))
        outcome.facts["content"] = engine.content()
    return outcome


def xes(job: Job) -> Outcome:
    """An XES file to columns. Gembascope: as the loader streams it, and kept whole as the others do."""
    outcome, path = Outcome(), Path(job.files["xes"][0])
    if job.engine == "gembascope":
        from benchmarks import engine_gembascope as ours

        if "xes_frame" in job.tasks:
            outcome.facts["xes_frame"] = ours.xes_facts(
                outcome.measure("xes_frame", job.engine, lambda: ours.frame_xes(path))
            )
        elif "xes_stored" in job.tasks:
            with ours.opened(Path(job.home)) as engine:
                outcome.measure("xes_opened", job.engine, lambda: None)  # what the opened engine itself holds
                stored = outcome.measure("xes_stored", job.engine, lambda: engine.load_xes(path)).stored
            outcome.facts["xes"] = {"events": stored}
        else:
            events = outcome.measure("xes", job.engine, lambda: ours.stream_xes(path))
            outcome.facts["xes"] = {"events": events}
    elif job.engine == "r4pm":
        from benchmarks import engine_r4pm

        read = engine_r4pm.read_xes
        outcome.facts["xes"] = engine_r4pm.xes_facts(outcome.measure("xes", job.engine, lambda: read(path)))
    else:
        from benchmarks import engine_pm4py

        parse = engine_pm4py.read_xes
        outcome.facts["xes"] = engine_pm4py.xes_facts(outcome.measure("xes", job.engine, lambda: parse(path)))
    return outcome


def live(job: Job) -> Outcome:
    """New events in batches until their cases show (`live_queryable`), the 99th percentile of the waits for an
    acknowledgement meanwhile (`live_ack_p99`, wall alone), and single events until their case shows (`live_case`)."""
    from benchmarks.engine_live import bodies, taking

    outcome, events = Outcome(), job.events
    with taking(Path(job.home)) as engine:
        before, sent = engine.in_paths(), bodies(events, job.prefix)
        outcome.measure("live_queryable", job.engine, lambda: engine.send(sent, events))
        waits, last = sorted(engine.waits_s), outcome.rows[-1]
        p99 = waits[min(len(waits) - 1, len(waits) * 99 // 100)]
        outcome.rows.append(Row("live_ack_p99", job.engine, 0.0, p99, last.peak_mb, last.load_average))
        for number in range(job.repetitions):
            single = bodies(1, f"{job.prefix}-single-{number}")
            outcome.measure("live_case", job.engine, partial(engine.send, single, 1))
        held = engine.in_paths()
    if held != before + events + job.repetitions:
        raise RuntimeError(f"{before} events in paths and {events + job.repetitions} new ones gave {held}")
    return outcome


def ingest(job: Job) -> Outcome:
    """Events over HTTP to a service of their own: `http` sends them, `ready` starts a service again that was killed,
    `stages` is where the time goes, in this process and without HTTP, `hooks` sends a tenth as many webhooks."""
    from benchmarks.ingest import ready, taken
    from benchmarks.ingest_hooks import hooked
    from benchmarks.ingest_stages import stages

    home, what = Path(job.home), job.tasks[0]
    if what == "http":
        return Outcome(taken(home, job.engine, job.events, job.prefix))
    if what == "hooks":
        return Outcome(hooked(home, job.events // 10, job.prefix))
    return Outcome((ready if what == "ready" else stages)(home, job.events, job.prefix))


KINDS: dict[str, Callable[[Job], Outcome]] = {
    "questions": questions,
    "load": load,
    "refresh": refresh,
    "rebuild": rebuild,
    "xes": xes,
    "live": live,
    "ingest": ingest,
}


def main(job_file: str, outcome_file: str) -> None:
    """Do the job in the one file and write its outcome to the other."""
    job = msgspec.json.decode(Path(job_file).read_bytes(), type=Job)
    Path(outcome_file).write_bytes(msgspec.json.encode(KINDS[job.kind](job)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
