"""OCEL in JSON: the mapping of values, what is refused, hostile documents."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ocel_frames import Content, content

from ingest.formats.base import Limits
from ingest.formats.ocel_json import OcelJsonReader
from kernel.attributes import decode
from kernel.errors import UnreadableFile

STAMP = "2024-05-01T12:00:00Z"


def event(**changes: Any) -> dict[str, Any]:
    return {"id": "e1", "type": "place order", "time": STAMP} | changes


def log(*events: dict[str, Any], objects: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    return {
        "eventTypes": [{"name": "place order", "attributes": []}],
        "objectTypes": [{"name": "order", "attributes": []}],
        "events": list(events),
        "objects": [{"id": "o1", "type": "order"}] if objects is None else objects,
    } | more


def read(path: Path, document: Any, limits: Limits | None = None) -> Content:
    file = path / "log.jsonocel"
    file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return content(OcelJsonReader(file, limits=limits))


def test_an_event_is_mapped(tmp_path: Path) -> None:
    relations = [{"objectId": "o1", "qualifier": "of"}, {"objectId": "o1", "qualifier": "of"}]
    attributes = [{"name": "resource", "value": "Ann"}, {"name": "note", "value": None}]
    found = read(tmp_path, log(event(relationships=relations, attributes=attributes)))
    row = found.events.row(0, named=True)
    assert (row["source_event_id"], row["activity"], row["actor"]) == ("e1", "place order", "Ann")
    assert row["occurred_at"] == datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
    assert (row["precision"], row["time_kind"], row["sequence"]) == ("s", "happened", 1)
    assert row["objects"] == [{"type": "order", "id": "o1", "qualifier": "of"}]
    assert row["attributes"] == '{"resource":"Ann"}'


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "5", "5"),
        ("integer", "5", 5),
        ("integer", 5, 5),
        ("integer", 5.0, 5),
        ("integer", "five", "five"),
        ("float", "5", 5.0),
        ("float", 5, 5.0),
        ("float", "1e400", "1e400"),
        ("float", "nan", "nan"),
        ("boolean", "true", True),
        ("boolean", "0", False),
        ("boolean", True, True),
        ("time", "2024-05-01T12:00:00+02:00", {"$date": "2024-05-01T10:00:00Z"}),
        ("time", "yesterday", "yesterday"),
        ("time", "2024-05-01T12:00:00", "2024-05-01T12:00:00"),
        ("string", ["a", 1], {"$list": [["", "a"], ["", 1]]}),
        ("string", {"$date": "not a date"}, {"$list": [["$date", "not a date"]]}),
        ("unheard of", "5", "5"),
        ("string", "gembascope:json:[1,", "gembascope:json:[1,"),
    ],
)
def test_values_follow_the_declared_kind(tmp_path: Path, kind: str, value: Any, expected: Any) -> None:
    types = [{"name": "place order", "attributes": [{"name": "x", "type": kind}]}]
    found = read(tmp_path, log(event(attributes=[{"name": "x", "value": value}]), eventTypes=types))
    given = decode(found.events["attributes"][0])["x"]
    assert given == expected
    assert type(given) is type(expected)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": "e1", "type": "a"}, "no time"),
        ({"id": "e1", "time": STAMP}, "missing required field `type`"),
        ({"type": "a", "time": STAMP}, "missing required field `id`"),
        (event(type=""), "no type"),
        (event(id=""), "no id"),
        (event(time="soon"), "not a time stamp"),
        (event(time="2024-05-01T12:00:00"), "names no time zone"),
        (event(time="1969-12-31T23:59:59Z"), "outside the years 1970 to 2200"),
        (event(time="2201-01-01T00:00:00Z"), "outside the years 1970 to 2200"),
        (event(time=17), "no time"),
        (event(type="a\0b"), "NUL"),
        (event(attributes=[{"name": "x", "value": "a\0"}]), "NUL"),
        (event(attributes=[{"name": "x", "value": 1}, {"name": "x", "value": 2}]), "two values"),
        (event(attributes=[{"name": "x", "value": "\ud800"}]), "NUL"),
        (event(attributes=[{"name": "x", "value": 'gembascope:json:"\\u0000"'}]), "NUL"),
        ([], "Expected `object`"),
    ],
)
def test_a_bad_event_is_rejected_and_the_others_stay(tmp_path: Path, bad: Any, reason: str) -> None:
    found = read(tmp_path, log(bad, event(id="e2", type="\U0001f600")))
    assert found.events["source_event_id"].to_list() == ["e2"]
    assert found.events["sequence"].to_list() == [2]
    (piece,) = found.rejected
    assert piece.position == "event 1"
    assert reason in piece.reason
    assert piece.raw


def test_an_unknown_object_costs_the_relation_only(tmp_path: Path) -> None:
    found = read(tmp_path, log(event(relationships=[{"objectId": "o9", "qualifier": "of"}])))
    assert found.events["objects"].to_list() == [[]]
    assert found.reasons == ["the event refers to an object that the file does not declare"]
    assert json.loads(found.rejected[0].raw) == {"event": "e1", "object": "o9", "qualifier": "of"}


def test_text_that_cannot_be_kept_never_reaches_a_row(tmp_path: Path) -> None:
    objects = [{"id": "o1", "type": "a\0"}, {"id": "b\0", "type": "order", "relationships": []}]
    objects += [{"id": "o3", "type": "order", "relationships": [{"objectId": "b\0", "qualifier": ""}]}]
    relations = [{"objectId": name, "qualifier": text} for name, text in (("o1", ""), ("b\0", ""), ("o3", "\0"))]
    found = read(tmp_path, log(event(relationships=relations), objects=objects))
    assert found.events["objects"].to_list() == [[]]
    assert found.existing["id"].to_list() == ["o3"]
    assert found.links.height == 0
    assert found.reasons == ["text holds a NUL character"] * 6


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        content(OcelJsonReader(tmp_path / "none"))


def test_objects_give_values_and_links(tmp_path: Path) -> None:
    values = [
        {"name": "price", "value": "5", "time": "1970-01-01T00:00:00Z"},
        {"name": "price", "value": "6", "time": "2024-05-01T00:00:00Z"},
        {"name": "price", "value": "7", "time": "never"},
        {"name": "owner", "value": None, "time": "1970-01-01T00:00:00Z"},
    ]
    links = [{"objectId": "o2", "qualifier": "next"}, {"objectId": "o9", "qualifier": "next"}]
    objects = [
        {"id": "o1", "type": "order", "attributes": values, "relationships": links},
        {"id": "o2", "type": "order"},
        {"id": "o2", "type": "item"},
    ]
    types = [{"name": "order", "attributes": [{"name": "price", "type": "float"}]}]
    found = read(tmp_path, log(objects=objects, objectTypes=types))
    assert found.existing.select("type", "id").rows() == [("order", "o1"), ("order", "o2")]
    assert found.values["value"].to_list() == ["5.0", "6.0"]
    assert found.links.rows() == [("order", "o1", "order", "o2", "next")]
    assert [piece.position for piece in found.rejected] == [
        "object 1, attribute price",
        "object 1, relation to o9",
        "object 3",
    ]


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("1970-01-01T00:00:00Z", None),
        ("1970-01-01T01:00:00", None),
        ("1970-01-01T14:00:00Z", None),
        ("1970-01-01T14:00:01Z", datetime(1970, 1, 1, 14, 0, 1, tzinfo=timezone.utc)),
        ("1900-01-01T00:00:00Z", None),
        ("0", None),
        (0, None),
        ("2201-01-01T00:00:00Z", "outside the years"),
        ("2024-05-01T12:00:00", "names no time zone"),
        ("1970-01-01 or so", "not a time stamp"),
        ([], "not text"),
    ],
)
def test_change_times_at_the_start_of_1970_mean_the_beginning(tmp_path: Path, stamp: Any, expected: Any) -> None:
    values = [{"name": "price", "value": "5", "time": stamp}]
    found = read(tmp_path, log(objects=[{"id": "o1", "type": "order", "attributes": values}]))
    if isinstance(expected, str):
        assert expected in found.reasons[0]
    else:
        assert found.values["changed_at"].to_list() == [expected]


def test_the_first_version_is_told_by_its_keys(tmp_path: Path) -> None:
    document = {
        "ocel:events": {
            "e1": {
                "ocel:activity": "pay",
                "ocel:timestamp": STAMP,
                "ocel:omap": ["o1", "o2"],
                "ocel:vmap": {"amount": 5, "paid": True},
                "ocel:typedOmap": [{"ocel:oid": "o2", "ocel:qualifier": "part"}],
            }
        },
        "ocel:objects": {
            "o1": {"ocel:type": "order", "ocel:ovmap": {"price": 1.5}},
            "o2": {"ocel:type": "item", "ocel:o2o": [{"ocel:oid": "o1", "ocel:qualifier": "in"}]},
        },
        "ocel:objectChanges": [
            {"ocel:oid": "o1", "ocel:field": "price", "price": 2.5, "ocel:timestamp": STAMP},
            {"ocel:oid": "o7", "ocel:field": "price", "price": 2.5, "ocel:timestamp": STAMP},
        ],
    }
    found = read(tmp_path, document)
    assert found.events["attributes"].to_list() == ['{"amount":5,"paid":true}']
    assert [tuple(each.values()) for each in found.events["objects"][0]] == [
        ("item", "o2", "part"),
        ("order", "o1", ""),
    ]
    assert found.values["value"].to_list() == ["1.5", "2.5"]
    assert found.links.rows() == [("item", "o2", "order", "o1", "in")]
    assert [piece.position for piece in found.rejected] == ["object change 2"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "no JSON object"),
        (b"[]", "no JSON object"),
        (b"{}", "no OCEL file"),
        (b'{"traceEvents": []}', "no OCEL file"),
        (b'{"events": [], "objects": [}', "no JSON object"),
        (b'{"events": {}, "objects": []}', "no valid OCEL JSON"),
        (b'{"events": [{"id": NaN}], "objects": []}', "no JSON object"),
        (b'{"events": [Infinity], "objects": []}', "no JSON object"),
        (b'{"events": [], "objects": []} {}', "no JSON object"),
        (b'{"events": ' + b"[" * 100_000, "no JSON object"),
        (b'{"events": [], "objects": [], "events": [1]}', "the same name twice"),
        (b'{"ocel:events": {"e1": {"a": 1}, "e1": {"a": 2}}}', "the same name twice"),
        (b'{"ocel:events": {"e1": {}, "e2": {}, "e1": {}}}', "the same name twice"),
    ],
)
def test_an_unreadable_document_is_refused(tmp_path: Path, document: bytes, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, document)


def test_a_truncated_document_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = json.dumps(log(event(attributes=[{"name": "x", "value": "é"}]))).encode()
    for end in range(len(whole)):
        with pytest.raises(UnreadableFile):
            read(tmp_path, whole[:end])


def test_limits_refuse_large_and_deep_values(tmp_path: Path) -> None:
    large = log(event(attributes=[{"name": "x", "value": "a" * 5_000}]))
    with pytest.raises(UnreadableFile, match="larger than 1000 bytes"):
        read(tmp_path, large, Limits(max_item_bytes=1_000))
    with pytest.raises(UnreadableFile, match=r"more than 1,000 bytes"):
        read(tmp_path, large, Limits(max_bytes=1_000))
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    for value in (deep, "gembascope:json:" + json.dumps(deep)):
        with pytest.raises(UnreadableFile, match="nested too deeply"):
            read(tmp_path, log(event(attributes=[{"name": "x", "value": value}])))
    with pytest.raises(UnreadableFile, match="longer than 1000"):
        read(tmp_path, large, Limits(max_field_bytes=1_000))


def test_numbers_past_the_float_range_are_rejected(tmp_path: Path) -> None:
    text = json.dumps(log(event(attributes=[{"name": "x", "value": 0}]))).replace('"value": 0', '"value": 1e400')
    found = read(tmp_path, text.encode())
    assert found.events.height == 0
    assert "out of range" in found.reasons[0]


def test_invalid_utf8_costs_one_event(tmp_path: Path) -> None:
    text = json.dumps(log(event(type="BAD"), event(id="e2"))).encode().replace(b"BAD", b"\xff\xfe")
    found = read(tmp_path, text)
    assert found.events["source_event_id"].to_list() == ["e2"]
    assert found.rejected[0].position == "event 1"


def test_a_backslash_before_u_is_no_escape(tmp_path: Path) -> None:
    """The text `\\ud800` written out is harmless, even beside a real half pair in another event."""
    attributes = [{"name": "x", "value": "\\ud800 and \U0001f600"}]
    found = read(tmp_path, log(event(attributes=attributes), event(id="e2", type="\udc00")))
    assert decode(found.events["attributes"][0]) == {"x": "\\ud800 and \U0001f600"}
    assert [piece.position for piece in found.rejected] == ["event 2"]


def test_gzip_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    document = b"\xef\xbb\xbf" + json.dumps(log(event())).encode()
    assert read(tmp_path, gzip.compress(document)).events.height == 1


def test_a_foreign_file_cannot_invent_event_fields(tmp_path: Path) -> None:
    marked = [
        {"name": "gembascope:outcome", "value": "<script>"},
        {"name": "gembascope:currency", "value": "EUR"},
        {"name": "gembascope:value", "value": "1e9"},
    ]
    row = read(tmp_path, log(event(attributes=marked))).events.row(0, named=True)
    assert (row["outcome"], row["currency"], row["value"]) == ("", "EUR", None)
    assert decode(row["attributes"]) == {"gembascope:outcome": "<script>", "gembascope:value": "1e9"}
