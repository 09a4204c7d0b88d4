"""What the measuring of events over HTTP makes of what it saw; no times are asserted."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from benchmarks.figures import Figure, Results, Section
from benchmarks.goals import GOALS, SENT
from benchmarks.ingest import Sending, percentile
from benchmarks.ingest_wire import BadAnswer, exchange, written
from benchmarks.plan import run_job
from benchmarks.worker import Job

STAGES = ("decode", "check", "frames", "payload", "commit", "take", "staging", "insert", "verify", "mark", "refresh")


def test_a_batch_is_visible_when_as_many_are_stored_as_were_accepted_up_to_it() -> None:
    seen = Sending(
        accepted=[("2", 1.0, 10), ("1", 0.5, 5), ("3", 9.0, 1)],  # in the order of their answers
        stored=[(0.6, 0), (1.2, 5), (2.0, 14), (3.0, 15), (8.5, 16)],
    )
    assert seen.visible() == pytest.approx([0.7, 2.0, 0.0])  # by receipt; the last was stored before it was answered


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0, 50, 99)] == [1.0, 2.0, 3.0]


def test_each_stage_has_its_figure(tmp_path: Path) -> None:
    outcome = run_job(Job("ingest", "gembascope", ("stages",), home=str(tmp_path), prefix="run", events=2_000))
    rows = {row.task: row for row in outcome.rows}
    assert {f"stage_{name}" for name in STAGES} <= set(rows)
    assert all(rows[f"stage_{name}"].wall_s > 0 for name in STAGES)


def test_webhooks_are_sent_and_waited_for(tmp_path: Path) -> None:
    outcome = run_job(Job("ingest", "gembascope", ("hooks",), home=str(tmp_path), prefix="run", events=1_000))
    rows = {row.task: row for row in outcome.rows}
    assert set(rows) == {"hooks", "hook_ack_p50", "hook_ack_p99"}
    assert 0 < rows["hook_ack_p50"].wall_s <= rows["hook_ack_p99"].wall_s < rows["hooks"].wall_s


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ([b"HTTP/1.1 202 Accepted\r\nContent-Le", b"ngth: 2\r\n\r\n", b"ok"], ""),
        ([b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"], "500"),
        ([b"HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\nok"], "cut a connection"),
    ],
    ids=["in pieces", "refused", "cut"],
)
def test_answers_are_read_whole_and_looked_at(answers: list[bytes], problem: str) -> None:
    def check(head: bytes, body: bytes) -> None:
        if b" 202 " not in head or body != b"ok":
            raise BadAnswer(head.decode())

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            assert connection.recv(1_000) == written("/x", "here", b"{}", {"Name": "value"})
            for piece in answers:
                connection.sendall(piece)
                time.sleep(0.01)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        served = pool.submit(serve)
        requests = [written("/x", "here", b"{}", {"Name": "value"})]
        with pytest.raises(BadAnswer, match=problem) if problem else nullcontext():
            assert len(exchange(listening.getsockname(), requests, 2, check)) == 1
        served.result()


def test_goals_of_sending_are_reached_or_missed() -> None:
    def figure(task: str, engine: str = "gembascope", cpu_s: float = 1.0, wall_s: float = 1.0) -> Figure:
        return Figure(task, engine, 1, cpu_s, wall_s, 2_000.0)

    found = [figure("http_queryable", wall_s=5.0), figure("http_queryable", "pydantic", cpu_s=1.6)]
    found += [
        figure("hooks", wall_s=SENT / 10 / 1_500),
        figure("http_ack_p99", wall_s=0.2),
        figure("http_visible_p99", wall_s=5.0),
    ]
    results = Results([Section("ingest", SENT, {"events": SENT}, {}, "2026-03-01T00:00:00+00:00", (0.1, 0.2), found)])
    verdicts = {goal.what: goal.verdict(results)[1] for goal in GOALS if goal.section == "ingest"}
    assert verdicts == {
        "http_queryable: at least 30,000 events per second": "reached",
        "http_queryable: pydantic takes at least 1.5 times the CPU": "reached",
        "http_ack_p99: at most 0.15 s": "missed",
        "http_visible_p99: at most 5 s": "reached",
        "hooks: at least 1,500 signed webhooks per second": "reached",
        "hook_ack_p99: at most 0.05 s": "not measured",
        "http_ready: at most 2 s": "not measured",
        "http_queryable: at most 1.5 GiB": "missed",
    }
