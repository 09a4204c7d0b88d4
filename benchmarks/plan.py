"""The order of a run: which processes are started, in turns, and the log and home they share."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import polars as pl

from benchmarks import synthetic
from benchmarks.agreement import Agreement, Disagreement
from benchmarks.answers import QUESTIONS, Facts
from benchmarks.figures import Section, figures
from benchmarks.measuring import Row, machine
from benchmarks.worker import Job, Outcome

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = (*QUESTIONS, "load", "xes", "refresh", "live", "ingest", "large")
SLOW = ("pm4py", "r4pm")
SLOW_FROM = 5_000_000
"""From this many events on, the slow engines are asked once."""
PATIENCE_S = 4 * 3600


class WorkerFailed(Exception):
    """A measured process did not end well; the message holds the end of what it said."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for. `folder` keeps the logs and homes of the run."""

    events: int
    folder: Path
    rounds: int = 3
    repetitions: int = 3
    engines: tuple[str, ...] = ("gembascope", "polars", "pm4py", "r4pm", "duckdb")
    only: tuple[str, ...] = SECTIONS
    xes_events: int = 1_000_000
    cores: int = 2
    say: Callable[[str], None] = print

    @property
    def touched_cases(self) -> int:
        """Cases that a refresh has new events for: 50,000, or one in twenty of a smaller log."""
        return max(min(50_000, self.events // 200), 1)

    @property
    def live_events(self) -> int:
        """Events that are sent at run time: 200,000, or as many as a smaller log has."""
        return min(200_000, self.events)


class Run:
    """One run of a plan; `sections` gives each section when it is measured and its answers agree."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows: list[Row] = []
        self._agreement = Agreement()
        plan.folder.mkdir(parents=True, exist_ok=True)

    def sections(self) -> Iterator[Section]:
        """Measure, and give each section when its engines have agreed.

        Raises
        ------
        Disagreement
            Two engines answered differently.
        WorkerFailed
            A process failed.
        """
        only = self._plan.only
        if "load" in only:
            yield self._load()
        yield from self._questions([name for name in QUESTIONS if name in only])
        if "refresh" in only:
            yield self._refresh("refresh", self._home(), 1, rebuilds=self._plan.rounds)
        if "live" in only:
            yield self._live()
        if "ingest" in only:
            yield self._ingest()
        if "xes" in only:
            yield self._xes()
        if "large" in only:
            yield self._large()

    # The sections ------------------------------------------------------------------------------------------

    def _load(self) -> Section:
        plan, csv = self._plan, self._csv()
        self._agreement.take("the log", "csv_queryable", self._size())
        engines = [name for name in plan.engines if name in ("gembascope", "polars", "duckdb")]
        for turn, engine in self._turns(engines):
            home = self._fresh_home(plan.events) if engine == "gembascope" else Path()
            job = Job("load", engine, cores=plan.cores, files={"log": [str(csv)]}, home=str(home), prefix="csv")
            self._do(job, f"round {turn + 1}: load, {engine}")
            if engine == "gembascope":
                _finish(home)
        return self._section("load", plan.events)

    def _questions(self, names: Sequence[str]) -> list[Section]:
        plan = self._plan
        tasks = tuple(task for name in names for task in QUESTIONS[name])
        engines = [name for name in plan.engines if name != "duckdb"] if tasks else []
        home = self._home() if "gembascope" in engines else Path()
        for turn, engine in self._turns(engines):
            slow = engine in SLOW and plan.events >= SLOW_FROM
            if slow and turn:
                continue
            repetitions = 1 if slow else plan.repetitions
            job = Job("questions", engine, tasks, repetitions, plan.cores, str(self._parquet()), str(home))
            self._do(job, f"round {turn + 1}: questions, {engine}")
        rows, self._rows = self._rows, []
        sections = []
        for name in names:
            asked = [row for row in rows if row.task in QUESTIONS[name]]
            engines = [row.engine for row in asked]
            self._rows = [row for row in rows if row.task == "open" and row.engine in engines] + asked
            sections.append(self._section(name, plan.events))
        return sections

    def _refresh(self, name: str, home: Path, copies: int, *, rebuilds: int) -> Section:
        """New events go to a copy of the home: the home itself must answer as its peers do."""
        plan = self._plan
        copied = plan.folder / f"refreshed-{name}-{plan.events}"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(home, copied, symlinks=True)  # the engine links its tables
        cases, touched = self._size()["cases"] * copies, plan.touched_cases
        for turn in range(plan.rounds):
            files = {}
            for which in ("recent", "scattered"):
                path = plan.folder / f"new-{which}-{turn}-{name}-{plan.events}.parquet"
                scattered = which == "scattered"
                new = synthetic.new_events(cases, touched, scattered=scattered, copies=copies, seed=turn)
                new.write_parquet(path)
                files[which] = [str(path)]
            job = Job("refresh", "gembascope", cores=plan.cores, home=str(copied), files=files)
            refreshed = self._do(job, f"round {turn + 1}: {name}").facts["content"]
            if turn < rebuilds:
                job = Job("rebuild", "gembascope", cores=plan.cores, home=str(copied))
                rebuilt = self._do(job, f"round {turn + 1}: {name}, rebuild").facts["content"]
                if refreshed != rebuilt:
                    raise Disagreement(f"{name}: the refreshed projection and the rebuilt one answer differently")
        shutil.rmtree(copied)
        extra = {"touched_cases": touched, "new_events": 2 * touched}
        return self._section(name, plan.events * copies, copies=copies, extra=extra)

    def _live(self) -> Section:
        """Events at run time go to a copy of the home: on top of a source that holds the whole log."""
        plan, copied = self._plan, self._plan.folder / f"live-{self._plan.events}"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(self._home(), copied, symlinks=True)  # the engine links its tables
        held = self._size()["events"]
        for turn in range(plan.rounds):
            singles = max(plan.repetitions, 5)
            home, events = str(copied), plan.live_events
            job = Job("live", "gembascope", (), singles, plan.cores, home=home, prefix=f"run{turn}", events=events)
            self._do(job, f"round {turn + 1}: live")
        shutil.rmtree(copied)
        return self._section("live", plan.events, extra={"events": plan.live_events, "held_events": held})

    def _ingest(self) -> Section:
        """Events over HTTP to an empty home: ours and the peer in turns, then until it is ready, and the stages."""
        plan, events = self._plan, self._plan.live_events
        ways = [("gembascope", "http"), ("pydantic", "http"), ("gembascope", "ready"), ("gembascope", "stages")]
        ways.append(("gembascope", "hooks"))
        for turn in range(plan.rounds):
            for engine, task in ways:
                with tempfile.TemporaryDirectory(dir=plan.folder) as home:
                    job = Job("ingest", engine, (task,), 1, plan.cores, home=home, prefix=f"run{turn}", events=events)
                    self._do(job, f"round {turn + 1}: {task}, {engine}")
        return self._section("ingest", events, extra={"events": events})

    def _xes(self) -> Section:
        plan = self._plan
        events = min(plan.xes_events, plan.events)
        path = plan.folder / f"log-{events}.xes"
        if not path.is_file():
            synthetic.write_xes(synthetic.log(events), partial(path))
            partial(path).rename(path)
        ways = [(name, "xes") for name in plan.engines if name in ("gembascope", "r4pm", "pm4py")]
        ways += [("gembascope", "xes_frame"), ("gembascope", "xes_stored")] if "gembascope" in plan.engines else []
        for turn in range(plan.rounds):
            for engine, task in ways:
                home = plan.folder / f"home-xes-{events}"
                shutil.rmtree(home, ignore_errors=True)
                job = Job("xes", engine, (task,), cores=plan.cores, files={"xes": [str(path)]}, home=str(home))
                self._do(job, f"round {turn + 1}: {task}, {engine}")
                shutil.rmtree(home, ignore_errors=True)
        return self._section("xes", events)

    def _large(self) -> Section:
        """Five copies of the log, each later than the last and with cases of its own, in one home."""
        plan, home = self._plan, self._plan.folder / f"home-large-{self._plan.events}"
        self._agreement = Agreement()  # another log
        if not (home / "complete").is_file():
            shutil.rmtree(home, ignore_errors=True)
            original, paths = pl.read_parquet(self._parquet()), []
            for number in range(synthetic.COPIES):
                paths.append(plan.folder / f"copy-{number}-{plan.events}.parquet")
                synthetic.copy_of(original, number).write_parquet(paths[-1])
            del original
            files = {"log": [str(path) for path in paths]}
            job = Job("load", "gembascope", cores=plan.cores, files=files, home=str(home), prefix="large")
            self._do(job, "load of the large log")
            for path in paths:
                path.unlink()
            _finish(home)
        for turn in range(plan.rounds):
            job = Job("questions", "gembascope", QUESTIONS["map"], plan.repetitions, plan.cores, home=str(home))
            self._do(job, f"round {turn + 1}: questions of the large log")
        return self._refresh("large", home, synthetic.COPIES, rebuilds=1)

    # What they share ---------------------------------------------------------------------------------------

    def _turns(self, engines: Sequence[str]) -> list[tuple[int, str]]:
        """Round by round, another engine first in each: none is always measured behind the same other."""
        order = list(engines)
        turns = []
        for turn in range(self._plan.rounds):
            turns += [(turn, engine) for engine in order]
            order = order[1:] + order[:1]
        return turns

    def _section(self, name: str, events: int, *, copies: int = 1, extra: Facts | None = None) -> Section:
        rows, self._rows = self._rows, []
        loads = [row.load_average for row in rows]
        size = self._size() if name not in ("xes", "ingest") else {}
        log = {key: value * copies for key, value in size.items()} | (extra or {})
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return Section(name, events, log, machine(), now, (min(loads), max(loads)), figures(rows), rows)

    def _do(self, job: Job, what: str) -> Outcome:
        outcome = run_job(job)
        self._rows += outcome.rows
        for row in outcome.rows:
            self._plan.say(
                f"{what}: {row.task} {row.cpu_s:.3f} s CPU, {row.wall_s:.3f} s wall, {row.peak_mb:.0f} MB, "
                f"load average {row.load_average:.1f}"
            )
        for task, facts in outcome.facts.items():
            if task != "content":
                self._agreement.take(job.engine, task, facts)
        return outcome

    def _parquet(self) -> Path:
        path = self._plan.folder / f"log-{self._plan.events}.parquet"
        if not path.is_file():
            synthetic.log(self._plan.events).write_parquet(partial(path))
            partial(path).rename(path)
        return path

    def _csv(self) -> Path:
        path = self._plan.folder / f"log-{self._plan.events}.csv"
        if not path.is_file():
            synthetic.write_csv(pl.read_parquet(self._parquet()), partial(path))
            partial(path).rename(path)
        return path

    def _size(self) -> dict[str, int]:
        log = pl.scan_parquet(self._parquet())
        row = log.select(events=pl.len(), cases=pl.col("case_id").n_unique()).collect().row(0, named=True)
        return {name: int(value) for name, value in row.items()}

    def _home(self) -> Path:
        """The home that holds the log; one that a load of this run or a kept folder left is used."""
        home = self._plan.folder / f"home-{self._plan.events}"
        if not (home / "complete").is_file():
            self._fresh_home(self._plan.events)
            job = Job("load", "gembascope", files={"log": [str(self._csv())]}, home=str(home), prefix="csv")
            run_job(job)
            _finish(home)
        return home

    def _fresh_home(self, events: int) -> Path:
        home = self._plan.folder / f"home-{events}"
        shutil.rmtree(home, ignore_errors=True)
        return home


def run_job(job: Job) -> Outcome:
    """Do the job in a fresh process (never a fork) without the settings that this one was given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GEMBASCOPE_")}
    with tempfile.TemporaryDirectory() as folder:
        job_file, outcome_file = Path(folder) / "job.json", Path(folder) / "outcome.json"
        job_file.write_bytes(msgspec.json.encode(job))
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(job_file), str(outcome_file)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode or not outcome_file.is_file():
            said = (done.stderr or done.stdout)[-2000:]
            raise WorkerFailed(f"{job.kind} by {job.engine} ended with code {done.returncode}: {said}")
        return msgspec.json.decode(outcome_file.read_bytes(), type=Outcome)


def partial(path: Path) -> Path:
    """Where a file is written until it is whole."""
    return path.with_name(path.name + ".partial")


def _finish(home: Path) -> None:
    (home / "complete").write_text("", encoding="ascii")
