"""The pages without a browser: what they say about a small log, how they fail, and what the server around them does."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashboards import cache
from dashboards.app import csp_hashes, mount
from dashboards.cache import Reader, Remembered
from dashboards.figures import Wait, chevrons, stretches, time_strip, waits_of
from dashboards.layout import FULL_LENGTH, words
from dashboards.pages import case, filters, head, map, variants
from dashboards.pages.reading import read
from dashboards.url_state import PageState, link, parse
from ingest.load import Load, LoadRequest
from ingest.mapping import Mapping
from kernel.clock import FixedClock
from kernel.errors import InputError
from kernel.process import Processes, read_process
from kernel.warehouse import Warehouse
from mining.attribute_values import attribute_values
from mining.cases import cases as cases_of
from mining.filters import EVERYTHING
from mining.projection import refresh
from mining.view import Views

TENANT = "pages"
EVIL = '<img src=x onerror="alert(1)">'
LONG = "very-long" * 1_200
DEFINITION = """
title: Small orders
object_type: case:small
end: [Ship, Cancel]
targets:
- {source: Pay, target: Ship, within: 1h}
case_attributes:
- {name: channel}
- {name: note}
"""
PATHS = {  # case: (activities with hours, channel)
    "c1": ([("Order", 0), ("Pay", 1), ("Ship", 2)], "web"),
    "c2": ([("Order", 0), ("Pay", 1), ("Ship", 4)], "web"),
    "c3": ([("Order", 0), ("Pay", 1), ("Ship", 11)], "store"),
    "c4": ([("Order", 0), ("Cancel", 30)], "store"),
    "c5": ([("Order", 0), (EVIL, 2), (LONG, 3)], EVIL),
    EVIL: ([("Order", 0), ("line\nbreak", 2)], LONG),
}


@pytest.fixture(scope="module")
def views(warehouse: Warehouse, clock: FixedClock, tmp_path_factory: pytest.TempPathFactory) -> Views:
    """Six small cases of one process, two of them hostile, and a second process that has no events."""
    home = tmp_path_factory.mktemp("pages")
    processes = Processes(home, TENANT)
    processes.folder.mkdir(parents=True)
    (processes.folder / "small.yaml").write_text(f"id: small{DEFINITION}", encoding="utf-8")
    (processes.folder / "void.yaml").write_text("id: void\nobject_type: case:void\n", encoding="utf-8")
    rows = [
        {"case_id": name, "activity": activity, "timestamp": f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}
        | {"channel": channel, "note": "same"}
        for name, (path, channel) in PATHS.items()
        for activity, hour in path
    ]
    pl.DataFrame(rows).write_csv(home / "small.csv")
    request = LoadRequest(home / "small.csv", "small", TENANT, mapping=Mapping(timezone="UTC"), accept_guess=True)
    Load(warehouse, clock, request).run()
    refresh(warehouse, clock, TENANT, read_process(processes.folder / "small.yaml"))
    return Views(warehouse, TENANT, processes)


@pytest.fixture
def reader(views: Views) -> Reader:
    return Reader(views, Remembered())


def parts(component: Any) -> Iterator[Any]:
    """Every component and every text of a tree, in order."""
    if isinstance(component, list | tuple):
        for part in component:
            yield from parts(part)
    elif component is not None:
        yield component
        yield from parts(getattr(component, "children", None))


def text(component: Any) -> str:
    return "".join(str(part) for part in parts(component) if isinstance(part, str | int | float))


def addresses(component: Any) -> list[str]:
    return [part.href for part in parts(component) if hasattr(part, "href")]


# ---- what the pages say ----


def test_the_head_counts_and_leads_to_the_cases(reader: Reader) -> None:
    shown = head.head_of(reader, "/map", "?process=small")
    said = text(shown)
    assert "Where does work wait?" in said
    assert "all 6 cases" in said
    assert "data as of 2 Jan 2026, 06:00 UTC" in said
    assert "/cases?process=small&order=oldest&state=open" in addresses(shown)


def test_a_filter_changes_the_numbers_and_can_be_taken_away(reader: Reader) -> None:
    shown = head.head_of(reader, "/cases", "?process=small&case_attr=channel%3Dweb&edge_source=Pay&edge_target=Ship")
    assert "2 of 6 cases (33.3 %)" in text(shown)
    assert "channel: web" in text(shown)
    assert "Step: Pay → Ship" in text(shown)
    assert "/cases?process=small&case_attr=channel%3Dweb" in addresses(shown)
    assert "/cases?process=small" in addresses(shown)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("?process=smal", "no process 'smal' (did you mean small"),
        ("?process=small&activity=Payed", "did you mean Pay"),
        ("?process=small&case_attr=chanel%3Dweb", "did you mean channel"),
        ("?process=small&min_duration=4x", "min_duration"),
        ("?proces=small", "did you mean process"),
        ("?process=%00", "no process"),
        ("?process=..%2F..%2Fetc", "no process"),
        ("?process=small&variant=0123456789abcdef", "No case matches"),
        ("?process=void", "gembascope ingest FILE --process void"),
    ],
)
def test_a_wrong_address_is_answered_with_a_sentence(reader: Reader, search: str, said: str) -> None:
    for path in ("/", "/map", "/variants", "/cases"):
        assert said in text(head.head_of(reader, path, search))


def test_without_any_process_the_page_says_what_to_type(warehouse: Warehouse, tmp_path: Path) -> None:
    empty = Reader(Views(warehouse, TENANT, Processes(tmp_path, TENANT)), Remembered())
    for said in (text(head.head_of(empty, "/", "")), text(case.case_of(empty, "?case=x"))):
        assert "gembascope ingest FILE --process ID" in said
        assert "gembascope demo" in said


def test_the_ranking_names_the_steps_that_lose_most(reader: Reader) -> None:
    found = read(reader, "?process=small")
    ranking = map.ranking_of(found)
    buttons = [part for part in parts(ranking) if getattr(part, "className", "") == "pick ranked"]
    waited = {(row["source"], row["target"]): row for row in found.asked.bottlenecks().to_dicts()}
    # Pay -> Ship has a target of 1h and waits of 1h, 3h and 10h; Order -> Cancel is held against the median, 2h.
    assert waited["Pay", "Ship"]["hours_over_target"] == pytest.approx(11)
    assert text(buttons[0]).startswith("1Order → Cancel")
    assert text(buttons[1]).startswith("2Pay → Ship")
    assert "11 hours over target in 3 cases" in text(buttons[1])


def test_the_panel_of_a_step(reader: Reader) -> None:
    found = read(reader, "?process=small&view=frequency")
    panel = map.panel_of(found, {"source": "Pay", "target": "Ship"})
    said = text(panel)
    for fact in ("Moves3", "Cases350.0 % of the selected cases", "Median wait3h", "Mean wait4h 40m", "target 1h"):
        assert fact in said
    assert addresses(panel)[-1] == "/cases?process=small&edge_source=Pay&edge_target=Ship"
    assert addresses(panel)[0] == "/case?process=small&view=frequency&case=c3"
    assert "All 3 cases with this step" in said


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        ({"activity": "Order"}, "All 6 cases with this activity"),
        ({"source": None, "target": "Order"}, "begin here"),
        ({"source": "Ship", "target": None}, "end here"),
        ({"source": "Ship", "target": "Order"}, "No selected case takes this step"),
        ({"activity": "gone"}, "No selected case holds this activity"),
        ({"activity": 7, "source": ["a"]}, ""),
    ],
)
def test_the_panel_of_anything_else(reader: Reader, selected: dict[str, Any], said: str) -> None:
    assert said in text(map.panel_of(read(reader, "?process=small"), selected))


def test_variants_are_ranked_and_counted(reader: Reader) -> None:
    shown = variants.list_of(read(reader, "?process=small&top=2"))
    said = text(shown)
    assert "2 of 4 variants, 66.7 % of the 6 cases" in said
    assert "Show 2 more" in said
    assert any(address.startswith("/map?process=small&variant=") for address in addresses(shown))


def test_a_case_tells_late_waits_and_what_repeats_the_case_only_once(reader: Reader) -> None:
    shown = case.case_of(reader, "?process=small&case=c3&since=2026-01-01")
    said = text(shown)
    assert "What happened to c3?" in said
    assert "Late: 10h" in said
    assert "95 of 100 take up to 9h 18m" in said
    assert said.count("store") == 1
    assert "/cases?process=small&since=2026-01-01" in addresses(shown)


@pytest.mark.parametrize("name", ["nothing", "%00", "c1%0A"])
def test_a_case_that_is_not_there_is_a_sentence(reader: Reader, name: str) -> None:
    assert "has no case" in text(case.case_of(reader, f"?process=small&case={name}"))


def test_hostile_names_are_text_and_short_everywhere(reader: Reader) -> None:
    """All leaves are text: Dash sets them as text nodes. Nothing long stands open."""
    found = read(reader, "?process=small")
    evil = PageState("small").with_filters(("activity", EVIL), ("case_attr", f"channel={LONG}"))
    trees = [
        head.head_of(reader, "/cases", link("", evil)),
        map.ranking_of(found),
        map.panel_of(found, {"activity": LONG}),
        map.panel_of(found, {"source": EVIL, "target": LONG}),
        variants.list_of(found),
        case.case_of(reader, link("", PageState("small", case=EVIL))),
        case.case_of(reader, "?process=small&case=c5"),
        filters.form(found),
    ]
    for tree in trees:
        for part in parts(tree):
            assert isinstance(part, str | int | float) or hasattr(part, "_type"), part
            # What is longer stands folded, inside <details>.
            assert not isinstance(part, str) or len(part) < 200 or part in (LONG, LONG[:FULL_LENGTH])
    assert EVIL in text(trees[2:])


def test_the_form_becomes_an_address() -> None:
    state = parse("?process=small&variant=0123456789abcdef&activity=Old&view=frequency")
    given_values = {"since": "2026-01-01", "until": "", "anchor": "ended", "min_duration": " 2h ", "activity": ["Pay"]}
    made = filters.state_of_form(state, given_values | {"state": [], "case_attr": ["channel=web", "channel=store"]})
    assert made.view == "frequency"
    assert made.filters == (
        ("since", "2026-01-01"),
        ("min_duration", "2h"),
        ("anchor", "ended"),
        ("case_attr", "channel=web"),
        ("case_attr", "channel=store"),
        ("activity", "Pay"),
        ("variant", "0123456789abcdef"),
    )
    assert filters.state_of_form(state, {"anchor": "ended"}).filters == (("variant", "0123456789abcdef"),)
    with pytest.raises(InputError, match="min_duration"):
        filters.state_of_form(state, {"min_duration": "soon"})


def test_attribute_values_are_the_commonest(views: Views) -> None:
    rows = attribute_values(views.view("small"), top=2).rows()
    assert rows == [
        ("channel", "store", 2, 4),
        ("channel", "web", 2, 4),
        ("note", "same", 6, 1),
    ]


def test_blocks_of_cases_are_the_list(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in turn, read by a jump with nothing remembered, or read beyond the end: the same list."""
    monkeypatch.setattr(cache, "BLOCK", 2)
    for order in ("longest", "newest", "events"):
        whole = cases_of(reader.views.view("small"), EVERYTHING, order_by=order, page=100).cases["case"].to_list()
        asked = reader.ask("small")
        in_turn = [asked.block(order, start).cases["case"].to_list() for start in (0, 2, 4)]
        assert [name for block in in_turn for name in block] == whole
        jumped = Reader(reader.views, Remembered()).ask("small").block(order, 4)
        assert jumped.cases["case"].to_list() == whole[4:]
        assert jumped.next is None
        assert asked.block(order, 8).cases.is_empty()


