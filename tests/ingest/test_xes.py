"""Reading XES: how its elements become events, objects and attributes."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from xes_traces import CASE, NAME, NOON, attributes, joined, only_event, read, trace

from ingest.formats.xes import XesReader
from ingest.formats.xes_values import quoted
from kernel.errors import MappingError


def test_one_event_with_all_its_fields(tmp_path: Path) -> None:
    event = only_event(
        tmp_path,
        NAME
        + '<string key="lifecycle:transition" value="COMPLETE"/><string key="org:resource" value="Ann"/>'
        + NOON
        + '<date key="start_timestamp" value="2024-05-01T11:00:00+02:00"/>'
        + '<float key="cost:total" value="12.50"/><string key="cost:currency" value="EUR"/>'
        + '<string key="NA" value="null"/>',
    )
    assert event == {
        "source_event_id": "",
        "activity": "A",
        "lifecycle": "COMPLETE",
        "occurred_at": datetime(2024, 5, 1, 10, tzinfo=timezone.utc),
        "precision": "ms",
        "time_kind": "happened",
        "started_at": datetime(2024, 5, 1, 9, tzinfo=timezone.utc),
        "seen_at": None,
        "sequence": 1,
        "actor": "Ann",
        "actor_kind": "",
        "outcome": "",
        "error_code": "",
        "value": Decimal("12.5"),
        "currency": "EUR",
        "objects": [{"type": "case", "id": "C1", "qualifier": ""}],
        "attributes": '{"NA":"null"}',
        "trace_id": "",
        "span_id": "",
        "revision": 0,
    }


def test_types_of_attributes_are_kept(tmp_path: Path) -> None:
    body = (
        '<string key="s" value="say &quot;hi&quot; \\ &#10; 😀 &lt;b>"/><id key="id" value="x-1"/>'
        '<int key="i" value="007"/><int key="big" value="9223372036854775807"/><float key="f" value="1.50"/>'
        '<float key="e" value="1E-7"/><boolean key="b" value="True"/><boolean key="c" value="0"/>'
        '<date key="d" value="1950-01-02T03:04:05.678+01:00"/><string key="empty" value=""/>'
    )
    assert attributes(tmp_path, body) == {
        "s": 'say "hi" \\ \n 😀 <b>',
        "id": {"$id": "x-1"},
        "i": 7,
        "big": 9223372036854775807,
        "f": 1.5,
        "e": 1e-07,
        "b": True,
        "c": False,
        "d": {"$date": "1950-01-02T02:04:05.678000Z"},
        "empty": "",
    }


@pytest.mark.parametrize("text", ["\\", '"', "\n", "\t", "/", "{}", "é", "\x7f", "plain"])
def test_each_character_that_json_escapes(tmp_path: Path, text: str) -> None:
    body = f'<string key="s" value={quoted(text)}/><id key="i" value={quoted(text)}/>'
    assert attributes(tmp_path, body) == {"s": text, "i": {"$id": text}}


def test_attributes_are_canonical_json_with_sorted_keys(tmp_path: Path) -> None:
    text = only_event(tmp_path, '<int key="b" value="1"/>' + NAME + NOON + '<int key="a" value="2"/>')["attributes"]
    assert text == '{"a":2,"b":1}'
    assert only_event(tmp_path, NAME + NOON)["attributes"] == "{}"


def test_lists_containers_and_nested_attributes(tmp_path: Path) -> None:
    items = '<int key="n" value="1"/><string key="n" value="two"/>'
    body = (
        f'<list key="new"><values>{items}</values></list><list key="old">{items}</list>'
        f'<container key="box">{items}</container><list key="none"/>'
        f'<list key="both"><string key="unit" value="kg"/><values>{items}</values></list>'
        '<string key="outer" value="o"><int key="inner" value="5"><id key="deep" value="z"/></int></string>'
    )
    pairs = [["n", 1], ["n", "two"]]
    assert attributes(tmp_path, body) == {
        "new": {"$list": pairs},
        "old": {"$list": pairs},
        "box": {"$list": pairs},
        "none": {"$list": []},
        "both": {"$value": {"$list": pairs}, "$nested": [["unit", "kg"]]},
        "outer": {
            "$value": "o",
            "$nested": [["inner", {"$value": 5, "$nested": [["deep", {"$id": "z"}]]}]],
        },
    }


def test_a_field_with_nested_attributes_is_lifted_and_kept(tmp_path: Path) -> None:
    name = '<string key="concept:name" value="A"><string key="language" value="en"/></string>'
    event = only_event(tmp_path, name + NOON)
    assert event["activity"] == "A"
    assert json.loads(event["attributes"]) == {"concept:name": {"$value": "A", "$nested": [["language", "en"]]}}


def test_money_needs_a_number_a_currency_and_an_exact_sum(tmp_path: Path) -> None:
    euro = '<string key="cost:currency" value="EUR"/>'
    for total, currency, value in (
        ('<int key="cost:total" value="3"/>', euro, Decimal(3)),
        ('<float key="cost:total" value="-0.000001"/>', euro, Decimal("-0.000001")),
        ('<float key="cost:total" value="0.0000001"/>', euro, None),
        ('<string key="cost:total" value="3"/>', euro, None),
        ('<float key="cost:total" value="3.5"/>', "", None),
    ):
        event = only_event(tmp_path, NAME + NOON + total + currency)
        kept = json.loads(event["attributes"])
        assert event["value"] == value
        assert event["currency"] == ("EUR" if value is not None else "")
        assert ("cost:total" in kept) == (value is None)
        assert ("cost:currency" in kept) == (value is None and bool(currency))


def test_rows_of_one_shape_with_and_without_money(tmp_path: Path) -> None:
    euro = '<string key="cost:currency" value="EUR"/>'
    totals = ("1.25", "0.0000001", "2.5")
    batch = read(tmp_path, trace(*(f'{NAME}{NOON}<float key="cost:total" value="{total}"/>{euro}' for total in totals)))
    assert batch.events["value"].to_list() == [Decimal("1.25"), None, Decimal("2.5")]
    assert batch.events["attributes"].to_list()[::2] == ["{}", "{}"]
    assert batch.events["attributes"][1] == '{"cost:currency":"EUR","cost:total":1e-7}'


def test_other_keys_for_case_activity_time_and_start(tmp_path: Path) -> None:
    head = CASE + '<int key="order" value="17"/>'
    body = (
        f'{NAME}{NOON}<string key="task" value="T"/><string key="done" value="2024-05-02"/>'
        '<date key="begun" value="2024-05-01"/><date key="start_timestamp" value="2024-04-30"/>'
    )
    berlin = ZoneInfo("Europe/Berlin")
    batch = read(
        tmp_path,
        trace(body, head=head),
        case_key="order",
        activity_key="task",
        time_key="done",
        start_key="begun",
        timezone=berlin,
    )
    event = batch.events.row(0, named=True)
    assert event["activity"] == "T"
    assert event["precision"] == "day"
    assert event["occurred_at"] == datetime(2024, 5, 2, tzinfo=berlin)
    assert event["started_at"] == datetime(2024, 5, 1, tzinfo=berlin)
    assert event["objects"][0]["id"] == "17"
    assert json.loads(event["attributes"]) == {
        "concept:name": "A",
        "start_timestamp": {"$date": "2024-04-29T22:00:00Z"},
        "time:timestamp": {"$date": "2024-05-01T10:00:00Z"},
    }
    assert batch.objects.select("id", "attribute", "value").rows() == [
        ("17", "", "null"),
        ("17", "concept:name", '"C1"'),
    ]


def test_a_chosen_key_that_nothing_has_is_a_mapping_error(tmp_path: Path) -> None:
    for option in ("case_key", "activity_key", "time_key", "start_key"):
        with pytest.raises(MappingError, match="no trace or event has the attribute elsewhere"):
            read(tmp_path, trace(NAME + NOON), **{option: "elsewhere"})


def test_traces_become_objects(tmp_path: Path) -> None:
    batch = read(
        tmp_path,
        trace(NAME + NOON, head=CASE + '<int key="amount" value="5"/>'),
        trace(head='<string key="concept:name" value="NA"/>'),
        trace(NAME + NOON, head='<string key="concept:name" value="null"/>'),
        trace(NAME + NOON, NAME + NOON),
    )
    assert batch.rejected == []
    assert batch.objects.rows() == [
        ("case", "C1", "", "null", None),
        ("case", "C1", "amount", "5", None),
        ("case", "NA", "", "null", None),
        ("case", "null", "", "null", None),
        ("case", "C1", "", "null", None),
    ]
    assert [refs[0]["id"] for refs in batch.events["objects"].to_list()] == ["C1", "null", "C1", "C1"]
    assert batch.events["sequence"].to_list() == [1, 2, 3, 4]


def test_trace_attributes_after_the_events_count_too(tmp_path: Path) -> None:
    text = f'<trace>{CASE}<event>{NAME}{NOON}</event><int key="late" value="1"/></trace>'
    batch = read(tmp_path, text)
    assert batch.objects["attribute"].to_list() == ["", "late"]


def test_declarations_supply_no_values(tmp_path: Path) -> None:
    declared = (
        '<extension name="Concept" prefix="concept" uri="u"/>'
        f'<global scope="event">{NAME}{NOON}</global><classifier name="c" keys="task"/>'
        '<string key="concept:name" value="log"><event/><trace/></string>'
    )
    batch = read(tmp_path, declared, trace(NOON + '<string key="task" value="T"/>'))
    assert len(batch.events) == 0
    assert batch.rejected[0].reason == "the event has no concept:name; its keys: time:timestamp, task"


def test_prefixed_element_names_and_other_encodings(tmp_path: Path) -> None:
    body = trace(NAME.replace("A", "Prüfung") + NOON)
    prefixed = body.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    path = tmp_path / "log.xes"
    for text, encoding in (
        (f'<?xml version="1.0"?><x:log xmlns:x="http://www.xes-standard.org/">{prefixed}</x:log>', "utf-8"),
        (f'<?xml version="1.0" encoding="ISO-8859-1"?><log>{body}</log>', "latin-1"),
        (f'<?xml version="1.0" encoding="windows-1252"?><log>{body}</log>', "cp1252"),
        (f'<?xml version="1.0" encoding="UTF-16"?><log>{body}</log>', "utf-16"),
    ):
        path.write_bytes(text.encode(encoding))
        batch = joined(XesReader(path, object_type="case").batches())
        assert batch.events["activity"].to_list() == ["Prüfung"]
