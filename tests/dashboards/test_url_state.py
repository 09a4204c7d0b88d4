"""Addresses: what they mean, what they refuse, and that meaning survives the way there and back."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.url_state import DETAILS, PAGES, TOP_VARIANTS, VIEWS, PageState, canonical, link, parse, search_of
from kernel.errors import InputError
from mining.cases import ORDERS
from mining.filters import CaseFilter

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
PAIRS = st.one_of(
    st.tuples(st.just("activity"), TEXT),
    st.tuples(st.just("case_attr"), st.builds("{}={}".format, TEXT.filter(lambda name: "=" not in name), TEXT)),
    st.tuples(st.just("variant"), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
    st.tuples(st.just("state"), st.sampled_from(("open", "complete", "unknown"))),
    st.tuples(st.just("since"), st.just("2026-01-31")),
    st.tuples(st.just("min_duration"), st.just("4h")),
)
STATES = st.builds(
    PageState,
    process=st.one_of(st.just(""), TEXT),
    view=st.sampled_from(VIEWS),
    detail=st.one_of(st.none(), st.sampled_from(DETAILS)),
    order=st.sampled_from(ORDERS),
    top=st.sampled_from(TOP_VARIANTS),
    case=st.one_of(st.just(""), TEXT),
    page=st.sampled_from(PAGES),
    filters=st.lists(PAIRS, max_size=5, unique=True).map(tuple),
)


@given(STATES)
def test_an_address_gives_its_state_back(state: PageState) -> None:
    assert parse(search_of(state)) == state


@given(STATES)
def test_removing_a_filter_undoes_adding_it(state: PageState) -> None:
    added = state.with_filters(("activity", "an activity of its own, longer than thirty letters"))
    assert added.without_filter(added.filters[-1]) == state
    assert state.without_filters().filters == ()


@given(st.lists(PAIRS.filter(lambda pair: pair[0] not in ("since", "min_duration")), max_size=6))
def test_order_and_repetition_of_filters_mean_nothing(pairs: list[tuple[str, str]]) -> None:
    once = PageState(filters=tuple(pairs)).chosen
    assert PageState(filters=tuple([*reversed(pairs), *pairs])).chosen == once
    assert canonical(once) == once


def test_the_words_of_an_address() -> None:
    state = parse(
        "?process=o2c&view=frequency&detail=5&case_attr=channel%3Dweb&case_attr=channel%3Dstore&min_duration=2d"
    )
    assert (state.process, state.view, state.detail) == ("o2c", "frequency", 5)
    assert state.chosen == CaseFilter(
        attributes=(("channel", "store"), ("channel", "web")), min_duration=timedelta(days=2)
    )
    assert parse("") == parse("?") == parse(None) == PageState()
    assert link("/map", PageState()) == "/map"


def test_a_step_replaces_the_step_before() -> None:
    state = PageState().with_edge("A", "B").with_edge("B", "C & D")
    assert state.filters == (("edge_source", "B"), ("edge_target", "C & D"))
    assert parse(search_of(state)).chosen.edge == ("B", "C & D")
    assert state.without_filters("edge_source", "edge_target") == PageState()


def test_plus_and_percent_are_what_forms_send() -> None:
    assert parse("?activity=Order+placed").filters == (("activity", "Order placed"),)
    assert parse("?activity=a%2Bb").filters == (("activity", "a+b"),)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("?viw=time", "did you mean view"),
        ("?channel=web", "'channel'"),
        ("?view=speed", "view: 'speed'"),
        ("?detail=0", "detail: '0'"),
        ("?detail=six", "from 1 to 5"),
        ("?case=x&page=0", "page: '0'"),
        ("?detail=1&detail=2", "given twice"),
        ("?top=9999999999999", "from 1 to 1000"),
        ("?order=slowest", "order: 'slowest'"),
        ("?" + "&".join(["activity=a"] * 401), "more than 400"),
    ],
)
def test_a_wrong_word_is_told(search: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse(search)


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("?since=yesterday", "since: 'yesterday'"),
        ("?since=2026-02-01&until=2026-01-01", "until must be after since"),
        ("?min_duration=4", "min_duration"),
        ("?case_attr=channel", "NAME=VALUE"),
        ("?variant=zz", "16 hex digits"),
        ("?state=late", "state: 'late'"),
        ("?edge_source=A", "go together"),
        ("?anchor=paid", "anchor: 'paid'"),
        ("?since=2026-01-01&since=2026-01-02", "given 2 times"),
    ],
)
def test_a_wrong_filter_is_told(search: str, said: str) -> None:
    state = parse(search)
    with pytest.raises(InputError, match=said):
        _ = state.chosen


def test_a_hostile_value_stays_inside_its_word() -> None:
    value = 'x&process=other#"><script>'
    assert parse(search_of(PageState().with_filters(("activity", value)))).filters == (("activity", value),)
    assert quote(value, safe="") in search_of(PageState().with_filters(("activity", value)))
