"""Records to events by a pack: every field, several events of a record, all of them or none, and who is hidden."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from packs import SHOP, delivery, pack

from ingest.mappings.decoding import records
from ingest.mappings.mapper import Mapped, Mapper
from ingest.mappings.pack import Decode, MappingPack, MappingPacks
from ingest.mappings.personal import Privacy
from kernel.definitions import read_definition
from kernel.errors import DefinitionError, NotFound
from kernel.pseudonyms import Pseudonyms


def mapped(given: MappingPack, body: Any, **headers: str) -> Mapped:
    sent = delivery(body, **headers)
    (record,) = records(sent, given.decode)
    return Mapper(given).mapped(record, sent)


ORDER = {
    "id": "O-1",
    "created_at": "2026-03-02T10:16:00Z",
    "total": 1250,
    "customer": {"id": 77, "email": "a@example.org"},
    "lines": [{"id": "O-1-1", "sku": "s-1"}, {"id": "O-1-2", "sku": None}],
    "erp": "4711",
}


def test_an_order_becomes_an_event_with_its_objects_links_and_what_is_known_of_them() -> None:
    (event,) = mapped(SHOP, ORDER, topic="orders/create", event_id="e-1").events
    assert (event.id, event.activity, event.occurred_at) == ("e-1", "Order placed", "2026-03-02T10:16:00Z")
    assert (str(event.value), event.currency, event.outcome) == ("12.50", "EUR", "ok")
    assert [(one.type, one.id, one.attributes) for one in event.objects] == [
        ("order", "O-1", {"channel": "web"}),
        ("customer", "77", {}),
        ("order_line", "O-1-1", {}),
        ("order_line", "O-1-2", {}),
    ]
    assert [(one.type, one.id, one.attribute, one.value, one.at) for one in event.changes] == [
        ("order_line", "O-1-1", "sku", "s-1", None),
        ("order", "O-1", "state", "placed", "2026-03-02T10:16:00Z"),
    ]
    assert [(one.from_.id, one.to.id, one.qualifier) for one in event.links] == [
        ("O-1", "4711", "is"),
        ("O-1", "O-1-1", "has"),
        ("O-1", "O-1-2", "has"),
    ]
    assert event.attributes == {"email": "a@example.org"}


def test_a_record_makes_several_events_in_their_order() -> None:
    found = mapped(SHOP, {"spans": [{"a": "A", "t": 5}, {"a": "B", "t": 6}]}, topic="spans", event_id="e")
    assert [(one.id, one.activity) for one in found.events] == [("e-0", "A"), ("e-1", "B")]


@pytest.mark.parametrize(
    ("body", "topic", "reason"),
    [
        ({**ORDER, "created_at": None}, "orders/create", "rule 'orders': Object missing required field `occurred_at`"),
        ({**ORDER, "id": {"x": 1}}, "orders/create", "rule 'orders': objects: an object is no text"),
        ({**ORDER, "total": "x"}, "orders/create", "rule 'orders': 'x' is no number"),
        ({**ORDER, "lines": {"id": 1}}, "orders/create", "rule 'orders': each: an object is no list"),
        ({}, "refunds", "no rule of the mapping pack 'shop' is for it"),
        ({"spans": [{"a": "A", "t": 5}, {"t": 5}]}, "spans", "rule 'spans': Object missing required field `activity`"),
    ],
)
def test_why_no_event_can_be_made(body: Any, topic: str, reason: str) -> None:
    found = mapped(SHOP, body, topic=topic, event_id="e-1")
    assert found.unfit == reason
    assert not found.events


def test_what_a_rule_passes_over_is_no_event_and_is_not_bad() -> None:
    found = mapped(SHOP, {}, topic="ping")
    assert (found.events, found.ignored, found.unfit, found.rule) == ([], "says that it is there", "", "pings")


NAMES = st.sampled_from(["id", "lines", "customer", "created_at", "total", "x"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@settings(max_examples=examples(200), deadline=None)
@given(
    st.recursive(
        SCALARS, lambda some: st.lists(some, max_size=4) | st.dictionaries(NAMES, some, max_size=5), max_leaves=9
    )
)
def test_nothing_that_is_sent_breaks_the_mapper(body: Any) -> None:
    """It makes events, or says why not."""
    given = delivery(body, topic="orders/create", event_id="e")
    for record in records(given, SHOP.decode):
        found = Mapper(SHOP).mapped(record, given)
        assert bool(found.events) != bool(found.unfit)


def decoded(format_: str, body: bytes, **more: Any) -> list[Any]:
    return [one.body if not one.unfit else one.unfit for one in records(delivery(body), Decode(format=format_, **more))]


def test_deliveries_are_taken_apart() -> None:
    assert decoded("json_array", b' [1, {"a": 2}, NaN, 3]') == [1, {"a": 2}, "NaN is no number", 3]
    assert decoded("json_array", b'{"a": 2}') == [{"a": 2}]
    assert decoded("json_lines", b'{"a": 1}\n\nnope\r\n{"a": 1, "a": 2}\n') == [
        {"a": 1},
        "this is not JSON: Expecting value (character 0)",
        "an object names 'a' twice",
    ]
    assert decoded("table", b'a,b\n1,"x\ny"\n2\n3,4\n') == [
        {"a": "1", "b": "x\ny"},
        "the row has 1 fields, and the table 2 columns",
        {"a": "3", "b": "4"},
    ]
    assert decoded("table", b"1\t2", delimiter="\t", columns=("a", "b")) == [{"a": "1", "b": "2"}]
    report = b"id\titem\no1\ta\no1\tb\no2\nbad\no1\tc\n"
    assert decoded("table", report, delimiter="\t", group="id") == [
        {"id": "o1", "item": "a", "rows": [{"id": "o1", "item": "a"}, {"id": "o1", "item": "b"}]},
        "the row has 1 fields, and the table 2 columns",
        "the row has 1 fields, and the table 2 columns",
        {"id": "o1", "item": "c", "rows": [{"id": "o1", "item": "c"}]},
    ]
    journal = {"delimiter": "|", "columns": ("id", "x"), "context": {"UPLOAD": ("mark", "at", "n")}}
    assert decoded("journal", b"UPLOAD|noon|2\na|b\nc\n", **journal) == [
        {"id": "a", "x": "b"},
        "the line has 1 fields instead of 2",
    ]
    edi = b"UNH+m1+ORDRSP:D'BGM+or?+der+O?'1:x'UNT+3+m1'\nUNH+m2'UNT+9+m2'UNH+m3"
    first, second, third = decoded("edifact", edi)
    assert first["segments"][1] == {"tag": "BGM", "elements": [["or+der"], ["O'1", "x"]]}
    assert (second, third) == ("the message has 2 segments, and says '9'", "the message has no end (UNT)")
    assert decoded("text", b"\xff") == ["this is not utf-8 text (byte 0)"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": "\\ud800"}', "text holds half of a surrogate pair"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b"[" * 100_000, "values are nested too deeply"),
        (b"1" * 5_000, "a whole number has too many digits"),
        (b'{"a": "\xff"}', "this is not UTF-8 text (byte 7)"),
    ],
)
def test_what_is_no_json_says_why(body: bytes, reason: str) -> None:
    assert decoded("json", body) == [reason]


def test_what_is_deep_and_holds_half_of_a_surrogate_pair_says_why_however_deep() -> None:
    """Also where it can just be read, and not be written any more."""
    told = [
        decoded("json", b"[" * depth + b'"\\ud800"' + b"]" * depth)[0] for depth in range(850, sys.getrecursionlimit())
    ]
    assert {told[0], told[-1]} == set(told) == {"text holds half of a surrogate pair", "values are nested too deeply"}


def test_a_row_in_quarantine_can_be_read_alone() -> None:
    """What it came with says what its columns are, and what was said before it."""
    table = Decode(format="table")
    bad, good = records(delivery(b"a,b\n1\n2,3\n"), table)
    (again,) = records(delivery(b"1,9", **bad.headers), table)
    assert again.body == {"a": "1", "b": "9"}
    report = Decode(format="table", group="id")
    (group,) = records(delivery(b"id,item\no1,a\no1,b\n"), report)
    (again,) = records(delivery(group.raw, **group.headers), report)
    assert again.body == group.body
    journal = Decode(format="journal", columns=("id", "x"), context={"UPLOAD": ("mark", "at")})
    (bad,) = records(delivery(b"UPLOAD,noon\nonly\n"), journal)
    (again,) = records(delivery(b"only,mended", **bad.headers), journal)
    assert (again.body, again.context["at"]) == ({"id": "only", "x": "mended"}, "noon")
    assert good.raw == b"2,3"


def test_persons_are_hidden_and_joins_still_work() -> None:
    hide = Pseudonyms("k" * 32, "t1").of
    rules = pack(
        personal=[
            {"field": "attributes.email", "do": "pseudonym"},
            {"field": "objects.customer", "do": "pseudonym"},
            {"field": "objects.order.channel", "do": "drop"},
            {"field": "objects.order_line.sku", "do": "pseudonym"},
            {"field": "actor", "do": "drop"},
        ]
    ).personal
    (event,) = mapped(SHOP, ORDER, topic="orders/create", event_id="e-1").events
    found = Privacy(rules, hide).hidden(event)
    assert found.attributes == {"email": hide("a@example.org")}
    assert [one.id for one in found.objects] == ["O-1", hide("77"), "O-1-1", "O-1-2"]
    assert found.objects[0].attributes == {}
    assert found.changes[0].value == hide("s-1")
    assert Pseudonyms("k" * 32, "t2").of("77") != hide("77") == Pseudonyms("k" * 32, "t1").of("77")
    assert "example.org" not in str(found)


BROKEN = {
    "title": "x",
    "rules": [
        {"name": "all", "events": [{"id": "a..b", "activity": "nope(x)", "occurred_at": "t"}]},
        {"name": "more", "ignore": "why", "events": []},
        {"name": "neither"},
    ],
}


def test_the_problems_of_a_pack_have_their_places(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(json.dumps({"id": "broken", "version": 1, **BROKEN}, indent=1))
    with pytest.raises(DefinitionError) as refused:
        read_definition(path, MappingPack)
    told = str(refused.value)
    assert "'a..b' is no JMESPath expression" in told
    assert "there is no function 'nope'" in told
    assert "has events, or says with `ignore` why there are none" in told
    with pytest.raises(NotFound, match="no mapping pack 'x'"):
        MappingPacks(tmp_path, "t").get("x")
