"""OCEL 2.0 written: reading gives back what was written, other tools can read it, nothing half-written stays."""

from __future__ import annotations

import json
import sqlite3
import tempfile
import warnings
from contextlib import closing
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ocel_frames import Content, content

from ingest.formats.ocel_json import OcelJsonReader
from ingest.formats.ocel_sqlite import OcelSqliteReader
from ingest.formats.ocel_writer import OcelJsonWriter, OcelSqliteWriter, table_suffixes
from kernel.attributes import date_value, decode, encode, encode_value
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME

FORMATS = {"json": (OcelJsonWriter, OcelJsonReader), "sqlite": (OcelSqliteWriter, OcelSqliteReader)}
FIRST = datetime(1970, 1, 1, tzinfo=timezone.utc)
LATER = FIRST + timedelta(days=1)
LAST = datetime(2200, 12, 31, tzinfo=timezone.utc)

NASTY = (
    "gembascope:json:5",
    "gembascope:event:1:e",
    "gembascope:5:order:1",
    "gembascope:attributes",
    "gembascope:lifecycle",
    "ocel_id",
    "ocel_Time",
    "own",
    "rowid",
    "resource",
    "<script>alert(1)</script>",
    'a"b',
    "a'; DROP TABLE event",
    "line\nbreak",
    "null",
    "5",
    "true",
    "2024-05-01T12:00:00Z",
)
texts = st.one_of(
    st.sampled_from(NASTY), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
)
names = texts.filter(bool)
types = st.one_of(st.sampled_from(["order", "Order", "object", "map type", "!", "?"]), names)
ids = st.one_of(st.sampled_from(["1", "2", "3", ""]), texts)
moments = st.datetimes(LATER.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(timezone.utc))
scalars = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(timezones=st.just(timezone.utc)).map(date_value),
    st.none(),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(st.tuples(texts, inner).map(list), max_size=3).map(lambda pairs: {"$list": pairs}),
        st.fixed_dictionaries({"$date": texts}),
    ),
    max_leaves=5,
)
references = st.fixed_dictionaries({"type": types, "id": ids, "qualifier": texts})
events = st.fixed_dictionaries(
    {
        "source_event_id": ids,
        "activity": types,
        "lifecycle": st.sampled_from(["", "start", "complete"]),
        "occurred_at": st.one_of(moments, moments.map(lambda at: at.replace(microsecond=0)), st.just(FIRST)),
        "precision": st.sampled_from(["us", "ms", "s", "min", "day"]),
        "time_kind": st.sampled_from(["happened", "entered", "posted"]),
        "started_at": st.none() | moments,
        "seen_at": st.none() | moments,
        "sequence": st.integers(1, 3) | st.integers(0, 2**64 - 1),
        "actor": st.just("") | texts,
        "actor_kind": st.sampled_from(["", "human", "system", "agent"]),
        "outcome": st.sampled_from(["", "ok", "error", "retry", "timeout", "rejected"]),
        "error_code": st.just("") | texts,
        "value": st.none() | st.decimals(-(10**30), 10**30, places=6),
        "currency": st.sampled_from(["", "EUR"]),
        "objects": st.lists(references, max_size=3),
        "attributes": st.dictionaries(st.sampled_from(["price", "Price", "resource"]) | texts, values, max_size=4).map(
            encode
        ),
        "trace_id": st.just("") | texts,
        "span_id": st.just("") | texts,
        "revision": st.integers(0, 2**64 - 1),
    }
)
object_values = st.one_of(
    st.tuples(types, ids, st.just(""), st.just("null"), st.none()),
    st.tuples(types, ids, st.sampled_from(["price", "Price"]) | names, values.map(encode_value), st.none() | moments),
)
links = st.tuples(types, ids, types, ids, texts)


def normal(value: Any) -> Any:
    """The value with 5 and 5.0 alike, and True unlike 1."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [normal(each) for each in value]
    if isinstance(value, dict):
        return {key: normal(each) for key, each in value.items()}
    return value


def history(rows: list[tuple[Any, ...]]) -> list[str]:
    """The attribute values, each in one comparable text, sorted."""
    return sorted(
        repr((*row[:3], normal(plain(decode(row[3]))), row[4] and row[4].isoformat())) for row in rows if row[2]
    )


def plain(value: Any) -> Any:
    """Whole floats as integers, so that their representation is one."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53 else value


def written_and_read(form: str, *frames: dict[str, pl.DataFrame], **declared: Any) -> Content:
    writer, reader = FORMATS[form]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        with writer(path, **declared) as out:
            for frame in frames:
                out.write(**frame)
        assert [each.name for each in Path(folder).iterdir()] == ["log"]
        return content(reader(path))