# ---- drawings ----


def test_a_path_takes_repetitions_together_and_folds_what_is_long() -> None:
    assert [(part.activity, part.times) for part in stretches(["A", "B", "B", "A"])] == [("A", 1), ("B", 2), ("A", 1)]
    drawn = chevrons([f"step {number}" for number in range(30)] + ["step 29"], frozenset({"step 0"}))
    assert "6 more steps" in text(drawn)
    assert "step 29 ×2" in text(drawn)


@given(st.lists(st.sampled_from("ABC"), max_size=12))
def test_stretches_keep_every_event(path: list[str]) -> None:
    assert [part.activity for part in stretches(path) for _ in range(part.times)] == path


def test_a_wait_is_late_beyond_the_usual_and_never_when_unknown() -> None:
    events: list[dict[str, Any]] = [
        {"activity": "A", "wait_s": None},
        {"activity": "B", "wait_s": 10.0},
        {"activity": "B", "wait_s": None},
    ]
    waits = waits_of(events, {("A", "B"): 9.0, ("B", "B"): 1.0})
    assert [wait.late for wait in waits] == [False, True, False]
    assert not Wait(10.0, 10.0).late
    assert time_strip([], []) is None


@given(st.text(max_size=400))
def test_words_are_one_short_line(value: str) -> None:
    shown = words(value, 40)
    assert 0 < len(shown) <= 40
    assert not set(shown) & set("\n\r\t\x00\u202e\u2066")


