"""Filters as Python values: the words that they become, and what no word can say."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs import START

from gembascope.selection import words_of
from kernel.errors import InputError
from mining.filters import CaseFilter, read_filter


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"since": datetime(2024, 1, 5, 9, tzinfo=timezone.utc)}, {"since": ["2024-01-05T09:00:00+00:00"]}),
        ({"since": date(2024, 1, 5), "until": None}, {"since": ["2024-01-05"]}),
        ({"case_attr": {"vip": True, "n": [1, 2.5]}}, {"case_attr": ["vip=true", "n=1", "n=2.5"]}),
        ({"case_attr": "a=b=c"}, {"case_attr": ["a=b=c"]}),
        ({"case_attr": ("a=b", "c=d")}, {"case_attr": ["a=b", "c=d"]}),
        ({"activity": "A", "state": ("open", "complete")}, {"activity": ["A"], "state": ["open", "complete"]}),
        ({"min_duration": timedelta(0)}, {"min_duration": ["0ms"]}),
    ],
)
def test_filters_become_words(given_: dict[str, Any], words: dict[str, list[str]]) -> None:
    assert words_of(given_) == words


@given(st.data())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_filter_says_the_same_in_words(data: st.DataObject) -> None:
    """Whatever a CaseFilter can hold to the millisecond, keyword arguments can say."""
    microseconds = st.integers(0, 7 * 10**15).map(lambda us: timedelta(microseconds=us))
    instants = microseconds.map(lambda since_1970: datetime(1970, 1, 1, tzinfo=timezone.utc) + since_1970)
    since, until = data.draw(st.none() | instants), data.draw(st.none() | instants)
    if since is not None and until is not None and until <= since:
        since, until = None, since
    durations = st.none() | st.integers(0, 10**12).map(lambda ms: timedelta(milliseconds=ms))
    names = st.text(st.characters(blacklist_characters="=", blacklist_categories=["Cs"]), min_size=1)
    wanted = CaseFilter(
        since=since,
        until=until,
        anchor=data.draw(st.sampled_from(("started", "ended", "active"))),
        attributes=tuple(data.draw(st.dictionaries(names, st.text())).items()),
        activities=tuple(data.draw(st.lists(st.text()))),
        min_duration=data.draw(durations),
        max_duration=data.draw(durations),
        edge=data.draw(st.none() | st.tuples(st.text(min_size=1), st.text(min_size=1))),
        states=tuple(data.draw(st.lists(st.sampled_from(("open", "complete", "unknown"))))),
    )
    said = words_of(
        {
            "since": wanted.since,
            "until": wanted.until,
            "anchor": wanted.anchor,
            "case_attr": dict(wanted.attributes),
            "activity": wanted.activities,
            "min_duration": wanted.min_duration,
            "max_duration": wanted.max_duration,
            "edge_source": wanted.edge[0] if wanted.edge else None,
            "edge_target": wanted.edge[1] if wanted.edge else None,
            "state": wanted.states,
        }
    )
    assert read_filter(said) == wanted


def test_what_no_word_can_say_is_refused() -> None:
    for wrong, error in (
        ({"since": START.replace(tzinfo=None)}, InputError),
        ({"min_duration": timedelta(microseconds=1)}, InputError),
        ({"min_duration": timedelta(days=-1)}, InputError),
        ({"case_attr": {"a=b": "c"}}, InputError),
        ({"min_duration": 5}, TypeError),
        ({"activity": [1]}, TypeError),
        ({"activty": "A"}, TypeError),
    ):
        with pytest.raises(error):
            words_of(wrong)
