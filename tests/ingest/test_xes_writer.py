"""Writing XES: what is written reads back equal, escaping, atomic files."""

from __future__ import annotations

import gzip
import json
import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.formats.xes import XesReader
from ingest.formats.xes_writer import XesWriter, attribute_xml, write_xes
from kernel.attributes import date_value, encode, encode_value

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
EVENT = {"activity": "A", "occurred_at": NOON, "precision": "s"}


def rows(path: Path) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    batches = list(XesReader(path, object_type="case").batches())
    assert [rejected for batch in batches for rejected in batch.rejected] == []
    events = pl.concat(batch.events for batch in batches).rows(named=True)
    objects = pl.concat(batch.objects for batch in batches)
    return events, objects.select("id", "attribute", "value").rows()


def one(path: Path, **fields: Any) -> dict[str, Any]:
    write_xes(path, [("C1", {}, [EVENT | fields])])
    (event,), _ = rows(path)
    return event


# Characters that XML 1.0 carries.
_text = st.text(
    st.sampled_from("ab\"'<>&\\\t\n\r😀é]{}$ ")
    | st.characters(min_codepoint=0x20, exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"),
    max_size=8,
)
_filled = _text.filter(lambda text: bool(text.strip()))
_instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 12, 31), timezones=st.just(timezone.utc))  # noqa: DTZ001
_scalars = st.one_of(
    _text,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    _text.map(lambda text: {"$id": text}),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(timezone.utc)).map(date_value),  # noqa: DTZ001
)


def _deeper(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    pairs = st.lists(st.tuples(_text, values).map(list), max_size=3)
    lists = pairs.map(lambda items: {"$list": items})
    nested = st.tuples(_scalars | lists, pairs.filter(bool))
    return lists | nested.map(lambda each: {"$value": each[0], "$nested": each[1]})


_values = st.recursive(_scalars, _deeper, max_leaves=6)
_amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=6, allow_nan=False)


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    event: dict[str, Any] = {
        "activity": draw(_filled),
        "lifecycle": draw(_text),
        "occurred_at": draw(_instants),
        "precision": "us",
        "started_at": draw(st.none() | _instants),
        "actor": draw(_text),
        "value": None,
        "currency": "",
    }
    if draw(st.booleans()):
        event |= {"value": draw(_amounts), "currency": draw(_filled)}
    taken = {"concept:name", "time:timestamp", "lifecycle:transition", "org:resource", "cost:total", "cost:currency"}
    taken |= {"start_timestamp", "time:start"}
    names = _text.filter(lambda name: name not in taken)
    event["attributes"] = draw(st.dictionaries(names, _values, max_size=4))
    return event


_traces = st.lists(
    st.tuples(
        _filled,
        st.dictionaries(_filled.filter(lambda name: name != "concept:name"), _values, max_size=2),
        st.lists(_events(), max_size=3),
    ),
    max_size=3,
)


@settings(
    max_examples=max(30, examples(150)), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(traces=_traces, compress=st.booleans())
def test_what_is_written_reads_back_equal(
    tmp_path: Path, traces: list[tuple[str, dict[str, Any], list[dict[str, Any]]]], compress: bool
) -> None:
    path = tmp_path / ("log.xes.gz" if compress else "log.xes")
    write_xes(path, traces)
    events, objects = rows(path)
    expected = [(case, event) for case, _, case_events in traces for event in case_events]
    assert len(events) == len(expected)
    for read, (case, event) in zip(events, expected, strict=True):
        assert read["objects"] == [{"type": "case", "id": case, "qualifier": ""}]
        assert read["attributes"] == encode(event["attributes"])
        for name in ("activity", "lifecycle", "occurred_at", "started_at", "actor", "value", "currency"):
            assert read[name] == event[name], name
        assert read["precision"] == "us"
    assert objects == [
        row
        for case, attributes, _ in traces
        for row in [(case, "", "null"), *((case, key, encode_value(value)) for key, value in attributes.items())]
    ]


def test_rows_of_the_event_frame_are_written_as_they_are(tmp_path: Path) -> None:
    first, second = tmp_path / "first.xes", tmp_path / "second.xes"
    write_xes(first, [("C1", {"amount": 5}, [EVENT | {"attributes": {"x": [1, {"y": None}], "z": None}}, EVENT])])
    events, _ = rows(first)
    assert events[0]["attributes"] == '{"x":{"$list":[["item",1],["item",{"$list":[]}]]}}'
    write_xes(second, [("C1", {"amount": 5}, events)])
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("written", "micros", "read"), [("s", 0, "s"), ("ms", 0, "ms"), ("us", 0, "us"), ("day", 0, "s"), ("s", 1500, "us")]
)
def test_precision_shows_in_the_form_and_no_digit_is_lost(tmp_path: Path, written: str, micros: int, read: str) -> None:
    moment = NOON + timedelta(microseconds=micros)
    event = one(tmp_path / "log.xes", precision=written, occurred_at=moment)
    assert (event["occurred_at"], event["precision"]) == (moment, read)


