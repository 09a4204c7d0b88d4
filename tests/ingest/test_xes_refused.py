"""What of an XES file is refused: events, traces, whole files, and files that were cut or changed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xes_traces import CASE, NAME, NOON, SEED, joined, read, reason, trace

from ingest.formats.base import Limits
from ingest.formats.xes import XesReader
from kernel.errors import UnreadableFile


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
