"""Reading XES: the mapping, what is refused, limits, broken files, and the counts of public logs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.formats import xes_batch
from ingest.formats.base import Batch, Limits
from ingest.formats.xes import XesReader
from ingest.formats.xes_values import quoted
from kernel.errors import MappingError, UnreadableFile
from kernel.events import EVENT_FRAME, OBJECT_FRAME

NOON = '<date key="time:timestamp" value="2024-05-01T12:00:00.000+02:00"/>'
NAME = '<string key="concept:name" value="A"/>'
CASE = '<string key="concept:name" value="C1"/>'


def trace(*events: str, head: str = CASE) -> str:
    return f"<trace>{head}{''.join(f'<event>{event}</event>' for event in events)}</trace>"


def read(folder: Path, *traces: str, **options: Any) -> Batch:
    path = folder / "log.xes"
    path.write_text(f"<log>{''.join(traces)}</log>", encoding="utf-8")
    return joined(XesReader(path, object_type="case", **options).batches())


def joined(batches: Iterator[Batch]) -> Batch:
    pieces = list(batches)
    for piece in pieces:
        assert piece.events.schema == EVENT_FRAME
        assert piece.objects.schema == OBJECT_FRAME
    return Batch(
        events=pl.concat(piece.events for piece in pieces),
        objects=pl.concat(piece.objects for piece in pieces),
        rejected=[rejected for piece in pieces for rejected in piece.rejected],
        bytes_read=pieces[-1].bytes_read,
    )


def only_event(folder: Path, body: str, **options: Any) -> dict[str, Any]:
    batch = read(folder, trace(body), **options)
    assert batch.rejected == []
    row: dict[str, Any] = batch.events.row(0, named=True)
    return row


def attributes(folder: Path, body: str, **options: Any) -> Any:
    return json.loads(only_event(folder, NAME + NOON + body, **options)["attributes"])


def reason(folder: Path, body: str, **options: Any) -> str:
    batch = read(folder, trace(body), **options)
    assert len(batch.events) == 0
    (rejected,) = batch.rejected
    assert rejected.position == "trace 1, event 1"
    return rejected.reason


# The mapping ------------------------------------------------------------------------------------------------


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


# What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (NOON, "the event has no concept:name; its keys: time:timestamp"),
        ("", "the event has no concept:name; its keys: none"),
        (NOON + '<string key="concept:name" value=" "/>', "its concept:name is empty"),
        (NAME, "the event has no time:timestamp"),
        (NAME + '<date key="time:timestamp" value=""/>', "its time:timestamp: '' is not a time stamp"),
        (
            NAME + '<date key="time:timestamp" value="2024-05-01T12:00:00"/>',
            "its time:timestamp: '2024-05-01T12:00:00' names no time zone",
        ),
        (
            NAME + '<date key="time:timestamp" value="1969-12-31T23:59:59Z"/>',
            "its time:timestamp is outside the years 1970 to 2200",
        ),
        (
            NAME + '<date key="time:timestamp" value="2201-01-01T00:00:00Z"/>',
            "its time:timestamp is outside the years 1970 to 2200",
        ),
        (
            NAME + NOON + '<date key="time:start" value="1900-01-01T00:00:00Z"/>',
            "its time:start is outside the years 1970 to 2200",
        ),
        (NAME + NOON + '<float key="x" value="NaN"/>', "the float 'x' is 'NaN', not a finite number"),
        (NAME + NOON + '<float key="x" value="1e999"/>', "the float 'x' is '1e999', not a finite number"),
        (NAME + NOON + '<float key="x" value="1_0"/>', "the float 'x' is '1_0', not a finite number"),
        (NAME + NOON + '<int key="x" value="1.0"/>', "the int 'x' is '1.0', not an integer of 64 bits"),
        (
            NAME + NOON + '<int key="x" value="9223372036854775808"/>',
            "the int 'x' is '9223372036854775808', not an integer of 64 bits",
        ),
        (NAME + NOON + '<boolean key="x" value="yes"/>', "the boolean 'x' is 'yes', not true or false"),
        (NAME + NOON + '<date key="x" value="soon"/>', "the date 'x': 'soon' is not a time stamp"),
        (NAME + NOON + '<int key="x" value="1"/><int key="x" value="1"/>', "the event gives the attribute 'x' twice"),
        (NAME + NOON + '<int key="x"/>', "the int 'x' has no value"),
        (NAME + NOON + '<int value="1"/>', "a <int> has no key"),
        (NAME + NOON + '<text key="x" value="1"/>', "<text> is no attribute of the XES standard"),
        (NAME + NOON + f"<event>{NAME}</event>", "<event> is no attribute of the XES standard"),
        (
            NAME + NOON + '<list key="x"><int key="y" value="z"/></list>',
            "the int 'y' is 'z', not an integer of 64 bits",
        ),
    ],
)
def test_refused_events_say_why(tmp_path: Path, body: str, expected: str) -> None:
    assert reason(tmp_path, body) == expected


def test_one_bad_event_takes_no_other_with_it(tmp_path: Path) -> None:
    bad = NAME + '<date key="time:timestamp" value="never &amp; ever"/>'
    batch = read(tmp_path, trace(NAME + NOON), trace(NAME + NOON, bad, NAME + NOON, bad))
    assert batch.events["sequence"].to_list() == [1, 2, 4]
    assert [rejected.position for rejected in batch.rejected] == ["trace 2, event 2", "trace 2, event 4"]
    assert batch.rejected[0].raw == f"<trace>{CASE}<event>{bad}</event></trace>"


def test_a_rejected_piece_can_be_read_again(tmp_path: Path) -> None:
    nested = '<list key="l"><values><int key="i" value="1"/></values></list>'
    rejected = read(tmp_path, trace(nested + NAME)).rejected[0]
    assert rejected.reason == "the event has no time:timestamp"
    mended = rejected.raw.replace("</event>", f"{NOON}</event>")
    assert read(tmp_path, mended).events["attributes"].to_list() == ['{"l":{"$list":[["i",1]]}}']


def test_a_trace_without_an_id_is_refused_whole(tmp_path: Path) -> None:
    batch = read(
        tmp_path,
        trace(NAME + NOON),
        trace(NAME + NOON, NAME + NOON, head='<int key="amount" value="1"/>'),
        trace(NAME + NOON, head='<string key="concept:name" value=""/>'),
        f"<trace><event>{NAME}{NOON}</event>{CASE}</trace>",
        "<trace/>",
        trace(NAME + NOON),
    )
    assert batch.events["sequence"].to_list() == [1, 6]
    assert batch.objects["id"].to_list() == ["C1", "C1"]
    no_id = "its trace has no concept:name before its first event"
    assert [(rejected.position, rejected.reason) for rejected in batch.rejected] == [
        ("trace 2, event 1", no_id),
        ("trace 2, event 2", no_id),
        ("trace 3, event 1", no_id),
        ("trace 4, event 1", no_id),
        ("trace 5", "the trace has no concept:name and no events"),
    ]
    assert batch.rejected[0].raw == f'<trace><int key="amount" value="1"/><event>{NAME}{NOON}</event></trace>'


def test_a_bad_trace_attribute_leaves_the_trace(tmp_path: Path) -> None:
    head = CASE + '<int key="x" value="?"/><int key="y" value="1"/><int key="y" value="2"/>'
    batch = read(tmp_path, trace(NAME + NOON, head=head))
    assert len(batch.events) == 1
    assert batch.objects["attribute"].to_list() == ["", "y"]
    assert [(rejected.position, rejected.reason) for rejected in batch.rejected] == [
        ("trace 1", "the int 'x' is '?', not an integer of 64 bits"),
        ("trace 1", "the trace gives the attribute 'y' twice"),
    ]


# Files that are refused -------------------------------------------------------------------------------------

LAUGHS = (
    '<!DOCTYPE log [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    '<log><trace><string key="concept:name" value="&b;"/></trace></log>'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "document type"),
        ('<!DOCTYPE log SYSTEM "file:///etc/passwd"><log/>', "document type"),
        ("<log>&undefined;</log>", "not well-formed"),
        ("", "not well-formed"),
        ("<log><trace>", "not well-formed"),
        ("<log/><log/>", "not well-formed"),
        ('<log><string key="a" value="&#0;"/></log>', "not well-formed"),
        ("case,activity,time\n1,A,2024-05-01", "not well-formed"),
        ("<pnml/>", "the root element is <pnml>, not <log>"),
        ('<?xml version="1.0" encoding="nonsense"?><log/>', "not well-formed"),
        (f"<log>{'<string>' * 40}{'</string>' * 40}</log>", "nested more than 32 deep"),
        (f"<log><trace>{CASE}<event>{'<list>' * 40}{'</list>' * 40}</event></trace></log>", "nested more than 32 deep"),
        (f"<log><trace><event>{'<list>' * 100_000}", "nested more than 32 deep|not well-formed"),
    ],
)
def test_files_that_are_no_xes(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "log.xes"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match=message):
        list(XesReader(path, object_type="case").batches())


@pytest.mark.parametrize("inside", ["{}", "<trace>{}</trace>", "<trace><event>{}</event></trace>"])
def test_limits_on_values_and_items(tmp_path: Path, inside: str) -> None:
    path = tmp_path / "log.xes"
    limits = Limits(max_field_bytes=200_000, max_item_bytes=400_000)
    long = f'<string key="a" value="{"x" * 300_000}"/>'
    path.write_text(f"<log>{inside.format(long)}</log>")
    with pytest.raises(UnreadableFile, match="longer than 200,000 bytes"):
        list(XesReader(path, object_type="case", limits=limits).batches())
    if inside != "{}":  # attributes of the log are passed over without being kept
        many = "".join(f'<int key="{number}" value="1"/>' for number in range(20_000))
        path.write_text(f"<log>{inside.format(many)}</log>")
        with pytest.raises(UnreadableFile, match="larger than 400,000 bytes"):
            list(XesReader(path, object_type="case", limits=limits).batches())


def test_a_gzip_without_its_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.xes.gz"
    path.write_bytes(gzip.compress(f"<log>{trace(NAME + NOON)}</log>".encode())[:-8])
    with pytest.raises(UnreadableFile, match="truncated"):
        list(XesReader(path, object_type="case").batches())


SEED = f"""<?xml version="1.0"?><log><global scope="event">{NAME}</global>{
    trace(
        NAME + NOON + '<int key="i" value="1"/><float key="f" value="2.5"/><boolean key="b" value="true"/>',
        NAME + NOON + '<list key="l"><values><id key="x" value="y"/></values></list>',
        head=CASE + '<date key="d" value="2024-05-01T12:00:00Z"/>',
    )
}<!-- c --></log>""".encode()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_cut_and_changed_files_are_refused_or_quarantined(tmp_path: Path, data: st.DataObject) -> None:
    mutated = bytearray(SEED)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        piece = data.draw(
            st.sampled_from([b"", b"<event>", b"</event>", b"<trace>", b"</trace>", b"<list key='q'>", b"key=", b'"'])
            | st.binary(max_size=3)
        )
        mutated[at : at + data.draw(st.integers(0, 12))] = piece
    if data.draw(st.booleans()):
        mutated = mutated[: data.draw(st.integers(0, len(mutated)))]
    path = tmp_path / "log.xes"
    path.write_bytes(mutated)
    try:
        batch = joined(XesReader(path, object_type="case").batches())
    except UnreadableFile:
        return
    assert all(rejected.reason for rejected in batch.rejected)


# Batches ----------------------------------------------------------------------------------------------------


def test_a_case_of_100_000_events_comes_in_bounded_batches(tmp_path: Path) -> None:
    path = tmp_path / "log.xes"
    count = 150_000
    with path.open("w") as file:
        file.write(f"<log><trace>{CASE}")
        for number in range(count):
            file.write(f'<event>{NAME}{NOON}<int key="n" value="{number}"/></event>')
        file.write("</trace></log>")
    batches = list(XesReader(path, object_type="case").batches())
    assert len(batches) == 2
    assert all(len(batch.events) < 140_000 for batch in batches)
    assert [batch.bytes_read for batch in batches] == sorted(batch.bytes_read for batch in batches)
    assert batches[-1].bytes_read == path.stat().st_size
    events = pl.concat(batch.events for batch in batches)
    assert events["sequence"].to_list() == list(range(1, count + 1))
    assert events["attributes"].to_list() == [f'{{"n":{number}}}' for number in range(count)]
    assert events["objects"].explode().struct.field("id").unique().to_list() == ["C1"]


def test_the_result_does_not_depend_on_shapes_or_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether attributes are written as columns or event by event, and wherever chunks are cut."""
    kinds = ['<int key="{}" value="1"/>', '<float key="{}" value="1.50"/>', '<date key="{}" value="2024-05-01Z"/>']
    euro = '<float key="cost:total" value="{}"/><string key="cost:currency" value="EUR"/>'
    traces = []
    for number in range(400):
        bodies = [
            NAME
            + NOON
            + "".join(kinds[place % 3].format(f"k{place}") for place in range(number % 7, 7))
            + (euro.format("1.5" if number % 2 else "0.00000001") if step else "")
            + (f'<string key="own {number}" value="{number}"><id key="n" value="m"/></string>' if step == 2 else "")
            + ('<int key="broken" value="?"/>' if (number, step) == (77, 1) else "")
            for step in range(3)
        ]
        traces.append(trace(*bodies, head=f'<string key="concept:name" value="{number}"/>'))
    usual = read(tmp_path, *traces)
    assert len(usual.events) == 1199
    assert [rejected.position for rejected in usual.rejected] == ["trace 78, event 2"]
    for tables, rows in ((0, 32_768), (3, 32_768), (64, 50), (1, 1)):
        monkeypatch.setattr(xes_batch, "MAX_TABLES", tables)
        monkeypatch.setattr(xes_batch, "_CHUNK_ROWS", rows)
        again = read(tmp_path, *traces)
        assert again.events.equals(usual.events)
        assert again.objects.equals(usual.objects)
        assert [rejected.reason for rejected in again.rejected] == [rejected.reason for rejected in usual.rejected]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 100, 4096])