def test_names_cannot_break_out_of_their_place(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    nasty = "\"/><script>alert('x')</script>\n\t\r😀 &amp; ]]>"
    write_xes(path, [(nasty, {nasty: nasty}, [EVENT | {"activity": nasty, "actor": nasty, "attributes": {nasty: 1}}])])
    assert b"<script" not in path.read_bytes()
    events, objects = rows(path)
    assert (events[0]["activity"], events[0]["actor"]) == (nasty, nasty)
    assert json.loads(events[0]["attributes"]) == {nasty: 1}
    assert objects == [(nasty, "", "null"), (nasty, nasty, json.dumps(nasty, ensure_ascii=False))]


@pytest.mark.parametrize("bad", ["\x00", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_characters_that_xml_cannot_carry(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "log.xes"
    for fields in ({"activity": bad + "x"}, {"actor": bad}, {"attributes": {bad: 1}}, {"attributes": {"a": bad}}):
        with pytest.raises(ValueError, match="XML cannot carry the character U\\+"):
            write_xes(path, [("C1", {}, [EVENT | fields])])
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_an_event_or_a_case(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    with pytest.raises(ValueError, match="needs an activity"):
        write_xes(path, [("C1", {}, [EVENT | {"activity": " "}])])
    with pytest.raises(ValueError, match="needs an id"):
        write_xes(path, [("", {}, [])])
    with pytest.raises(ValueError, match="attributes need keys"):
        write_xes(path, [("C1", {"": 1}, [])])
    with pytest.raises(ValueError, match="not a finite number"):
        attribute_xml("x", math.nan)
    with pytest.raises(ValueError, match="naive"):
        write_xes(path, [("C1", {}, [EVENT | {"occurred_at": datetime(2024, 1, 1)}])])  # noqa: DTZ001
    assert list(tmp_path.iterdir()) == []


def test_an_attribute_whose_key_is_taken_gets_another(tmp_path: Path) -> None:
    event = one(tmp_path / "log.xes", attributes={"concept:name": "other", "original:concept:name": 1})
    assert event["activity"] == "A"
    assert json.loads(event["attributes"]) == {
        "original:original:concept:name": "other",
        "original:concept:name": 1,
    }


def test_attributes_of_a_field_join_it(tmp_path: Path) -> None:
    stamp = date_value(NOON)
    attributes = {
        "concept:name": {"$value": "A", "$nested": [["language", "en"]]},
        "time:timestamp": {"$value": stamp, "$nested": [["clock", "till 4"]]},
    }
    event = one(tmp_path / "log.xes", attributes=attributes)
    assert json.loads(event["attributes"]) == attributes
    assert (event["activity"], event["occurred_at"]) == ("A", NOON)


def test_money_without_a_currency_stays_a_number(tmp_path: Path) -> None:
    event = one(tmp_path / "log.xes", value=Decimal("1.50"), currency="EUR", attributes={"n": 2**70})
    assert (event["value"], event["currency"]) == (Decimal("1.5"), "EUR")
    assert json.loads(event["attributes"]) == {"n": str(2**70)}  # XES integers end at 64 bits


def test_the_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    path.write_text("the old one")

    def failing() -> Iterator[dict[str, Any]]:
        yield EVENT
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="source failed"):
        write_xes(path, [("C1", {}, failing())])
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("log.xes", "the old one")]
    with XesWriter(path, compress=False) as second:
        second.trace("C1", {}, [EVENT])
        assert path.read_text() == "the old one"
    assert [each.name for each in tmp_path.iterdir()] == ["log.xes"]
    assert len(rows(path)[0]) == 1


def test_equal_calls_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.xes.gz", "b.xes.gz"):
        write_xes(tmp_path / name, [("C1", {"x": 1.5}, [EVENT])])
    assert (tmp_path / "a.xes.gz").read_bytes() == (tmp_path / "b.xes.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.xes.gz").read_bytes()).startswith(b"<?xml")


def test_the_file_declares_the_extensions_that_it_uses(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    write_xes(path, [("C1", {"n": 1}, [EVENT | {"lifecycle": "complete", "actor": "Ann"}])])
    log = ElementTree.parse(path).getroot()
    space = "{http://www.xes-standard.org/}"
    assert log.tag == f"{space}log"
    assert log.get("xes.version") == "1.0"
    order = [child.tag.removeprefix(space) for child in log]
    assert order == ["extension"] * 5 + ["global"] * 2 + ["classifier", "trace"]
    declared = {child.get("prefix") for child in log if child.tag == f"{space}extension"}
    assert declared == {"concept", "time", "lifecycle", "org", "cost"}
