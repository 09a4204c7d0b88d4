"""What the pages say about a small log, without a browser, and how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from page_parts import EVIL, LONG, TENANT, addresses, parts, text

from dashboards.cache import Reader, Remembered
from dashboards.layout import FULL_LENGTH
from dashboards.pages import case, cases, filters, head, map, map_panel, timeline, variants
from dashboards.pages.reading import read
from dashboards.url_state import PageState, link, parse
from kernel.errors import InputError
from kernel.process import Processes
from kernel.warehouse import Warehouse
from mining.cases import ORDERS
from mining.view import Views


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


def test_an_unknown_process_leads_to_one_that_is_there(reader: Reader) -> None:
    assert "/map" in addresses(head.head_of(reader, "/map", "?process=gone&activity=Pay"))
    assert "/map?process=small" in addresses(head.head_of(reader, "/map", "?process=small&activity=Payed"))


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
    panel = map_panel.panel_of(found, {"source": "Pay", "target": "Ship"})
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
    assert said in text(map_panel.panel_of(read(reader, "?process=small"), selected))


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
        map_panel.panel_of(found, {"activity": LONG}),
        map_panel.panel_of(found, {"source": EVIL, "target": LONG}),
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


def test_a_long_case_is_read_page_by_page(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "PAGE_EVENTS", 2)
    first = case.case_of(reader, "?process=small&case=c3&since=2026-01-01")
    assert "Events 1 to 2 of 3" in text(first)
    assert "3 events in 11h · 1 late wait" in text(first)
    assert addresses(first).count("/case?process=small&case=c3&page=2&since=2026-01-01") >= 2
    assert "/case?process=small&case=c3&since=2026-01-01" not in addresses(first)[1:3]
    second = case.case_of(reader, "?process=small&case=c3&page=2&since=2026-01-01")
    assert "Events 3 to 3 of 3" in text(second)
    assert "Late: 10h" in text(second)
    assert "Late: 10h" not in text(first)
    assert addresses(second)[0] == "/cases?process=small&since=2026-01-01"
    assert not any("page=3" in address for address in addresses(second))
    beyond = case.case_of(reader, "?process=small&case=c3&page=9")
    assert "There is no page 9" in text(beyond)
    assert "/case?process=small&case=c3&page=2" in addresses(beyond)


def test_every_order_of_cases_has_a_header_and_a_choice() -> None:
    headers = [column["headerComponentParams"]["orders"] for column in cases.COLUMNS if "headerComponent" in column]
    assert sorted(order.partition(":")[0] for orders in headers for order in orders) == sorted(ORDERS)
    assert sorted(order for order, _ in cases.ORDERS) == sorted(ORDERS)
