"""The demo's clock resumes where it stopped and never goes back, however the process that ran it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.clock import DEMO_CLOCK_FILE, DemoClock, kept_instant
from kernel.errors import SettingsError

BEGIN = datetime(2026, 3, 31, 18, tzinfo=timezone.utc)
AHEAD = timedelta(seconds=5)


@dataclass
class Monotonic:
    """The machine's monotonic clock, moved by the test."""

    at_s: float = 1_000.0

    def __call__(self) -> float:
        return self.at_s


def test_it_begins_where_it_is_told_and_runs_by_the_monotonic_clock(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, monotonic=machine)
    assert clock.now() == BEGIN
    machine.at_s += 90.25
    assert clock.now() == BEGIN + timedelta(seconds=90.25)


def test_it_runs_faster_by_its_factor(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, factor=60, monotonic=machine)
    machine.at_s += 2
    assert clock.now() == BEGIN + timedelta(minutes=2)


def test_it_resumes_exactly_where_it_stopped(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, monotonic=machine)
    machine.at_s += 7.5
    clock.close()
    machine.at_s += 86_400
    assert clock.now() == BEGIN + timedelta(seconds=7.5), "a closed clock stands"
    clock.close()
    resumed = DemoClock(tmp_path, BEGIN, monotonic=Monotonic(at_s=3.0))
    assert resumed.now() == BEGIN + timedelta(seconds=7.5)


def test_a_later_beginning_wins_over_what_is_kept(tmp_path: Path) -> None:
    DemoClock(tmp_path, BEGIN).close()
    assert DemoClock(tmp_path, BEGIN + timedelta(days=30), monotonic=Monotonic()).now() == BEGIN + timedelta(days=30)


def test_it_is_never_before_what_is_stored(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, monotonic=machine)
    clock.not_before(BEGIN + timedelta(hours=1))
    assert clock.now() == BEGIN + timedelta(hours=1)
    clock.not_before(BEGIN)
    machine.at_s += 1
    assert clock.now() == BEGIN + timedelta(hours=1, seconds=1)
    assert DemoClock(tmp_path, BEGIN, monotonic=machine).now() >= BEGIN + timedelta(hours=1, seconds=1)


def test_what_is_stored_is_kept_before_anybody_looks(tmp_path: Path) -> None:
    clock = DemoClock(tmp_path, BEGIN, save_every=AHEAD, monotonic=Monotonic())
    later = BEGIN + timedelta(hours=1)
    clock.not_before(later)
    assert later <= (kept_instant(tmp_path) or BEGIN) <= later + AHEAD
    clock.close()
    clock.not_before(later + timedelta(hours=1))
    assert kept_instant(tmp_path) == clock.now() == later + timedelta(hours=1), "closed, so exactly"


ACTS = st.one_of(
    st.tuples(st.just("pass"), st.floats(-3, 30, allow_nan=False)),
    st.tuples(st.just("not before"), st.floats(-60, 60, allow_nan=False)),
    st.tuples(st.sampled_from(["look", "kill", "stop"]), st.just(0.0)),
)


@given(acts=st.lists(ACTS, max_size=25), factor=st.sampled_from([0.5, 1.0, 100.0]))
@settings(max_examples=examples(25), deadline=None)
def test_whatever_happens_it_never_goes_back_and_a_kill_moves_it_on_by_the_interval_at_most(
    acts: list[tuple[str, float]], factor: float
) -> None:
    with TemporaryDirectory() as folder:
        home, machine = Path(folder), Monotonic()
        clock = DemoClock(home, BEGIN, factor=factor, save_every=AHEAD, monotonic=machine)
        shown = clock.now()
        for act, seconds in acts:
            if act == "pass":
                machine.at_s += seconds  # backwards too: a machine that breaks its word
                continue
            if act == "not before":
                clock.not_before(shown + timedelta(seconds=seconds))
                assert clock.now() >= shown + timedelta(seconds=seconds)
            if act == "stop":
                shown = max(shown, clock.now())
                clock.close()
            if act in ("stop", "kill"):
                machine = Monotonic(at_s=machine.at_s / 2)  # the machine has started anew
                clock = DemoClock(home, BEGIN, factor=factor, save_every=AHEAD, monotonic=machine)
                latest = shown if act == "stop" else shown + AHEAD * factor
                assert clock.now() <= latest
            assert clock.now() >= shown
            shown = clock.now()


