"""The case filter: what it refuses, how addresses spell it, and each of its parts on a log one can read.

Random filters against the reference are in test_answers_against_reference.py.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from logs import START, Told, frame, happened, object_frame, process, stored

from kernel.clock import Clock
from kernel.errors import InputError, NotFound
from kernel.process import Population
from kernel.warehouse import Warehouse
from mining.cases import cases
from mining.filters import EVERYTHING, FILTER_WORDS, CaseFilter, parse_attribute, parse_instant, read_filter
from mining.summary import log_summary
from mining.variants import ALL, variants
from mining.view import ProcessView

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def view(warehouse: Warehouse, clock: Clock, shared_tenant: str) -> ProcessView:
    """Case 1: A B C from day 0 to day 2, complete. Case 2: A C in one minute of day 1, complete. Case 3: A B on day
    3, open. Case 4 is a test."""
    rows = [
        happened("A", START, "1"),
        happened("B", START + DAY, "1"),
        happened("C", START + 2 * DAY, "1"),
        happened("A", START + DAY, "2"),
        happened("C", START + DAY + timedelta(minutes=1), "2"),
        happened("A", START + 3 * DAY, "3"),
        happened("B", START + 3 * DAY, "3", sequence=1),
        happened("A", START, "4"),
    ]
    told = [
        Told("1", "region", "north"),
        Told("2", "region", "south"),
        Told("2", "vip", True),
        Told("3", "region", "north", START),
        Told("3", "region", "west", START + DAY),
        Told("4", "kind", "test"),
    ]
    definition = process(end=("C",), excluded=(Population(name="tests", attribute="kind", values=("test",)),))
    return stored(warehouse, clock, shared_tenant, frame(rows), objects=object_frame(told), definition=definition)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, "123"),
        ({"since": START}, "123"),
        ({"since": START + TICK}, "23"),
        ({"until": START + DAY}, "1"),
        ({"until": START + DAY + TICK}, "12"),
        ({"since": START + DAY, "until": START + 3 * DAY}, "2"),
        ({"anchor": "ended", "since": START + 2 * DAY}, "13"),
        ({"anchor": "ended", "until": START + 2 * DAY}, "2"),
        ({"anchor": "active", "since": START + 2 * DAY}, "13"),
        ({"anchor": "active", "since": START + 2 * DAY + TICK}, "3"),
        ({"anchor": "active", "since": START + 9 * DAY}, "3"),
        ({"anchor": "active", "until": START + DAY}, "1"),
        ({"attributes": (("region", "north"),)}, "1"),
        ({"attributes": (("region", "west"),)}, "3"),
        ({"attributes": (("region", "north"), ("region", "south"))}, "12"),
        ({"attributes": (("region", "south"), ("vip", "true"))}, "2"),
        ({"attributes": (("region", "north"), ("vip", "true"))}, ""),
        ({"attributes": (("vip", ""),)}, "13"),
        ({"activities": ("B",)}, "13"),
        ({"activities": ("B", "C")}, "1"),
        ({"min_duration": timedelta(minutes=1)}, "12"),
        ({"min_duration": timedelta(minutes=1) + TICK}, "1"),
        ({"max_duration": timedelta(minutes=1)}, "23"),
        ({"max_duration": timedelta(0)}, "3"),
        ({"edge": ("A", "C")}, "2"),
        ({"edge": ("B", "A")}, ""),
        ({"states": ("open",)}, "3"),
        ({"states": ("complete", "open")}, "123"),
        ({"states": ("unknown",)}, ""),
        ({"edge": ("A", "B"), "states": ("open",)}, "3"),
        ({"activities": ("B",), "since": START + DAY}, "3"),
        ({"attributes": (("kind", "test"),)}, ""),
    ],
    ids=str,
)
def test_a_filter_selects_the_cases_it_names(view: ProcessView, chosen: dict[str, Any], expected: str) -> None:
    found = cases(view, CaseFilter(**chosen), order_by="oldest").cases
    assert "".join(sorted(found["case"])) == expected
    assert log_summary(view, CaseFilter(**chosen)).cases == len(expected)


def test_variants_are_chosen_by_the_ids_that_the_list_shows(view: ProcessView) -> None:
    ids = {"".join(row["activities"]): row["variant"] for row in variants(view, top=ALL).to_dicts()}
    assert set(ids) == {"ABC", "AC", "AB"}
    chosen = CaseFilter(variants=(ids["AB"], ids["AC"]))
    assert sorted(cases(view, chosen).cases["case"]) == ["2", "3"]


def test_due_needs_a_promise(view: ProcessView) -> None:
    with pytest.raises(InputError, match="p has no promise"):
        log_summary(view, CaseFilter(since=START, anchor="due"))


@pytest.mark.parametrize(
    ("chosen", "hint"),
    [
        (CaseFilter(activities=("Bb",)), "p has no activity 'Bb'"),
        (CaseFilter(edge=("A", "nothing")), "p has no activity 'nothing'"),
        (CaseFilter(attributes=(("regoin", "north"),)), "no case attribute is called 'regoin'.*region"),
    ],
)
def test_a_word_that_the_process_does_not_have_is_refused(view: ProcessView, chosen: CaseFilter, hint: str) -> None:
    with pytest.raises(NotFound, match=hint):
        view.check(chosen)


def test_words_that_it_has_pass(view: ProcessView) -> None:
    view.check(EVERYTHING)
    view.check(CaseFilter(activities=("A",), edge=("A", "C"), attributes=(("region", "nowhere"),)))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"since": datetime(2024, 1, 5)}, "since: give the time with its zone"),  # noqa: DTZ001 - what is refused
        ({"since": START, "until": START}, "until must be after since"),
        ({"anchor": "begun"}, "anchor: 'begun' is not one of started, ended, active, due"),
        ({"states": ("closed",)}, "state: 'closed' is not one of open, complete, unknown"),
        ({"variants": ("ABC",)}, "variant: 'ABC' is not an id of 16 hex digits"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CaseFilter(**chosen)


def test_is_empty_tells_whether_anything_is_filtered() -> None:
    assert EVERYTHING.is_empty
    assert CaseFilter(anchor="ended").is_empty
    assert not CaseFilter(since=START).is_empty


def test_an_address_spells_every_part() -> None:
    words = {
        "since": ["2024-01-05"],
        "until": ["2024-02-01T00:00:00+01:00"],
        "anchor": ["ended"],
        "case_attr": ["region=north", "note=a=b"],
        "activity": ["A", "B"],
        "variant": ["0123456789abcdef"],
        "min_duration": ["1h30m"],
        "max_duration": ["2d"],
        "edge_source": ["A"],
        "edge_target": ["B"],
        "state": ["open"],
    }
    assert set(words) == set(FILTER_WORDS)
    assert read_filter(words) == CaseFilter(
        since=datetime(2024, 1, 5, tzinfo=timezone.utc),
        until=datetime(2024, 1, 31, 23, tzinfo=timezone.utc),
        anchor="ended",
        attributes=(("region", "north"), ("note", "a=b")),
        activities=("A", "B"),
        variants=("0123456789abcdef",),
        min_duration=timedelta(hours=1.5),
        max_duration=timedelta(days=2),
        edge=("A", "B"),
        states=("open",),
    )
    assert read_filter({}) == EVERYTHING
    assert read_filter({"since": [""], "edge_source": [""]}) == EVERYTHING


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"since": ["2024-01-05", "2024-01-06"]}, "since: given 2 times"),
        ({"since": ["yesterday"]}, "since: 'yesterday' is not a time"),
        ({"until": ["2024-01-05T10:00"]}, "until: '2024-01-05T10:00' has no zone"),
        ({"edge_source": ["A"]}, "edge_source and edge_target go together"),
        ({"min_duration": ["3"]}, "min_duration: "),
        ({"case_attr": ["region"]}, "case-attr: 'region' is not of the form NAME=VALUE"),
        ({"case_attr": ["=north"]}, "case-attr: '=north' is not of the form NAME=VALUE"),
    ],
)
def test_an_address_that_is_wrong_is_refused(words: dict[str, list[str]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_filter(words)


def test_instants_and_attributes_as_people_type_them() -> None:
    assert parse_instant("2024-01-05", "since") == datetime(2024, 1, 5, tzinfo=timezone.utc)
    assert parse_instant("2024-01-05T10:00:00Z", "since") == datetime(2024, 1, 5, 10, tzinfo=timezone.utc)
    assert parse_attribute("name=") == ("name", "")
