"""OCEL in SQLite: names that would inject, broken tables, and that nothing of the file runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ocel_frames import Content, content

from ingest.formats.base import Limits
from ingest.formats.ocel_sqlite import OcelSqliteReader
from kernel.attributes import decode
from kernel.errors import UnreadableFile

SCHEMA = """
CREATE TABLE event (ocel_id TEXT, ocel_type TEXT);
CREATE TABLE object (ocel_id TEXT, ocel_type TEXT);
CREATE TABLE event_object (ocel_event_id TEXT, ocel_object_id TEXT, ocel_qualifier TEXT);
CREATE TABLE object_object (ocel_source_id TEXT, ocel_target_id TEXT, ocel_qualifier TEXT);
CREATE TABLE event_map_type (ocel_type TEXT, ocel_type_map TEXT);
CREATE TABLE object_map_type (ocel_type TEXT, ocel_type_map TEXT);
"""
ORDERS = """
CREATE TABLE event_Pay (ocel_id TEXT, ocel_time TIMESTAMP, amount REAL, paid BOOLEAN, due TIMESTAMP, own TEXT);
CREATE TABLE object_Order (ocel_id INTEGER, ocel_time TEXT, ocel_changed_field TEXT, price REAL, note TEXT);
INSERT INTO event_map_type VALUES ('pay', 'Pay');
INSERT INTO object_map_type VALUES ('order', 'Order');
INSERT INTO event VALUES ('e1', 'pay'), ('e2', 'pay');
INSERT INTO object VALUES ('17', 'order'), ('18', 'order');
INSERT INTO event_Pay VALUES ('e2', '2024-05-01 12:00:00', 5, 1, '2024-06-01', 'Ann');
INSERT INTO event_Pay VALUES ('e1', '2024-05-01T12:00Z', NULL, 0, 'soon', NULL);
INSERT INTO event_object VALUES ('e1', '17', 'of'), ('e2', '18', 'of'), ('e1', '18', NULL);
INSERT INTO object_object VALUES ('17', '18', 'next');
INSERT INTO object_Order VALUES (17, '1970-01-01 01:00:00', NULL, 5, NULL);
INSERT INTO object_Order VALUES (17, '2024-05-01 12:00:00', 'price', 6, 'ignored');
"""


def made(path: Path, *scripts: str) -> Path:
    file = path / "log?#%41.sqlite"
    with closing(sqlite3.connect(file)) as db:
        for script in scripts:
            db.executescript(script)
    return file


def read(path: Path, *scripts: str, limits: Limits | None = None) -> Content:
    return content(OcelSqliteReader(made(path, *scripts), limits=limits))


def test_events_come_in_the_order_of_their_table(tmp_path: Path) -> None:
    found = read(tmp_path, SCHEMA, ORDERS)
    assert found.rejected == []
    assert found.events["source_event_id"].to_list() == ["e1", "e2"]
    assert found.events["precision"].to_list() == ["min", "s"]
    assert [[(each["id"], each["qualifier"]) for each in row] for row in found.events["objects"]] == [
        [("17", "of"), ("18", "")],
        [("18", "of")],
    ]
    assert decode(found.events["attributes"][0]) == {"paid": False, "due": "soon"}
    assert decode(found.events["attributes"][1]) == {
        "amount": 5.0,
        "paid": True,
        "due": {"$date": "2024-06-01T00:00:00Z"},
        "own": "Ann",
    }
    assert found.values.select("id", "attribute", "value").rows() == [("17", "price", "5.0"), ("17", "price", "6.0")]
    assert found.values["changed_at"].is_null().to_list() == [True, False]
    assert found.links.rows() == [("order", "17", "order", "18", "next")]


@pytest.mark.parametrize(
    "name",
    [
        'a"; DROP TABLE event; --',
        "a' OR 1=1 --",
        "<script>alert(1)</script>",
        "line\nbreak\ttab",
        "\U0001f600 \u202e",
        "{table} %s ?",
        "`back` [brackets]",
    ],
)
def test_names_are_only_names(tmp_path: Path, name: str) -> None:
    file = made(tmp_path, SCHEMA)
    quoted = '"' + f"event_{name}".replace('"', '""') + '"'
    column = '"' + name.replace('"', '""') + '"'
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"CREATE TABLE {quoted} (ocel_id, ocel_time, {column} TEXT)")
        db.execute("INSERT INTO event VALUES ('e1', ?)", (name,))
        db.execute("INSERT INTO event_map_type VALUES (?, ?)", (name, name))
        db.execute(f"INSERT INTO {quoted} VALUES ('e1', '2024-05-01 12:00:00', 'x')")  # noqa: S608 - quoted above
        db.commit()
    found = content(OcelSqliteReader(file))
    assert found.rejected == []
    assert found.events["activity"].to_list() == [name]
    assert decode(found.events["attributes"][0]) == {name: "x"}


@pytest.mark.parametrize(
    ("script", "position", "reason"),
    [
        ("INSERT INTO event VALUES ('e3', 'pay')", "event 3", "has no such event"),
        ("INSERT INTO event VALUES ('e3', 'ship')", "event 3", "no table holds events of this type"),
        ("INSERT INTO event VALUES (NULL, 'pay')", "event 3", "has no such event"),
        ("INSERT INTO event VALUES ('e1', 'ship')", "table event", "already belongs to another type"),
        ("INSERT INTO event_Pay (ocel_id) VALUES ('e9')", "table event_Pay", "not in the table event"),
        ("UPDATE event_Pay SET ocel_time = NULL WHERE ocel_id = 'e2'", "event 2", "no time"),
        ("UPDATE event_Pay SET ocel_time = 17 WHERE ocel_id = 'e2'", "event 2", "no time"),
        ("UPDATE event_Pay SET own = x'00ff' WHERE ocel_id = 'e2'", "event 2", "binary"),
        ("UPDATE event_Pay SET own = CAST(x'ff' AS TEXT) WHERE ocel_id = 'e2'", "event 2", "valid Unicode"),
        ("UPDATE event_Pay SET own = 'a' || char(0) WHERE ocel_id = 'e2'", "event 2", "NUL"),
        ("INSERT INTO event_object VALUES ('e9', '17', 'of')", "table event_object", "an event that is not there"),
        ("INSERT INTO event_object VALUES ('e1', '99', 'of')", "event 1", "does not declare"),
        ("INSERT INTO event_object VALUES ('e1', '17', 'a' || char(0))", "event 1", "NUL"),
        ("INSERT INTO event_object VALUES ('e1', '17', CAST(x'ff' AS TEXT))", "event 1", "valid Unicode"),
        ("INSERT INTO object_object VALUES ('17', '18', CAST(x'ff' AS TEXT))", "table object_object", "valid Unicode"),
        ("INSERT INTO object_object VALUES ('17', '99', 'of')", "table object_object", "not in the table object"),
        ("INSERT INTO object VALUES ('17', 'item')", "table object", "already belongs to another type"),
        ("INSERT INTO object VALUES ('19', NULL)", "object 3", "no type"),
        ("INSERT INTO object_Order VALUES (99, NULL, NULL, 1, NULL)", "table object_Order", "no object of this id"),
        ("INSERT INTO object_Order VALUES (17, NULL, 'size', 1, NULL)", "table object_Order", "is no column"),
        ("INSERT INTO object_Order VALUES (17, 'x', NULL, 1, NULL)", "table object_Order", "not a time stamp"),
    ],
)
def test_a_broken_piece_is_rejected_and_the_rest_stays(tmp_path: Path, script: str, position: str, reason: str) -> None:
    found = read(tmp_path, SCHEMA, ORDERS, script)
    assert found.events.height >= 1
    assert found.existing.height == 2
    (piece,) = found.rejected
    assert piece.position.startswith(position)
    assert reason in piece.reason
    piece.raw.encode()


def test_repeated_ids_do_not_multiply(tmp_path: Path) -> None:
    more = "INSERT INTO event SELECT ocel_id, ocel_type FROM event; INSERT INTO object SELECT * FROM object;" * 3
    found = read(tmp_path, SCHEMA, ORDERS, more)
    assert found.events.height == 2
    assert found.existing.height == 2
    assert found.rejected == []


def test_tables_without_row_numbers_are_read(tmp_path: Path) -> None:
    plain = SCHEMA.replace("(ocel_id TEXT, ocel_type TEXT)", "(ocel_type TEXT, ocel_id TEXT PRIMARY KEY) WITHOUT ROWID")
    swapped = ORDERS.replace("('e1', 'pay'), ('e2', 'pay')", "('pay', 'e1'), ('pay', 'e2')")
    swapped = swapped.replace("('17', 'order'), ('18', 'order')", "('order', '17'), ('order', '18')")
    found = read(tmp_path, plain, swapped)
    assert found.rejected == []
    assert [[each["id"] for each in row] for row in found.events["objects"]] == [["17", "18"], ["18"]]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE TABLE a (b)", "no table event"),
        (SCHEMA + "DROP TABLE event_map_type", "no table event_map_type"),
        (SCHEMA + "DROP TABLE event; CREATE TABLE event (id TEXT)", "its table event has no ocel_id, ocel_type"),
        (f"{SCHEMA} ALTER TABLE event RENAME TO e; CREATE VIEW event AS SELECT 1", "no table event"),
    ],
)
def test_a_database_of_another_kind_is_refused(tmp_path: Path, script: str, reason: str) -> None:
    with pytest.raises(UnreadableFile, match=reason):
        read(tmp_path, script)


def test_views_and_virtual_tables_are_not_read(tmp_path: Path) -> None:
    view = "DROP TABLE event_Pay; CREATE VIEW event_Pay AS SELECT ocel_id, '2024-05-01' AS ocel_time FROM event"
    assert read(tmp_path, SCHEMA, ORDERS, view).events.height == 0
    virtual = "DROP VIEW event_Pay; CREATE VIRTUAL TABLE event_Pay USING fts5(ocel_id, ocel_time)"
    assert read(tmp_path, virtual).reasons == ["no table holds events of this type, so the time is unknown"] * 2


def test_generated_columns_are_not_computed(tmp_path: Path) -> None:
    generated = "ALTER TABLE event_Pay ADD COLUMN g TEXT AS (hex(zeroblob(1000)))"
    found = read(tmp_path, SCHEMA, ORDERS, generated)
    assert found.rejected == []
    assert "g" not in decode(found.events["attributes"][1])


def test_the_file_is_not_touched(tmp_path: Path) -> None:
    file = made(tmp_path, SCHEMA, ORDERS)
    before = file.read_bytes(), sorted(tmp_path.iterdir())
    content(OcelSqliteReader(file))
    assert (file.read_bytes(), sorted(tmp_path.iterdir())) == before


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = made(tmp_path, SCHEMA, ORDERS).read_bytes()
    file = tmp_path / "damaged.sqlite"
    for broken in (b"", b"SQLite format 3\0", whole[:5_000], whole[:200] + b"\xff" * (len(whole) - 200)):
        file.write_bytes(broken)
        with pytest.raises(UnreadableFile):
            content(OcelSqliteReader(file))


def test_a_name_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    file = made(tmp_path, SCHEMA, ORDERS)
    file.write_bytes(file.read_bytes().replace(b"note TEXT", b"n\xb4te TEXT"))
    with pytest.raises(UnreadableFile, match="surrogates"):
        content(OcelSqliteReader(file))


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_changes_left_in_a_log_are_not_overlooked(tmp_path: Path, suffix: str) -> None:
    file = made(tmp_path, SCHEMA, ORDERS)
    file.with_name(file.name + suffix).write_bytes(b"x")
    with pytest.raises(UnreadableFile, match="changes that are not settled"):
        content(OcelSqliteReader(file))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        content(OcelSqliteReader(tmp_path / "none"))


def test_limits_are_kept(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="larger than"):
        read(tmp_path, SCHEMA, limits=Limits(max_bytes=100))
    large = "INSERT INTO event_Pay VALUES ('e3', '2024-05-01', 1, 1, 1, printf('%.*c', 100000, 'x'))"
    with pytest.raises(UnreadableFile, match="too big"):
        read(tmp_path, ORDERS, large, limits=Limits(max_item_bytes=50_000))
    rows = ", ".join(f"('t{number}', '{number}')" for number in range(2_001))
    with pytest.raises(UnreadableFile, match="more than 2000 event types"):
        read(tmp_path, "INSERT INTO event_map_type VALUES " + rows)  # noqa: S608 - made here