def test_the_result_does_not_depend_on_the_size_of_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    path = tmp_path / "seed.xes"
    path.write_bytes(SEED)
    usual = joined(XesReader(path, object_type="case").batches())
    monkeypatch.setattr("ingest.formats.xes._CHUNK_BYTES", chunk_bytes)
    again = joined(XesReader(path, object_type="case").batches())
    assert again.events.equals(usual.events)
    assert again.objects.equals(usual.objects)
    assert len(usual.events) == 2


# Public logs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cases", "events", "activities"),
    [
        ("BPIC12.xes.gz", 13_087, 262_200, 24),
        ("Sepsis.xes.gz", 1_050, 15_214, 16),
        ("Helpdesk.xes.gz", 4_580, 21_348, 14),
        ("Receipt.xes.gz", 1_434, 8_577, 27),
        ("BPIC13_incidents.xes.gz", 7_554, 65_533, 4),
        ("T_BPIC15_1.xes.gz", 1_199, 54_818, 38),
        ("reviewing.xes.gz", 100, 3_730, 14),
        ("running-example.xes", 6, 42, 8),
        ("interval_event_log.xes", 1_266, 8_109, 8),
    ],
)
def test_counts_of_public_logs(data_dir: Path, name: str, cases: int, events: int, activities: int) -> None:
    path = data_dir / "logs" / name
    batch = joined(XesReader(path, object_type="case").batches())
    assert batch.rejected == []
    assert len(batch.events) == events
    assert batch.events["activity"].n_unique() == activities
    assert batch.objects["id"].n_unique() == cases
    assert batch.events["objects"].explode().struct.field("id").n_unique() == cases
    assert batch.bytes_read == path.stat().st_size
    if name == "Sepsis.xes.gz":
        assert "NA" in batch.objects["id"]
    if name == "BPIC12.xes.gz":
        assert batch.events.filter(pl.col("lifecycle") == "COMPLETE").height == 164_506
    if name == "interval_event_log.xes":
        assert (batch.events["started_at"] <= batch.events["occurred_at"]).all()


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("partial_order_example.xes", 25, "its time:timestamp: '?' is not a time stamp"),
        ("xes_20.xes", 1, "its trace has no concept:name before its first event"),
    ],
)
def test_public_logs_that_are_refused_whole(data_dir: Path, name: str, count: int, expected: str) -> None:
    batch = joined(XesReader(data_dir / "logs" / name, object_type="case").batches())
    assert len(batch.events) == 0
    assert [rejected.reason for rejected in batch.rejected] == [expected] * count
