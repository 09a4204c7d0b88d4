"""Events sent by command, SDK and HTTP, through the real service and without one."""

from __future__ import annotations

import gzip
import json
import math
import time
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest
from running_service import asked, run, serving
from sent_events import event, numbered

import gembascope as gs
from gembascope.sending import BODY_EVENTS, bodies, events_of_file, events_of_rows, summed
from gembascope.service import FILE
from gembascope.workspace import LocalWorkspace
from kernel.clock import Clock
from kernel.errors import InputError, UnreadableFile
from kernel.process import ProcessDefinition, Processes, write_process
from kernel.settings import load_settings
from kernel.warehouse import Warehouse

RETURNS = ProcessDefinition(id="returns", object_type="return")


def until(found: Callable[[], bool]) -> None:
    """Ask until it is so; a minute is more than any machine needs."""
    ended = time.monotonic() + 60
    while not found():
        assert time.monotonic() < ended


def test_an_event_that_was_acknowledged_shows_in_its_case(tmp_path: Path) -> None:
    """Through the service: by HTTP, by command and by the SDK. Without it: by command. What waits when it ends is
    loaded before it ends."""
    home, file = tmp_path / "home", tmp_path / "events.ndjson"
    write_process(Processes(home, "local").folder, RETURNS)
    with serving(home) as (url, process), gs.connect(home) as ws:
        token = json.loads((home / FILE).read_text())["token"]
        headers = {"Authorization": f"Bearer {token}"}

        def of_case(case: str) -> list[str]:
            known = ws.process("returns").cases(limit=None)["case"].to_list()
            return ws.process("returns").case(case).events["activity"].to_list() if case in known else []

        answer = httpx.post(f"{url}/api/v1/events?source=shop", content=numbered([1]), headers=headers, trust_env=False)
        assert answer.status_code == 202
        until(lambda: of_case("R1") == ["Return requested"])

        file.write_text(json.dumps(event(11, activity="Return received", source="wms")) + "\n\n{}\n")
        found = asked(home, "send", str(file), "--source", "crm")
        assert (found["received"], found["accepted"], len(found["receipts"])) == (2, 1, 1)
        assert [(one["index"], one["reason"]) for one in found["quarantined"]] == [
            (1, "Object missing required field `id`")
        ]
        until(lambda: len(of_case("R1")) == 2)

        frame = pl.DataFrame([event(21, occurred_at=datetime(2026, 2, 9, tzinfo=timezone.utc), value=Decimal("1.5"))])
        sent = ws.send(frame, source="erp")
        assert (sent.received, sent.accepted, sent.quarantined.height) == (1, 1, 0)
        until(lambda: len(of_case("R1")) == 3)

        ws.send([event(2)], source="shop")
        process.terminate()
        process.wait(60)
    assert asked(home, "case", "returns", "R2")["events"][0]["activity"] == "Return requested"
    file.write_text("[{}]")
    done = run(home, "send", str(file))
    assert done.stdout.splitlines() == [
        "events.ndjson: 1 received, 0 accepted, 1 quarantined",
        "event 0 : Object missing required field `id`",
    ]
    assert (done.returncode, done.stderr) == (4, "gembascope: every event is in quarantine: nothing could be kept\n")


def test_the_sdk_sends_to_a_home_that_it_opens_itself(
    warehouse: Warehouse, clock: Clock, tmp_path: Path, tenant: str
) -> None:
    write_process(Processes(tmp_path, tenant).folder, RETURNS)
    settings = load_settings(home=tmp_path, tenant=tenant)
    with gs.Workspace(LocalWorkspace(settings, clock, warehouse)) as ws:
        sent = ws.send([event(31), event(32, activity="")], source="shop")
        assert sent.quarantined.rows() == [(1, "e32", "Expected `str` of length >= 1 - at `$.activity`")]
        assert (sent.received, sent.accepted, len(sent.receipts)) == (2, 1, 1)
        assert len(ws.process("returns").case("R1").events) == 1


def test_the_events_of_a_file_are_sent_as_they_are_written(tmp_path: Path) -> None:
    events = ['{"id": "1",  "x": 1.50}', "5"]
    for name, content in {
        "a.ndjson": "\n".join(events).encode(),
        "a.json": f" [{events[0]}, {events[1]}]\n".encode(),
        "b.json": f"[\n{events[0]},\n{events[1]}\n]".encode(),
        "a.json.gz": gzip.compress(f"[{events[0]},{events[1]}]".encode()),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert [found.decode() for found in events_of_file(path)] == events, name
    assert list(bodies(iter([]))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}\n{", "line 2 is no JSON: Input data was truncated"),
        ("[{}", "no JSON array of events: Input data was truncated"),
    ],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "events"
    path.write_text(content)
    with pytest.raises(UnreadableFile) as caught:
        list(events_of_file(path))
    assert str(caught.value) == f"{path}: {message}"
    with pytest.raises(UnreadableFile, match="there is no such file"):
        list(events_of_file(tmp_path / "none"))


def test_rows_become_events() -> None:
    rows = pl.DataFrame({"id": ["1"], "value": [Decimal("1.50")], "attributes": ['{"x":1}'], "actor": [None]})
    assert list(events_of_rows(rows)) == [b'{"id":"1","value":"1.50","attributes":{"x":1}}']
    for value in (math.nan, [1.0, -math.inf]):
        with pytest.raises(InputError, match="event 1: NaN and infinities are no numbers"):
            list(events_of_rows([{"id": "1"}, {"attributes": {"x": value}}]))
    unknown: list[dict[str, Any]] = [{"id": object()}]
    with pytest.raises(InputError, match="event 0: "):
        list(events_of_rows(unknown))


def test_many_events_are_several_requests() -> None:
    found = list(bodies(str(number).encode() for number in range(2 * BODY_EVENTS + 1)))
    assert [len(msgspec.json.decode(body)) for body in found] == [BODY_EVENTS, BODY_EVENTS, 1]
    assert len(list(bodies([b"x" * (6 << 20)] * 3))) == 3
    refused = {"index": 0, "id": "", "reason": "no"}
    answer = {"receipt": "r", "received": 2, "accepted": 1, "quarantined": [refused]}
    assert summed([answer, answer]) == {
        "received": 4,
        "accepted": 2,
        "quarantined": [refused, refused | {"index": 2}],
        "receipts": ["r", "r"],
    }
