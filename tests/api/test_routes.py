"""The routes: the documents of mining.answers under their addresses, errors as problem documents, their description."""

from __future__ import annotations

import asyncio
import io
import json
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import polars as pl
import pytest
from doors import LOCAL, bearer, directory, rules
from logs import PROCESS, happened, process, stored, whiteboard
from logs import frame as frame_of
from polars.testing import assert_frame_equal
from running_api import running

from api import routes
from api.app import create_app
from api.routes.events import ARROW, BATCH_ROWS, arrow_stream
from kernel.clock import Clock
from kernel.process import Processes, write_process
from kernel.warehouse import Warehouse
from mining.answers import ANSWERS, OPTIONS
from mining.filters import FILTER_WORDS, read_filter
from mining.selected_events import case_attributes, selected_events
from mining.view import ProcessView, Views

TENANT = "routes"
BEARER = bearer(LOCAL)
STRANGE = ("..", ".", "a/b", "100% #1?", " ", "Ärger+2", "\u202eabc", "<b>")
"""Case ids that an address makes hard."""


@pytest.fixture(scope="module")
def view(warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> ProcessView:
    told = [*whiteboard("A B C", "A C B C", "A"), *(happened("A", "1d", name) for name in STRANGE)]
    return stored(warehouse, clock, TENANT, frame_of(told), definition=process(end=("C",)))


@pytest.fixture(scope="module")
def app(
    view: ProcessView, warehouse: Warehouse, clock: Clock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder = Processes(tmp_path_factory.mktemp("home"), TENANT)
    write_process(folder.folder, view.definition)
    views = Views(warehouse, TENANT, folder)
    uploads = tmp_path_factory.mktemp("uploads")
    with directory(tmp_path_factory.mktemp("people"), clock, TENANT) as people:
        yield create_app(views, clock, rules(people), upload_folder=uploads)


@pytest.fixture(scope="module")
def api(app: Any) -> Iterator[httpx.Client]:
    with (
        running(app) as url,
        httpx.Client(base_url=f"{url}/api/v1", trust_env=False, headers=BEARER, timeout=120) as client,
    ):
        yield client


def problem(answer: httpx.Response, status: int, reason: str) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    content = answer.json()
    assert content["type"] == f"urn:gembascope:problem:{reason}"
    return str(content["detail"])


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_answer_is_the_document_of_its_command(api: httpx.Client, view: ProcessView, name: str) -> None:
    words = {"activity": ["C"], "min_duration": ["2m"]}
    found = api.get(f"/processes/{PROCESS}/{name}", params=words)
    assert found.status_code == 200, found.text
    expected = msgspec.json.decode(msgspec.json.encode(ANSWERS[name](view, read_filter(words), {})))
    document = found.json()
    if name == "discover":  # its PNML and BPMN name their elements anew every time
        document, expected = document["process_tree"], expected["process_tree"]
    assert document == expected


@pytest.mark.parametrize("name", ["events", "case-attributes"])
def test_frames_come_as_arrow(api: httpx.Client, view: ProcessView, name: str) -> None:
    read = {"events": selected_events, "case-attributes": case_attributes}[name]
    for words in ({}, {"activity": ["C"]}, {"since": ["2100-01-01"]}):
        answer = api.get(f"/processes/{PROCESS}/{name}", params=words)
        assert answer.headers["content-type"] == ARROW
        assert_frame_equal(pl.read_ipc_stream(answer.content), read(view, read_filter(words)))


@pytest.mark.parametrize("rows", [0, 1, BATCH_ROWS, BATCH_ROWS + 1])
def test_a_stream_holds_every_row(rows: int) -> None:
    numbers = pl.Series("n", range(rows), dtype=pl.Int64)
    frame = pl.DataFrame([numbers, pl.Series("text", ["ä"] * rows, dtype=pl.String)])
    pieces = list(arrow_stream(frame))
    assert_frame_equal(pl.read_ipc_stream(io.BytesIO(b"".join(pieces))), frame)
    assert len(pieces) == -(-rows // BATCH_ROWS) + 1


def test_cases_with_names_that_an_address_makes_hard(api: httpx.Client) -> None:
    for name in STRANGE:
        found = api.get(f"/processes/{PROCESS}/cases/{quote(name, safe='').replace('.', '%2E')}")
        assert found.status_code == 200, (name, found.text)
        assert found.json()["case"] == name


def test_what_is_not_there_is_a_404_that_says_what_is(api: httpx.Client) -> None:
    assert "there are: p" in problem(api.get("/processes/q/map"), 404, "not_found")
    assert "there are: p" in problem(api.get("/processes/q/events"), 404, "not_found")
    assert "no case 'none'" in problem(api.get(f"/processes/{PROCESS}/cases/none"), 404, "not_found")
    found = api.get(f"/processes/{PROCESS}/map", params={"activity": "a"})
    assert "there are: A, B, C" in problem(found, 404, "not_found")
    problem(api.get("/nothing"), 404, "http")
    problem(api.get(f"/processes/{quote('../p', safe='')}/map"), 404, "http")
    problem(api.put("/processes"), 405, "http")


@pytest.mark.parametrize(
    ("path", "query", "sentence"),
    [
        ("map", "since=yesterday", "since: 'yesterday' is not a time such as 2026-01-31 or 2026-01-31T08:00:00Z"),
        ("map", "since=2026-01-31T08:00:00", "has no zone"),
        ("map", "since=2026-01-02&until=2026-01-01", "until must be after since"),
        ("map", "since=2026-01-02&since=2026-01-03", "since: given 2 times"),
        ("map", "anchor=finished", "anchor: 'finished' is not one of started, ended, active, due"),
        ("map", "anchor=due&since=2026-01-02", "anchor due: p has no promise"),
        ("map", "case_attr=region", "case-attr: 'region' is not of the form NAME=VALUE"),
        ("map", "min_duration=4", "min_duration: '4' is not a duration"),
        ("map", "edge_source=A", "edge_source and edge_target go together"),
        ("map", "state=done", "state: 'done' is not one of open, complete, unknown"),
        ("map", "variant=1", "variant: '1' is not an id of 16 hex digits"),
        ("map", "activty=A", "activty: not a filter or option of this address"),
        ("map", "top=3", "top: not a filter or option of this address"),
        ("events", "top=3", "top: not a filter or option of this address"),
        ("events", "since=yesterday", "since: 'yesterday' is not a time"),
        ("variants", "top=0", "top: '0' is not a whole number from 1 to"),
        ("cases", "limit=10001", "limit: '10001' is not a whole number from 1 to 10000"),
        ("cases", "order=random", "order: 'random' is not one of longest"),
        ("cases", "next=x", "next: not a cursor of this list"),
        ("handover", "between=teams", "between: 'teams' is not one of actors, sources"),
        ("discover", "noise=much", "noise: 'much' is not a number from 0 to 1"),
    ],
)
def test_a_wrong_filter_is_a_422_with_the_sentence(api: httpx.Client, path: str, query: str, sentence: str) -> None:
    assert sentence in problem(api.get(f"/processes/{PROCESS}/{path}?{query}"), 422, "input")


def test_a_file_comes_in_and_what_is_bad_of_it_is_kept_with_its_reason(api: httpx.Client, app: Any) -> None:
    rows = "case,activity,time\n1,A,2024-01-01T00:00:00Z\n1,B,2024-01-01T00:01:00Z\n1,B,never\n"
    options = {"process": "loaded", "file_name": "../../events.csv", "accept_guess": True}
    answer = api.post("/ingest", params={"options": json.dumps(options)}, content=rows.encode())
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    result = lines[-1]["result"]
    assert all(set(line) == {"phase", "done", "total"} for line in lines[:-1])
    assert (result["received"], result["stored"], result["quarantined"]) == (3, 2, 1)
    assert result["processes"] == ["loaded"]
    assert api.get("/processes/loaded/log").json()["events"] == 2
    assert list(app.state.upload_folder.iterdir()) == []
    found = api.get("/quarantine", params={"source": "loaded", "limit": 1}).json()
    assert [reason["pieces"] for reason in found["reasons"]] == [1]
    assert found["entries"][0]["file_name"] == "../../events.csv"
    assert "never" in found["entries"][0]["raw"]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"process": "loaded", "file_name": "a.csv"}, "MappingError"),
        ({"process": "Not An Id", "file_name": "a.csv"}, "InputError"),
        ({"process": "loaded", "file_name": "a.xes", "format": "xes"}, "UnreadableFile"),
    ],
)
def test_a_load_that_fails_says_so_in_its_last_line(
    api: httpx.Client, app: Any, options: dict[str, str], error: str
) -> None:
    answer = api.post("/ingest", params={"options": json.dumps(options)}, content=b"a,b\n1,2\n")
    last = json.loads(answer.text.splitlines()[-1])
    assert last["error"] == error
    assert last["detail"]
    assert list(app.state.upload_folder.iterdir()) == []


