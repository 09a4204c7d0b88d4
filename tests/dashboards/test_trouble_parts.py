"""The small parts of the pages about trouble and remedies: money, ages, marks, paging, what a renewal sends."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from dash import html, no_update
from page_parts import EVIL, LONG, addresses, parts, text

from dashboards.money import amount, per_hour, sums
from dashboards.pages.runs_shown import REASON, STATUS, history, money, status
from dashboards.pages.sla import LABELS, _pager
from dashboards.pages.trouble import KINDS, SEVERITY, STATE, age, joined, left, mark, moment, shut_meanwhile
from dashboards.renewal import fingerprint, unless_same
from dashboards.url_state import STANDINGS, PageState, parse
from kernel.findings import Kind, Severity
from orchestration_hooks.history import RunEvent
from orchestration_hooks.runs import RunRow
from orchestration_hooks.states import Reason, Status

NOW = datetime(2026, 3, 31, 18, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "EUR 0.00"),
        ("0.005", "EUR 0.00"),
        ("12.5", "EUR 12.50"),
        ("999.99", "EUR 999.99"),
        ("1000", "EUR 1,000"),
        ("-1234.56", "EUR -1,235"),
        ("98765432109876543210.12", "EUR 98,765,432,109,876,543,210"),
    ],
)
def test_an_amount_keeps_its_cents_below_a_thousand(value: str, said: str) -> None:
    assert amount(Decimal(value), "EUR") == said


@pytest.mark.parametrize(
    ("values", "unpriced", "said"),
    [
        ({}, 0, "–"),
        ({}, 3, "not priced"),
        ({"EUR": "0"}, 0, "–"),
        ({"EUR": "0"}, 1, "not priced"),
        ({"SEK": "300", "EUR": "4210"}, 0, "EUR 4,210 + SEK 300.00"),
        ({"EUR": "5"}, 1, "EUR 5.00, 1 case not priced"),
        ({"EUR": "5"}, 1200, "EUR 5.00, 1,200 cases not priced"),
    ],
)
def test_currencies_stand_beside_each_other_and_what_has_no_price_is_said(
    values: dict[str, str], unpriced: int, said: str
) -> None:
    assert sums({currency: Decimal(value) for currency, value in values.items()}, unpriced) == said
    assert money(values, unpriced) == said


def test_what_a_run_keeps_and_is_no_money_is_left_out() -> None:
    assert money({"EUR": "5", "SEK": "a lot"}) == "EUR 5.00"


def test_what_is_lost_per_hour() -> None:
    assert per_hour({}) == per_hour({"EUR": Decimal(0)}) == "–"
    assert per_hour({"EUR": Decimal("12.4"), "CHF": Decimal(1)}) == "CHF 1.00 + EUR 12.40 per hour"


def test_ages_and_deadlines() -> None:
    assert age(None, NOW) == left(None, NOW) == moment(None) == "–"
    assert age(NOW - timedelta(days=4, hours=2), NOW) == "4d 2h"
    assert age(NOW + timedelta(hours=1), NOW) == "0s"  # another clock is ahead: that is no age
    assert left(NOW + timedelta(minutes=90), NOW) == "in 1h 30m"
    assert left(NOW - timedelta(minutes=90), NOW) == "1h 30m ago"
    assert left(NOW, NOW) == "in 0s"
    assert moment(NOW) == "31 Mar 2026, 18:00 UTC"


def test_everything_that_can_be_shown_has_a_word() -> None:
    assert set(SEVERITY) == set(Severity)
    assert set(KINDS) == {kind.value for kind in Kind}
    assert set(STATE) == {"open", "acknowledged", "resolved"}
    assert set(STATUS) == set(Status)
    assert set(REASON) >= {reason.value for reason in Reason}
    assert set(LABELS) == set(STANDINGS)
    for severity in Severity:
        assert mark(severity).children == severity.value.capitalize()


def test_parts_are_joined_by_dots() -> None:
    assert text(joined([])) == ""
    assert text(joined(["1 case", html.Strong("EUR 5.00"), "for 4d"])) == "1 case · EUR 5.00 · for 4d"


@pytest.mark.parametrize(
    ("page", "last", "links"),
    [(1, 1, 0), (1, 2, 2), (2, 2, 2), (2, 3, 4), (5, 9, 4)],
)
def test_paging_leads_to_where_there_are_pages(page: int, last: int, links: int) -> None:
    pager = _pager(PageState(process="p", promise="x", standing="met", page=page), last)
    found = addresses(pager)
    assert len(found) == links
    for address in found:
        assert address.startswith("/sla?process=p")
        number = parse(address.partition("?")[2]).page
        assert 1 <= number <= last
        assert number != page


def test_a_page_that_renews_itself_is_sent_when_it_looks_otherwise() -> None:
    shown, same, other = (html.P([html.Strong(word), EVIL]) for word in ("a", "a", "b"))
    first, known = unless_same(shown, "", by_itself=False)
    assert (first, known) == (shown, fingerprint(same))
    assert unless_same(same, known, by_itself=True) == (no_update, no_update)
    assert unless_same(same, known, by_itself=False) == (same, known)  # somebody asked for it
    assert unless_same(other, known, by_itself=True) == (other, fingerprint(other))


def test_buttons_are_shut_while_one_is_asked_for() -> None:
    [(place, under_way, after)] = shut_meanwhile(incident="stack")
    assert (str(place), under_way, after) == ("incident.className", "stack asking", "stack")


def event(activity: str, actor: str = "u1", **attributes: str) -> RunEvent:
    return RunEvent("run1", 1, activity, NOW, actor, "p", "i", "b", attributes, ())


@pytest.mark.parametrize(
    ("happened", "said"),
    [
        (event("Run opened"), "It was opened31 Mar 2026, 18:00:00 UTCby olivia"),
        (event("Approved", name="petra"), "Approved31 Mar 2026, 18:00:00 UTCby petra"),
        (event("Rejected", reason=EVIL), f"Rejected{EVIL}31 Mar 2026, 18:00:00 UTCby olivia"),
        (
            event("Run ended", "gembascope", reason="resolved"),
            "Run endedrecovered, and proven by events31 Mar 2026, 18:00:00 UTCby gembascope",
        ),
    ],
)
def test_what_happened_is_told_with_who_did_it(happened: RunEvent, said: str) -> None:
    assert text(history([happened], lambda actor: {"u1": "olivia"}.get(actor, actor))) == said


def test_what_is_hostile_stays_text_of_one_line() -> None:
    shown = history([event(LONG, LONG, reason=f"{LONG}\n{EVIL}")], str)
    for part in parts(shown):
        if isinstance(part, str):
            assert "\n" not in part
    assert len(text(shown)) < len(LONG) + 1_000


def run_row(**more: Any) -> RunRow:
    fields: dict[str, Any] = {name: "" for name in RunRow.__dataclass_fields__}
    return RunRow(**(fields | more))


@pytest.mark.parametrize(
    ("state", "reason", "said", "look"),
    [
        (Status.READY, "", "Working", "mark"),
        (Status.HOLDING, "", "Held", "mark bad"),
        (Status.DONE, "resolved", "Done: recovered, and proven by events", "mark good"),
        (Status.DONE, "no_longer_needed", "Done: no longer needed: it was cured meanwhile", "mark good"),
        (Status.CANCELLED, "rejected", "Cancelled: rejected", "mark"),
        (Status.DEAD, "failed_permanently", "Stopped: needs a person", "mark bad"),
    ],
)
def test_where_a_run_stands_is_a_word_and_a_colour(state: Status, reason: str, said: str, look: str) -> None:
    shown = status(run_row(status=state.value, reason=reason))
    assert (shown.children, shown.className) == (said, look)