@pytest.mark.parametrize("form", FORMATS)
@given(st.lists(events, max_size=5), st.lists(object_values, max_size=8), st.lists(links, max_size=4), st.booleans())
@settings(max_examples=60, deadline=None)
def test_reading_gives_back_what_was_written(
    form: str, rows: list[dict[str, Any]], values: list[tuple[Any, ...]], pairs: list[tuple[Any, ...]], late: bool
) -> None:
    frame = pl.DataFrame(rows, schema=EVENT_FRAME, orient="row")
    objects = {"objects": pl.DataFrame(values, schema=OBJECT_FRAME, orient="row")}
    related = {"links": pl.DataFrame(pairs, schema=LINK_FRAME, orient="row")}
    pieces = [{"events": frame.head(2)}, related, {"events": frame.slice(2)}]
    found = written_and_read(form, *([*pieces, objects] if late else [objects, *pieces]))

    assert found.rejected == []
    for row, back in zip(frame.rows(named=True), found.events.rows(named=True), strict=True):
        assert normal(decode(back.pop("attributes"))) == normal(decode(row.pop("attributes")))
        row["objects"] = list({tuple(each.values()): each for each in row["objects"]}.values())
        assert back == row
    assert history(found.values.rows()) == history(values)
    named = {(each["type"], each["id"]) for row in rows for each in row["objects"]}
    named |= {row[:2] for row in values} | {pair[:2] for pair in pairs} | {pair[2:4] for pair in pairs}
    assert sorted(found.existing.select("type", "id").rows()) == sorted(named)
    assert sorted(found.links.rows()) == sorted(set(pairs))


def small() -> dict[str, pl.DataFrame]:
    event = {
        "source_event_id": "e1",
        "activity": "place <order>",
        "lifecycle": "complete",
        "occurred_at": LATER,
        "precision": "s",
        "time_kind": "happened",
        "sequence": 1,
        "actor": "Ann",
        "value": Decimal("12.5"),
        "objects": [{"type": "order", "id": "1", "qualifier": "of"}, {"type": "item", "id": "1", "qualifier": ""}],
        "attributes": encode({"resource": "Ann", "n": 5, "tags": {"$list": [["", "a"]]}, "x": 1.5, "ok": True}),
    }
    empty = {name: "" for name, kind in EVENT_FRAME.items() if kind == pl.String}
    return {
        "events": pl.DataFrame([{**empty, **event, "revision": 0}], schema=EVENT_FRAME),
        "objects": pl.DataFrame(
            [("order", "1", "price", "5", None), ("order", "1", "price", "6.5", LATER)],
            schema=OBJECT_FRAME,
            orient="row",
        ),
        "links": pl.DataFrame([("order", "1", "item", "1", "has")], schema=LINK_FRAME, orient="row"),
    }