def test_what_is_shown_is_kept_before_and_not_written_each_time(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, save_every=AHEAD, monotonic=machine)
    written = set()
    for _ in range(1_000):
        machine.at_s += 0.05
        now, kept = clock.now(), kept_instant(tmp_path)
        assert kept is not None
        assert now <= kept <= now + AHEAD
        written.add(kept)
    assert len(written) <= 11, "fifty seconds, five each"


def test_threads_see_one_clock_that_goes_forward(tmp_path: Path) -> None:
    clock = DemoClock(tmp_path, BEGIN, factor=1_000, save_every=timedelta(milliseconds=5))

    def look(_: int) -> bool:
        seen = [clock.now() for _ in range(300)]
        return all(one <= two for one, two in pairwise(seen))

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(look, range(4)))
    clock.close()
    assert kept_instant(tmp_path) == clock.now()


def test_a_process_that_is_killed_resumes_after_all_that_it_showed(tmp_path: Path) -> None:
    code = (
        "import sys; from datetime import *; from pathlib import Path; from kernel.clock import DemoClock\n"
        "clock = DemoClock(Path(sys.argv[1]), datetime(2026, 3, 31, 18, tzinfo=timezone.utc),"
        " factor=50, save_every=timedelta(milliseconds=20))\n"
        "while True: print(clock.now().isoformat(), flush=True)"
    )
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    shown = BEGIN
    for lines in (1, 40, 300):
        words = [sys.executable, "-c", code, str(tmp_path)]
        with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            read = [process.stdout.readline() for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
            read += process.stdout.readlines()
        seen = [datetime.fromisoformat(line.strip()) for line in read if line.endswith("\n")]
        assert seen[0] >= shown
        assert seen == sorted(seen)
        shown = seen[-1]
    resumed = DemoClock(tmp_path, BEGIN, monotonic=Monotonic()).now()
    assert shown <= resumed <= shown + timedelta(seconds=60), "a second of demo time ahead, and what was not printed"


def test_a_home_without_a_clock_keeps_none(tmp_path: Path) -> None:
    assert kept_instant(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"null", b"{}", b"\xff\xfe", b'{"resume_at": 5}', b'{"resume_at": null}'),
        *(b'{"resume_at": "soon"}', b'{"resume_at": "2026-03-31T18:00:00"}', b'"resume_at"'),
        b'{"resume_at": "0001-01-01T00:00:00+14:00"}',
    ],
)
def test_a_damaged_file_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / DEMO_CLOCK_FILE
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"demo_clock\.json is damaged: expected .*remove it"):
        DemoClock(tmp_path, BEGIN)
    assert path.read_bytes() == content, "it is left to be looked at"
    path.unlink()
    assert DemoClock(tmp_path, BEGIN, monotonic=Monotonic()).now() == BEGIN


def test_what_cannot_be_kept_is_not_shown(tmp_path: Path) -> None:
    machine = Monotonic()
    clock = DemoClock(tmp_path, BEGIN, save_every=AHEAD, monotonic=machine)
    clock.now()
    blocked = (tmp_path / DEMO_CLOCK_FILE).with_suffix(".tmp")
    blocked.mkdir()
    machine.at_s += 60
    with pytest.raises(SettingsError, match="cannot be written"):
        clock.now()
    blocked.rmdir()
    assert clock.now() == BEGIN + timedelta(seconds=60)


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / DEMO_CLOCK_FILE).mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        kept_instant(tmp_path)


def test_the_file_tells_the_instant_to_people(tmp_path: Path) -> None:
    DemoClock(tmp_path, BEGIN, monotonic=Monotonic()).close()
    assert json.loads((tmp_path / DEMO_CLOCK_FILE).read_text()) == {"resume_at": BEGIN.isoformat()}


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="aware"):
        DemoClock(tmp_path, datetime(2026, 3, 31))  # noqa: DTZ001
    with pytest.raises(ValueError, match="factor"):
        DemoClock(tmp_path, BEGIN, factor=0)
    with pytest.raises(ValueError, match="aware"):
        DemoClock(tmp_path, BEGIN, monotonic=Monotonic()).not_before(datetime(2026, 4, 1))  # noqa: DTZ001