# ---- what is remembered ----


def test_an_answer_is_made_once_and_the_oldest_is_forgotten() -> None:
    kept, made = Remembered(most=2), []

    def make(name: str) -> Callable[[], str]:
        return lambda: made.append(name) or name  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(name, make(name)) == name
    assert made == ["a", "b", "c", "b"]
    assert len(kept) == 2


def test_an_error_is_not_remembered() -> None:
    kept = Remembered()
    with pytest.raises(ZeroDivisionError):
        kept.get("x", lambda: 1 // 0)
    assert kept.get("x", lambda: 7) == 7


def test_two_who_ask_the_same_wait_for_one_answer() -> None:
    kept, made, begun, go = Remembered(), [], threading.Event(), threading.Event()

    def slow() -> str:
        made.append(threading.get_ident())
        begun.set()
        assert go.wait(30)
        return "answer"

    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("x", slow))) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert found == ["answer"] * 3
    assert len(made) == 1


def test_answers_of_other_data_or_another_definition_are_not_taken(reader: Reader) -> None:
    asked = reader.ask("small")
    others = [
        replace(asked, version=asked.version + 1),
        replace(asked, view=replace(asked.view, tenant="other")),
        replace(asked, view=replace(asked.view, definition=asked.view.definition.model_copy(update={"targets": ()}))),
        asked.with_edge("Pay", "Ship"),
    ]
    keys = [one._key("summary") for one in (asked, *others)]
    assert len(set(keys)) == 5