def test_a_client_that_goes_away_leaves_no_file_behind(app: Any) -> None:
    """The load ends without it, and its upload is cleared away."""
    rows = b"case,activity,time\n1,A,2024-01-01T00:00:00Z\n"
    address = f"/api/v1/ingest?options={quote(json.dumps({'process': 'left', 'accept_guess': True}))}"
    said: list[Any] = []

    async def go() -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/v1/ingest",
            "query_string": address.partition("?")[2].encode(),
            "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer " + LOCAL.encode())],
        }
        told = iter([{"type": "http.request", "body": rows}])

        async def receive() -> Any:
            return next(told, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            said.append(message)

        await app(scope, receive, send)
        await asyncio.gather(*app.state.loads)

    asyncio.run(go())
    assert said[0]["status"] == 200
    assert list(app.state.upload_folder.iterdir()) == []
    assert app.state.loads == set()
    assert ANSWERS["log"](app.state.views.view("left"), read_filter({}), {})["events"] == 1


def test_a_load_with_wrong_options_does_not_begin(api: httpx.Client) -> None:
    problem(api.post("/ingest", params={"options": '{"process": 5}'}, content=b""), 422, "input")
    problem(api.post("/ingest", params={"options": '{"process":"p","pseudonymise_actors":true}'}), 422, "input")
    problem(api.post("/ingest", content=b""), 422, "input")
    problem(api.get("/quarantine", params={"limit": 0}), 422, "input")


def test_the_description_lists_every_address_with_its_filters(api: httpx.Client, app: Any) -> None:
    description = httpx.get(api.base_url.join("/api/openapi.json"), trust_env=False).json()
    names = [found.name for found in pkgutil.iter_modules(routes.__path__)]
    routers = [app.router, *(import_module(f"api.routes.{name}").router for name in names)]
    served = {
        route.path_format for router in routers for route in router.routes if getattr(route, "include_in_schema", False)
    }
    assert served == set(description["paths"])
    assert {f"/api/v1/processes/{{process}}/{name}" for name in (*ANSWERS, "events", "case-attributes")} <= served
    for name in (*ANSWERS, "events", "case-attributes"):
        operation = description["paths"][f"/api/v1/processes/{{process}}/{name}"]["get"]
        told = [item["name"] for item in operation["parameters"]]
        assert sorted(told) == sorted({"process", *FILTER_WORDS, *OPTIONS.get(name, ())})
    for methods in description["paths"].values():
        assert all(operation["summary"].endswith((".", "`.")) for operation in methods.values())


def test_the_reference_page_asks_no_other_host_for_anything(api: httpx.Client) -> None:
    page = httpx.get(api.base_url.join("/api/docs"), trust_env=False)
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"https?://|//[a-z]|@import|url\(", page.text)
    assert "<script" not in page.text
    assert all(f"/api/v1/processes/{{process}}/{name}" in page.text for name in ANSWERS)


def test_health_says_which_service_answers_and_whether_the_warehouse_does(api: httpx.Client) -> None:
    assert httpx.get(api.base_url.join("/healthz"), trust_env=False).json() == {"status": "ok", "instance": ""}
    assert httpx.get(api.base_url.join("/readyz"), trust_env=False).json() == {"status": "ready"}
