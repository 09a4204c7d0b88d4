"""Executions of workflow engines: every one is handed over as it is in the end, whatever happens meanwhile."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from collecting import collect
from engine_fakes import FakeCamunda, FakeEngine, FakeN8n, FakeTemporal, InProcess, as_served
from examples import examples
from inlets import MemoryInlet
from loopback import Recorder, raw_server, saying

from ingest.collectors import engine_collector
from ingest.collectors.camunda import Camunda
from ingest.collectors.engine_collector import EngineCollector
from ingest.collectors.engine_http import Busy
from ingest.collectors.making import COLLECTOR_SETTINGS, make_collector
from ingest.collectors.n8n import N8n
from ingest.collectors.temporal import Temporal
from ingest.sources.delivery import CollectorError
from ingest.sources.refused import REFUSED
from kernel.egress import Egress
from kernel.errors import SpoolFull, StateUnavailable
from kernel.secrets import Secrets

SECRETS = Secrets(Path("."), {"KEY": "key-1", "CLIENT": "s3cret", "BAD": "Grüße"})
KINDS: dict[str, tuple[type[FakeEngine], Any, dict[str, Any]]] = {
    "n8n": (FakeN8n, N8n, {"api_key": "env:KEY"}),
    "camunda": (FakeCamunda, Camunda, {}),
    "temporal": (FakeTemporal, Temporal, {"namespace": "shop"}),
}


class Polls(Event):
    """Ends a run after so many polls."""

    def __init__(self, polls: int = 1) -> None:
        super().__init__()
        self.left = polls

    def wait(self, timeout: float | None = None) -> bool:
        if timeout:
            self.left -= 1
            if not self.left:
                self.set()
        return self.is_set()


def made(kind: str, fake: FakeEngine, egress: Any = None, url: str = "http://engine:1", **more: Any) -> EngineCollector:
    _, engine, own = KINDS[kind]
    settings = {"kind": kind, "url": url, "page": 3, "batch": 4, "overlap_s": 60, **own, **more}
    found = COLLECTOR_SETTINGS.validate_python(settings)
    return EngineCollector(found, engine(found, SECRETS, egress or InProcess(fake), fake.clock), clock=fake.clock)


def newest(inlet: MemoryInlet) -> dict[str, Any]:
    return {one.key: json.loads(one.body) for one in inlet.taken}


def wanted(fake: FakeEngine) -> dict[str, Any]:
    return {f"executions/{fake.name(run)}": fake.document(run) for run in fake.runs.values()}


class Stopped(Exception):
    """The process ends here."""


def stopping_at_random(seed: int) -> Callable[[int], None]:
    chance = random.Random(seed)

    def fail(_: int) -> None:
        if chance.random() < 0.15:
            raise chance.choice([SpoolFull("full"), Stopped()])

    return fail


class KeepingInlet(MemoryInlet):
    """Ends the process, or loses its database, at some takes after all was kept."""

    chance = random.Random(0)
    keeping = True

    def take(self, deliveries: Any, place: str | None = None) -> Any:
        found = super().take(deliveries, place)
        if self.keeping and self.chance.random() < 0.15:
            raise self.chance.choice([StateUnavailable("it is not known whether it was kept"), Stopped()])
        return found


def again(
    polls: int, collector: EngineCollector, inlet: MemoryInlet, egress: InProcess, fake: FakeEngine
) -> EngineCollector:
    """Collect on, in a new process where one ended."""
    for _ in range(polls):
        try:
            collector.run(inlet, Polls())
        except (CollectorError, SpoolFull, StateUnavailable):
            pass
        except Stopped:
            had = collector.settings
            collector = made(had.kind, fake, egress, most_open=had.most_open, overlap_s=had.overlap_s)
        fake.pass_time(fake.chance.choice([3, 10]))
    return collector


@pytest.mark.parametrize("kind", KINDS)
def test_every_execution_is_there_as_it_is_in_the_end(kind: str) -> None:
    """Whatever starts, goes on and ends while it is listed and fetched; whatever questions fail; wherever the process
    ends; whenever it begins anew with the place alone."""
    seeds, lively = {"n8n": (30, 0.25), "camunda": (15, 0.07), "temporal": (20, 0.12)}[kind]
    for seed in range(examples(seeds)):
        fake = KINDS[kind][0](seed, lively)
        for _ in range(5):
            fake.start()
        chance = random.Random(seed)
        inlet = KeepingInlet(stopping_at_random(seed))
        inlet.chance = chance
        egress = InProcess(fake, faults=0.02, seed=seed)
        # What runs is hidden by n8n for as long as it runs; the others' listings lag by 2 seconds.
        collector = made(kind, fake, egress, most_open=chance.choice([2, 1_000]), overlap_s=60 if kind == "n8n" else 5)

        collector = again(10, collector, inlet, egress, fake)
        assert fake.lively > 0
        fake.settle()
        fake.pass_time(5)
        egress.faults = 0
        inlet._failing = lambda _: None
        inlet.keeping = False
        collector = again(4, collector, inlet, egress, fake)
        assert newest(inlet) == wanted(fake), seed
        before = len(inlet.taken)
        again(2, collector, inlet, egress, fake)
        assert len(inlet.taken) == before  # what has settled is not handed over again
        assert len(fake.runs) > 10


# One thing at a time ------------------------------------------------------------------------------------------


def started(kind: str, count: int, state: str = "ended") -> FakeEngine:
    fake = KINDS[kind][0]()
    for _ in range(count):
        fake.start(state=state)
    fake.pass_time(10)
    return fake


def run(collector: EngineCollector, inlet: MemoryInlet, polls: int = 1) -> None:
    collector.run(inlet, Polls(polls))


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_is_collected_from_over_http(kind: str) -> None:
    """Executions of one instant over several pages; what goes on comes again, what does not does not."""
    fake = started(kind, 8)
    slow = fake.start(state="running")
    fake.pass_time(10)
    with Recorder(as_served(fake)) as server:
        own = {**KINDS[kind][2], "page": 3, "poll_s": 0.01, "since": "2026-03-01T00:00:00Z"}
        found = COLLECTOR_SETTINGS.validate_python({"kind": kind, "url": server.url, **own})
        assert found.reaches == (server.listed,)
        collector = make_collector(found, SECRETS, egress=Egress(found.reaches))
        inlet = MemoryInlet()
        assert collect(collector, inlet, 9) == []
        assert newest(inlet) == wanted(fake)
        assert {one.headers["kind"] for one in inlet.taken} == {KINDS[kind][1].kind}
        fake.go_on(slow, "waiting")
        fake.pass_time(10)
        run(collector, inlet, 2)  # type: ignore[arg-type]
        assert [one.key for one in inlet.taken[9:]] == [f"executions/{fake.name(slow)}"]
        assert newest(inlet) == wanted(fake)
        refused = make_collector(found, SECRETS)
        with pytest.raises(CollectorError, match="GEMBASCOPE_EGRESS_HOSTS"):
            refused.run(inlet, Polls())


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_engine_says_instead_of_an_answer(kind: str) -> None:
    fake, inlet = started(kind, 1), MemoryInlet()
    replies: list[tuple[int, dict[str, str], bytes]] = []
    with Recorder(lambda _: replies[0]) as server:
        collector = made(kind, fake, Egress([server.listed]), server.url)
        for reply, why in [
            ((500, {}, b"key-1"), "answered 500"),
            ((401, {}, b"key-1"), r"does not let us in \(401\)"),
            ((400, {}, b"key-1"), "answered 400|does not say"),
            ((404, {}, b"key-1"), "has no"),
            ((302, {"location": "http://other/"}, b""), "redirect"),
            ((200, {}, b"<html>"), "no JSON"),
            ((200, {}, b"[]"), "no object"),
            ((200, {}, b"[" * 5000), "no JSON"),
            ((200, {}, b'{"data":[{}],"items":[{}],"page":{},"executions":[{}]}'), "without"),
            ((503, {"retry-after": "7"}, b""), "answered 503 and asks to wait 7 s"),
        ]:
            replies[:] = [reply]
            with pytest.raises(CollectorError, match=why) as raised:
                run(collector, inlet)
            assert "key-1" not in str(raised.value)
        assert isinstance(raised.value, Busy)
    away = made(kind, fake, Egress([server.listed]), server.url)
    with pytest.raises(CollectorError, match="cannot be reached"):
        run(away, inlet)
    with raw_server(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n", b'{"data": [')) as port:
        cut = made(kind, fake, Egress([f"127.0.0.1:{port}"]), f"http://127.0.0.1:{port}")
        with pytest.raises(CollectorError, match=r"ended the connection|did not answer in HTTP"):
            run(cut, inlet)
    assert inlet.taken == []


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    fake = started("n8n", 1)
    collector, waited = made("n8n", fake), []
    collector._monotonic = lambda: 100.0
    fake.answer = lambda *_: (429, {"retry-after": "40"}, b"")  # type: ignore[method-assign]
    with pytest.raises(Busy):
        run(collector, MemoryInlet())

    class Waiting(Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            self.set()
            return True

    collector.run(MemoryInlet(), Waiting())
    assert waited == [40.0]


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_answers_only_so_often_is_read_to_the_end(kind: str) -> None:
    fake, inlet, real = started(kind, 12), MemoryInlet(), KINDS[kind][0].answer
    left = [0]

    def answer(*asked: Any) -> tuple[int, dict[str, str], bytes]:
        left[0] -= 1
        return real(fake, *asked) if left[0] >= 0 else (429, {}, b"")

    fake.answer = answer  # type: ignore[method-assign]
    collector = made(kind, fake, batch=1_000)
    for _ in range(12):
        left[0] = 14
        try:
            run(collector, inlet)
        except Busy:
            continue
    assert newest(inlet) == wanted(fake)
    assert len(inlet.taken) == 12


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_cannot_be_read_keeps_no_other_and_is_not_forgotten(kind: str) -> None:
    fake, inlet, real = started(kind, 5), MemoryInlet(), KINDS[kind][0].answer
    bad = [fake.name(fake.runs[2])]

    def answer(method: str, target: str, *more: Any) -> tuple[int, dict[str, str], bytes]:
        if bad and "?query" not in target and bad[0].partition("/")[0] in target.replace("executions?", ""):
            return 500, {}, b""
        return real(fake, method, target, *more)

    fake.answer = answer  # type: ignore[method-assign]
    collector = made(kind, fake, overlap_s=0)
    run(collector, inlet)
    assert len(newest(inlet)) == 4
    assert any("1 executions cannot be read" in one for one in collector.notes.all())
    fake.start(state="ended")
    fake.pass_time(100)
    run(collector, inlet)
    bad.clear()
    run(made(kind, fake, overlap_s=0), inlet)
    assert newest(inlet) == wanted(fake)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_vanishes_before_its_end_is_told_of(kind: str) -> None:
    fake, inlet = started(kind, 2, "waiting"), MemoryInlet()
    collector = made(kind, fake)
    run(collector, inlet)
    del fake.runs[1]
    fake.go_on(fake.runs[2], "ended")
    fake.pass_time(10)
    run(collector, inlet)
    assert "1 executions were there no more" in collector.notes.all()[0]
    assert newest(inlet)[f"executions/{fake.name(fake.runs[2])}"] == fake.document(fake.runs[2])


def test_how_far_back_it_looks_at_first_and_that_a_start_in_time_to_come_moves_nothing() -> None:
    fake, inlet = FakeN8n(), MemoryInlet()
    fake.start(state="ended")
    fake.pass_time(3_600)
    fake.start(state="ended")
    fake.start(state="ended").started = fake.clock.now().replace(year=2030)
    run(made("n8n", fake, look_back_s=1_800), inlet)
    assert sorted(newest(inlet)) == ["executions/2", "executions/3"]
    fake.pass_time(600)
    fake.start(state="ended")
    run(made("n8n", fake, look_back_s=0), inlet)  # from where it was, not from now
    assert sorted(newest(inlet)) == ["executions/2", "executions/3", "executions/4"]
    for _ in range(8):
        fake.start(state="ended")
    fake.runs[11].started = fake.runs[1].started  # its page has one that is older than is asked for
    run(made("n8n", fake), inlet)
    assert len(newest(inlet)) == 10


def test_filters_of_n8n_and_servers_that_do_not_say_what_runs() -> None:
    fake, inlet = started("n8n", 2), MemoryInlet()
    waits = fake.start(state="waiting")
    run(made("n8n", fake, status="waiting", workflow="w"), inlet)
    assert list(newest(inlet)) == [f"executions/{waits.number}"]
    assert {(given.get("status"), given.get("workflowId")) for _, path, given in fake.asked if path[-1] == "s"} == {
        ("waiting", "w")
    }
    with pytest.raises(CollectorError, match="no place"):
        made("n8n", fake).run(MemoryInlet(place='{"mark": 1}'), Polls())
    other = made("n8n", fake)
    run(other, inlet)  # of other settings: from the beginning
    assert newest(inlet) == wanted(fake)
    assert "from its beginning" in other.notes.all()[0]
    old = started("n8n", 0)
    old.old = True  # type: ignore[attr-defined]
    hidden = old.start(state="running")
    old.start(state="ended")
    collector, there = made("n8n", old), MemoryInlet()
    run(collector, there)
    assert "does not say what runs" in collector.notes.all()[0]
    old.pass_time(30)
    old.go_on(hidden, "ended")
    run(collector, there)
    assert newest(there) == wanted(old)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_that_is_too_large_is_told_of(kind: str) -> None:
    fake, inlet = started(kind, 0), MemoryInlet()
    fake.start(state="ended", steps=100)
    fake.pass_time(10)
    collector = made(kind, fake, most_document_bytes=1_000)
    run(collector, inlet, 3)
    (one,) = inlet.taken
    if kind == "n8n":
        assert json.loads(one.body) == fake.document(fake.runs[1], data=False)  # type: ignore[call-arg]
        assert "without what its nodes did" in collector.notes.all()[0]
    else:
        assert "more than 1,000 bytes" in one.headers[REFUSED]


def test_tokens_are_asked_for_again_when_they_end_and_no_secret_is_told() -> None:
    fake, inlet = FakeCamunda(), MemoryInlet()
    for _ in range(3):
        fake.start(state="ended")
    fake.pass_time(10)
    fake.tokens = 4
    oauth = {"token_url": "http://login:2/oauth/token", "client_id": "us", "client_secret": "env:CLIENT"}
    collector = made("camunda", fake, oauth=oauth)
    assert collector.settings.reaches == ("engine:1", "login:2")
    run(collector, inlet, 2)
    assert newest(inlet) == wanted(fake)
    assert fake.given > 3
    with pytest.raises(CollectorError) as raised:
        run(made("camunda", fake, oauth=oauth | {"client_secret": "env:KEY"}), inlet)
    assert "s3cret" not in str(raised.value)
    assert "key-1" not in str(raised.value)
    with pytest.raises(CollectorError, match="hold what no header may hold"):
        run(made("n8n", FakeN8n(), Egress(["engine:1"]), api_key="env:BAD"), inlet)


def test_what_temporal_carries_is_left_out_but_for_what_is_listed() -> None:
    carried = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "ImVtaWwi"}]}
    failure = {
        "message": "declined",
        "stackTrace": "at emil",
        "applicationFailureInfo": {"type": "E", "details": carried},
    }
    one = carried["payloads"][0]
    said = {"input": carried, "header": {"fields": {"h": one}}, "workflowType": {"name": "Refund"}, "failure": failure}
    said |= {"searchAttributes": {"indexedFields": {"OrderId": one, "Email": one}}, "memo": {"fields": {"a": one}}}
    event = {"eventId": "1", "workflowExecutionStartedEventAttributes": said, "userMetadata": {"summary": one}}
    fake = started("temporal", 1)
    fake._events = lambda _: [event]  # type: ignore[attr-defined]
    bare, whole = MemoryInlet(), MemoryInlet()
    run(made("temporal", fake, search_attributes=["OrderId"]), bare)
    run(made("temporal", fake, payloads=True), whole)
    assert newest(whole) == wanted(fake)
    (document,) = newest(bare).values()
    assert document["events"][0] == {
        "eventId": "1",
        "workflowExecutionStartedEventAttributes": {
            "workflowType": {"name": "Refund"},
            "failure": {"message": "declined", "applicationFailureInfo": {"type": "E"}},
            "searchAttributes": {"indexedFields": {"OrderId": one}},
            "memo": {"fields": {}},
        },
        "userMetadata": {},
    }


def test_pages_that_go_round_end_and_more_than_is_listed_at_once_is_gone_on_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = started("n8n", 4)
    real = fake.found
    fake.found = lambda path, _: {**real(path, {"limit": 3}), "nextCursor": "round"}  # type: ignore[method-assign]
    with pytest.raises(CollectorError, match="round in a circle"):
        run(made("n8n", fake), MemoryInlet())
    monkeypatch.setattr(engine_collector, "MOST_LISTED", 3)
    for kind in KINDS:
        many, inlet = KINDS[kind][0](), MemoryInlet()
        for _ in range(11):
            many.start(state="ended")
            many.pass_time(1)
        many.pass_time(100)
        run(made(kind, many, overlap_s=0), inlet, 8)
        assert newest(inlet) == wanted(many)