def test_the_json_is_what_the_standard_asks(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    with OcelJsonWriter(path, event_types={"ship": {"carrier": "string"}}) as out:
        out.write(**small())
    document = json.loads(path.read_text())
    assert document["events"] == [
        {
            "id": "e1",
            "type": "place <order>",
            "time": "1970-01-02T00:00:00+00:00",
            "attributes": [
                {"name": "gembascope:lifecycle", "value": "complete"},
                {"name": "gembascope:value", "value": "12.500000"},
                {"name": "n", "value": "5"},
                {"name": "ok", "value": "true"},
                {"name": "resource", "value": "Ann"},
                {"name": "tags", "value": 'gembascope:json:{"$list":[["","a"]]}'},
                {"name": "x", "value": "1.5"},
            ],
            "relationships": [
                {"objectId": "1", "qualifier": "of"},
                {"objectId": "gembascope:4:item:1", "qualifier": ""},
            ],
        }
    ]
    assert document["objects"][0]["attributes"] == [
        {"name": "price", "time": "1970-01-01T00:00:00Z", "value": "5.0"},
        {"name": "price", "time": "1970-01-02T00:00:00+00:00", "value": "6.5"},
    ]
    kinds = {each["name"]: {of["name"]: of["type"] for of in each["attributes"]} for each in document["eventTypes"]}
    assert kinds["ship"] == {"carrier": "string"}
    assert kinds["place <order>"]["n"] == "integer"
    assert kinds["place <order>"]["tags"] == "string"
    assert document["objectTypes"][0] == {"name": "order", "attributes": [{"name": "price", "type": "float"}]}


def test_the_sqlite_layout_is_that_of_the_standard(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with OcelSqliteWriter(path) as out:
        out.write(**small())
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("SELECT * FROM event_map_type").fetchall() == [("place <order>", "PlaceOrder")]
        columns = dict(db.execute("SELECT name, type FROM pragma_table_info('event_PlaceOrder')").fetchall())
        assert columns["ocel_id"] == "TEXT"
        assert (columns["n"], columns["x"], columns["ok"]) == ("INTEGER", "REAL", "BOOLEAN")
        assert db.execute("SELECT * FROM object_Order").fetchall() == [
            ("1", "1970-01-01T00:00:00Z", None, 5.0),
            ("1", "1970-01-02T00:00:00+00:00", "price", 6.5),
        ]
        assert db.execute("SELECT * FROM object_Item").fetchall() == [
            ("gembascope:4:item:1", "1970-01-01T00:00:00Z", None)
        ]


def test_tables_of_types_do_not_collide() -> None:
    types = ["object", "Object", "place order", "place-order", "Place Order!", "!", "", "map type", "x" * 500]
    suffixes = table_suffixes(types)
    assert len({suffix.lower() for suffix in suffixes.values()} - {"object", "map_type"}) == len(types)
    assert max(map(len, suffixes.values())) <= 70


@pytest.mark.parametrize("form", FORMATS)
def test_many_attributes_and_declared_ones_fit(form: str) -> None:
    frames = small()
    wide = encode({f"a{number}": number for number in range(2_500)} | {"Carrier": "x", "carrier": "y"})
    frames["events"] = frames["events"].with_columns(attributes=pl.lit(wide))
    declared = {"place <order>": {"carrier": "string", "Carrier": "string", "ocel_id": "time", "gap": "float"}}
    found = written_and_read(form, frames, event_types=declared)
    assert decode(found.events["attributes"][0]) == decode(wide)


def failing_block(writer: OcelJsonWriter | OcelSqliteWriter) -> None:
    with writer as out:
        out.write(**small())
        raise RuntimeError("stop")


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_changes_when_the_block_fails(form: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"):
        failing_block(FORMATS[form][0](path))
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("log", "old")]


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_changes_when_saving_fails(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    path.write_text("old")

    def full(_: object, target: Path) -> None:
        target.write_text("half")
        raise RuntimeError("no space")

    writer = FORMATS[form][0](path)
    monkeypatch.setattr(writer, "_save", full)
    with pytest.raises(RuntimeError, match="no space"), writer:
        pass
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("log", "old")]


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_log_is_a_valid_file(form: str) -> None:
    found = written_and_read(form)
    assert (found.events.height, found.objects.height, found.links.height, found.rejected) == (0, 0, 0, [])


@pytest.mark.parametrize("form", FORMATS)
def test_a_public_log_survives_and_pm4py_reads_it(form: str, data_dir: Path, tmp_path: Path) -> None:
    given = content(OcelSqliteReader(data_dir / "ocel" / "order-management.sqlite"))
    writer, reader = FORMATS[form]
    path = tmp_path / f"log.{form}"
    with writer(path) as out:
        out.write(events=given.events, objects=given.objects, links=given.links)
    found = content(reader(path))
    assert found.events.equals(given.events)
    assert found.objects.sort(pl.all()).equals(given.objects.sort(pl.all()))
    assert found.links.sort(pl.all()).equals(given.links.sort(pl.all()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pm4py

        theirs = (pm4py.read_ocel2_json if form == "json" else pm4py.read_ocel2_sqlite)(str(path))
    assert len(theirs.events) == 18_211
    assert len(theirs.objects) == 10_011  # without the 20 that no event names
    # Its JSON importer keeps one qualifier per event and object.
    pairs = given.events.select("source_event_id", "objects").explode("objects").unnest("objects")
    expected = pairs.n_unique(["source_event_id", "type", "id"]) if form == "json" else pairs.height
    assert len(theirs.relations) == expected


@pytest.mark.parametrize("name", ["order-management.sqlite", "small"])
def test_the_json_is_valid_by_the_schema(name: str, data_dir: Path, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((data_dir / "ocel" / "schema_ocel2.json").read_text())
    frames = small()
    if name != "small":
        given = content(OcelSqliteReader(data_dir / "ocel" / name))
        frames = {"events": given.events.head(500), "objects": given.objects.head(500), "links": given.links.head(500)}
    with OcelJsonWriter(tmp_path / "log.json") as out:
        out.write(**frames)
    document = json.loads((tmp_path / "log.json").read_text())
    jsonschema.Draft7Validator(schema).validate(document)
