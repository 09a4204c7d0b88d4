"""How a subject is known again: by words of its length, however JSON writes them, and by digests that need the key."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.erasing.scrub import Scrub, Tombstone
from ingest.erasing.subject import Digests, Subject, telling, unescaped, words, written_forms
from kernel.events import EVENT_FRAME

IDS = st.text(min_size=1, max_size=8)
EDGES = st.sampled_from(["", " ", "/", '"', "-", "\n"])


@given(id_=IDS, before=EDGES, after=EDGES)
def test_an_id_between_edges_is_found_as_it_is_and_as_json_writes_it(id_: str, before: str, after: str) -> None:
    text = f"x{before or '.'}{id_}{after or '.'}y"
    assert id_ in set(words(text, [len(id_)])) or id_[0].isalnum() is False or id_[-1].isalnum() is False
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only)
        assert unescaped(written)[1:-1] == text
        assert any(form in json.dumps(id_, ensure_ascii=ascii_only) for form in written_forms(id_))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("17", True),
        ("order/17", True),
        ("2017", False),
        ("17th", False),
        ("17-3", True),
        ("A17", False),
        ("é17", False),
        ("", False),
    ],
)
def test_a_word_ends_where_no_letter_or_digit_follows(text: str, found: bool) -> None:
    assert ("17" in set(words(text, [2, 3]))) is found


def test_long_ids_mean_nothing_else() -> None:
    assert [telling(text) for text in ("C-1042", "C-104", "123456789", "12345678")] == [True, False, True, False]
    assert not Subject.of("customer", "17").everywhere
    assert Subject.of("customer", "17", everywhere=True).everywhere
    assert Subject.of("customer", "ada", pseudonym="p-0123456789abcdef").ids == ("p-0123456789abcdef", "ada")


def test_digests_need_the_key_and_tell_types_apart() -> None:
    one, other = Digests(b"a" * 32), Digests(b"b" * 32)
    made = {
        one.of_object("customer", "1"),
        other.of_object("customer", "1"),
        one.of_object("custome", "r1"),
        one.of_object("order", "1"),
        one.of_text("1"),
        one.of_text("customer\x001"),
    }
    assert len(made) == 6
    assert one.name_for("x") == Digests(b"a" * 32).name_for("x") != other.name_for("x")


def scrub(*subjects: Subject, own: tuple[str, ...] = ()) -> Scrub:
    digests = Digests(b"k" * 32)
    tombstones = [
        Tombstone(
            str(number),
            digests.fingerprint,
            frozenset(digests.of_object(one.object_type, id_) for id_ in one.ids),
            frozenset(map(digests.of_text, one.ids)),
            frozenset(map(digests.of_text, own)),
            frozenset(map(len, one.ids)),
            one.everywhere,
        )
        for number, one in enumerate(subjects)
    ]
    return Scrub(tombstones, {digests.fingerprint: digests})


def events(*rows: tuple[list[tuple[str, str]], str]) -> pl.DataFrame:
    plain = {name: "" for name, kind in EVENT_FRAME.items() if kind == pl.String}
    made = [
        plain | {"objects": [{"type": t, "id": i, "qualifier": ""} for t, i in objects], "attributes": attributes}
        for objects, attributes in rows
    ]
    return pl.DataFrame(made, schema=EVENT_FRAME)


def test_values_of_all_shapes_go_that_hold_it() -> None:
    ada = Subject.of("customer", "CUST-1042")
    told = (
        '{"a":"CUST-1042","b":{"$id":"CUST-1042"},"c":{"$list":[["who",{"$value":1,"$nested":[["x","CUST-1042"]]}]]},'
        '"d":{"$date":"2026-01-01T00:00:00Z"},"e":"CUST-10421","f":7,"g":"gold","h":true,"i":null,"j":1.5}'
    )
    alone = [("order", "1"), ("customer", "CUST-1042")]
    kept, fate = scrub(ada, own=("gold", "7")).events(
        events((alone, told), ([("order", "2")], told), (alone[1:], "{}"))
    )
    left = '{"d":{"$date":"2026-01-01T00:00:00Z"},"e":"CUST-10421",%s"h":true,"i":null,"j":1.5}'
    assert kept["attributes"].to_list() == [left % "", left % '"f":7,"g":"gold",']
    assert fate.to_list() == [1, 1, 2]
    again, same = scrub(ada, own=("gold",)).events(kept)
    assert again.equals(kept)
    assert same.to_list() == [0, 0]


def test_of_two_subjects_each_has_its_own_values() -> None:
    both = scrub(Subject.of("customer", "1"), Subject.of("customer", "2"))
    pair = [("customer", "1"), ("customer", "2")]
    kept, fate = both.events(events((pair, "{}"), ([*pair, ("order", "1")], '{"x":"1","y":"2","z":"3"}')))
    assert fate.to_list() == [2, 1]
    assert kept["attributes"].to_list() == ['{"z":"3"}']
    assert both.events(events())[0].is_empty()
