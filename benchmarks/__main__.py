"""`python -m benchmarks`: measure, check that the answers agree, keep and print the figures."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks.agreement import Disagreement
from benchmarks.figures import read, write
from benchmarks.plan import SECTIONS, Plan, Run, WorkerFailed
from benchmarks.report import README, put_into, render
from benchmarks.worker import ENGINES

RESULTS = Path(__file__).resolve().parent / "results.json"


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for; 0 when every section was measured and every answer agreed."""
    options = _parser().parse_args(arguments)
    if options.render:
        put_into(README, read(options.out))
        print(f"{README.name} shows the figures of {options.out.name}")
        return 0
    try:
        engines, only = _words(options.engines, ENGINES), _words(options.only, SECTIONS)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    missing = [name for name in engines if name != "gembascope" and importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}; `make bench` installs them, --engines leaves them out")
        return 2
    cores = _keep_to(options.cores)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gembascope-bench-")))
        plan = Plan(
            events=options.events,
            folder=folder.resolve(),
            rounds=options.rounds,
            repetitions=options.repetitions,
            engines=engines,
            only=only,
            xes_events=options.xes_events,
            cores=cores,
        )
        results = read(options.out)
        try:
            for section in Run(plan).sections():
                results.put(section)
                write(results, options.out)
        except (Disagreement, WorkerFailed) as error:
            print(f"failed; no figures of this section or of those after it: {error}", file=sys.stderr)
            return 1
    print(render(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000, help="events of the log (10,000,000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often the engines take turns (3)")
    parser.add_argument("--repetitions", type=int, default=3, help="calls of one question in one round (3)")
    parser.add_argument("--only", default=",".join(SECTIONS), help=f"sections, of {', '.join(SECTIONS)}")
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"engines, of {', '.join(ENGINES)}")
    parser.add_argument("--xes-events", type=int, default=1_000_000, help="most events of the XES file (1,000,000)")
    parser.add_argument("--cores", type=int, default=2, help="processor cores that every engine may use (2)")
    parser.add_argument("--keep", type=Path, help="folder of logs and homes, kept and used again")
    parser.add_argument("--out", type=Path, default=RESULTS, help="file of the figures (benchmarks/results.json)")
    parser.add_argument("--render", action="store_true", help="measure nothing; put the figures into README.md")
    return parser


def _words(text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    chosen = tuple(text.split(","))
    for word in chosen:
        if word not in known:
            raise ValueError(f"{word!r} is not one of {', '.join(known)}")
    return chosen


def _keep_to(cores: int) -> int:
    """Leave this process and those that it starts `cores` cores, where the system can; how many there are then."""
    if not hasattr(os, "sched_setaffinity"):
        return cores
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    os.sched_setaffinity(0, allowed)
    return len(allowed)


if __name__ == "__main__":
    sys.exit(main())