# ---- the server around them ----


class Closed:
    """A gate that lets nobody in and reads nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (b"x-open", b"yes") not in scope["headers"]:
            await PlainTextResponse("closed", 401)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class Client:
    """Requests to an app without a socket; each runs on an event loop of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            headers = {"x-open": "yes"} | more.pop("headers", {})
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://pages.test") as opened:
                return await opened.request(method, path, headers=headers, **more)

        return asyncio.run(ask())

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)


@pytest.fixture(scope="module")
def client(views: Views) -> Client:
    app = FastAPI()

    @app.get("/api/v1/there")
    def there() -> dict[str, str]:
        return {"status": "ok"}

    app.add_middleware(Closed)
    mount(app, views, title="Trial")
    return Client(app)


@pytest.mark.parametrize("path", ["/", "/map", "/variants", "/cases", "/case?case=x"])
def test_a_page_starts_the_application(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "/assets/app.js" in answer.text
    assert "<title>Trial</title>" in answer.text


@pytest.mark.parametrize("path", ["/api/typo", "/api/v1/typo", "/nothing", "/mapp"])
def test_an_unknown_address_stays_with_the_api(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_the_api_is_still_there(client: Client) -> None:
    assert client.get("/api/v1/there").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/_dash-update-component", "/", "/_dash-layout"])
def test_the_gate_stands_before_the_pages(client: Client, path: str) -> None:
    """Whom the gate refuses, nobody listens to: not a byte of the body is read."""
    answers: list[Any] = []
    read_by: list[str] = []

    async def receive() -> Any:
        read_by.append(path)
        return {"type": "http.request", "body": b"{}"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        "type": "http",
        "method": "POST" if "update" in path else "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"host", b"pages.test")],
    }
    asyncio.run(client.app(scope, receive, send))
    assert answers[0]["status"] == 401
    assert read_by == []


@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"output": "x.y"}', '{"output": []}', "null"])
def test_a_body_that_is_no_callback_is_refused(client: Client, body: str) -> None:
    answer = client.post("/_dash-update-component", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert client.post("/_dash-update-component", content=body).status_code == 400


def call_head(client: Client, search: str) -> Any:
    body = {
        "output": "head.children",
        "outputs": {"id": "head", "property": "children"},
        "inputs": [{"id": "url", "property": "search", "value": search}],
        "changedPropIds": [],
        "state": [{"id": "url", "property": "pathname", "value": "/map"}],
    }
    return client.post("/_dash-update-component", json=body)


def test_a_callback_answers_json_off_the_event_loop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    real = head.head_of

    def watched(*given_values: Any) -> Any:
        threads.append(threading.current_thread().name)
        return real(*given_values)

    monkeypatch.setattr(head, "head_of", watched)
    answer = call_head(client, "?process=small")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert "Where does work wait?" in answer.text
    assert all("AnyIO worker thread" in name for name in threads)
    assert threads


def test_component_scripts_are_packed_once_and_kept_by_the_browser(client: Client) -> None:
    page = client.get("/").text
    address = next(part for part in page.split('"') if "dash_mantine_components.v" in part)
    answer = client.get(address, headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "max-age=31536000" in answer.headers["cache-control"]
    plain = client.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content


def test_inline_scripts_have_hashes(client: Client) -> None:
    hashes = csp_hashes(client.app)
    assert hashes == client.app.state.csp_script_hashes
    assert hashes
    assert all(one.startswith("'sha256-") for one in hashes)


def test_the_frame_loads_nothing_from_elsewhere(client: Client) -> None:
    named = re.findall(r"""(?:src|href)=["']?([^"'> ]+)""", client.get("/").text)
    assert named
    assert all(address.startswith("/") and not address.startswith("//") for address in named)
