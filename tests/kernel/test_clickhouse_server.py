"""The test server answers clickhouse-connect as a ClickHouse server does, faults included."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import clickhouse_connect
import pyarrow.parquet as pq
import pytest
from clickhouse_client import connected, parquet, plain_request, rows_in
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_server import Server


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(DatabaseError) as raised:
        connected(replace(server, password="wrong"))
    assert (raised.value.code, raised.value.name) == (516, "AUTHENTICATION_FAILED")
    assert plain_request(server, "SELECT 1", password="wrong")[0] == 403


def test_the_url_opens_the_database(server: Server) -> None:
    client = clickhouse_connect.get_client(
        dsn=server.url("gembascope").replace("clickhouse://", "http://"), dedicated_pool=True
    )
    assert client.command("SELECT currentDatabase()") == "gembascope"
    assert client.ping()
    client.close()


def test_an_unknown_database_is_refused(server: Server) -> None:
    with pytest.raises(DatabaseError) as raised:
        connected(server, database="nowhere").query("SELECT 1")
    assert raised.value.code == 81


@pytest.fixture
def dicts_as_maps() -> Iterator[None]:
    """The client writes a dict as JSON unless told otherwise, and a Map is not written like that."""
    before = common.get_setting("dict_parameter_format")
    common.set_setting("dict_parameter_format", "map")
    yield
    common.set_setting("dict_parameter_format", before)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("String", "it's; DROP TABLE x -- \\ \t\n 'ü' {x:String}"),
        ("String", "ü" * 200_000),  # too long for a URL: sent as a form
        ("Array(String)", ["a'b", "tab\there", "back\\slash", ""]),
        ("Array(String)", [f"case {n}" for n in range(20_000)]),
        ("Map(String, UInt8)", {"a'b": 1, "ü\\": 2}),
        ("Nullable(Int64)", None),
        ("Tuple(String, Float64)", ("x", 0.5)),
    ],
    ids=["hostile", "big", "array", "big array", "map", "null", "tuple"],
)
@pytest.mark.parametrize("as_form", [False, True])
@pytest.mark.usefixtures("dicts_as_maps")
def test_values_come_back_as_they_were_sent(server: Server, kind: str, value: object, as_form: bool) -> None:
    client = connected(server, form_encode_query_params=as_form)
    answer = client.query(f"SELECT {{value:{kind}}}", parameters={"value": value})
    client.close()
    assert answer.result_rows == [(value,)]


def test_values_do_not_stay_in_the_session(client: Any) -> None:
    client.query("SELECT {value:UInt8}", parameters={"value": 1})
    with pytest.raises(DatabaseError) as raised:
        client.query("SELECT {value:UInt8}")
    assert raised.value.code == 456


def test_insert_select_takes_values(client: Any, events: str) -> None:
    client.raw_insert(events, insert_block=parquet(0, 10), fmt="Parquet")
    summary = client.command(
        "INSERT INTO events SELECT case_id, position + 100 FROM events WHERE case_id = {case:String}",
        parameters={"case": "case 3"},
    )
    assert summary.written_rows == 1
    assert client.query("SELECT position FROM events WHERE position > 50").result_rows == [(103,)]


def test_an_insert_with_data_takes_values_too(client: Any, events: str) -> None:
    client.command(
        "INSERT INTO {name:Identifier} FORMAT TabSeparated", data="a\t1\nb\t2\n", parameters={"name": events}
    )
    assert rows_in(client, events) == 2


def test_a_parameterized_view_takes_values(client: Any, events: str) -> None:
    client.raw_insert(events, insert_block=parquet(0, 10), fmt="Parquet")
    client.command("CREATE OR REPLACE VIEW one_case AS SELECT * FROM events WHERE case_id = {case:String}")
    sql = "SELECT position FROM one_case(case = {wanted:String})"
    assert client.query(sql, parameters={"wanted": "case 7"}).result_rows == [(7,)]


def test_answers_in_every_format_hold_the_same_rows(client: Any) -> None:
    sql = "SELECT number, toString(number) AS text FROM numbers(3)"
    rows = [(0, "0"), (1, "1"), (2, "2")]
    as_dicts = [{"number": number, "text": text} for number, text in rows]
    assert client.query(sql).result_rows == rows
    assert client.query_arrow(sql).to_pylist() == as_dicts
    assert pq.read_table(io.BytesIO(client.raw_query(sql, fmt="Parquet"))).to_pylist() == as_dicts
    answer = json.loads(client.raw_query(sql, fmt="JSON", settings={"output_format_json_quote_64bit_integers": 0}))
    assert answer["data"] == as_dicts
    with client.query_row_block_stream(sql) as blocks:
        assert [row for block in blocks for row in block] == rows


@pytest.mark.parametrize("encoding", ["lz4", "zstd", False])
def test_large_answers_and_inserts_pass_every_compression(server: Server, encoding: str | bool, events: str) -> None:
    client = connected(server, compress=encoding)
    sql = "SELECT 'case ' || toString(number), toUInt32(number) FROM numbers(300000) ORDER BY number"
    answer = client.query(sql)
    with client.query_row_block_stream(sql) as blocks:
        assert sum(len(block) for block in blocks) == 300_000
    assert answer.result_rows[-1] == ("case 299999", 299_999)
    summary = client.insert(events, answer.result_rows, column_names=["case_id", "position"])
    assert summary.written_rows == 300_000
    assert client.query("SELECT sum(position), uniqExact(case_id) FROM events").result_rows == [
        (299_999 * 150_000, 300_000)
    ]
    client.close()


def test_a_compressed_file_can_be_inserted_raw(client: Any, events: str) -> None:
    client.raw_insert(events, insert_block=gzip.compress(parquet(0, 10)), fmt="Parquet", compression="gzip")
    assert rows_in(client, events) == 10


def test_no_rows_are_an_empty_answer_and_ddl_answers_nothing(client: Any) -> None:
    assert client.query("SELECT 1 WHERE 0").result_rows == []
    assert client.query("SELECT 1 AS x LIMIT 0").column_names == ("x",)
    assert client.query_arrow("SELECT 1 AS x WHERE 0").schema.names == ["x"]
    assert client.command("SELECT 1 WHERE 0") == ""
    assert client.command("CREATE DATABASE IF NOT EXISTS gembascope").query_id()


def test_a_token_makes_an_insert_count_once(client: Any, remembering: str) -> None:
    for token in ("first", "first", "second"):
        client.raw_insert(
            remembering,
            insert_block=parquet(0, 10),
            fmt="Parquet",
            settings={"insert_deduplication_token": token},
        )
    assert rows_in(client, remembering) == 20


def test_broken_data_are_refused_whole(client: Any, events: str) -> None:
    with pytest.raises(DatabaseError):
        client.raw_insert(events, insert_block=parquet(0, 10)[:-20], fmt="Parquet")
    assert rows_in(client, events) == 0


def test_data_may_hold_anything_that_looks_like_sql(client: Any, events: str) -> None:
    text = "x'; DROP TABLE events; SELECT 1 FORMAT Null"
    client.insert(events, [[text, 1]], column_names=["case_id", "position"])
    client.raw_insert(events, insert_block=f"{text}\t2\n", fmt="TabSeparated")
    assert client.query("SELECT case_id FROM events").result_rows == [(text,), (text,)]


def test_settings_of_a_request_end_with_it(client: Any) -> None:
    sql = "SELECT getSetting('max_result_rows'), getSetting('max_threads') = 3"
    client.command("SET max_threads = 3")
    assert client.query(sql, settings={"max_result_rows": 77, "max_threads": 2}).result_rows == [(77, False)]
    assert client.query(sql).result_rows == [(0, True)]


def test_settings_end_with_a_failed_request_too(client: Any) -> None:
    with pytest.raises(DatabaseError, match="nothing_there"):
        client.query("SELECT * FROM nothing_there", settings={"max_result_rows": 77})
    with pytest.raises(DatabaseError) as raised:
        client.query("SELECT 1", settings={"max_result_rows": 78, "no_such_setting": 1})
    assert raised.value.code == 115
    assert client.command("SELECT getSetting('max_result_rows')") == 0


def test_readonly_holds_for_one_request(client: Any, events: str) -> None:
    with pytest.raises(DatabaseError) as raised:
        client.command("INSERT INTO events VALUES ('a', 1)", settings={"readonly": 1})
    assert raised.value.code == 164
    client.command("INSERT INTO events VALUES ('a', 1)")
    assert rows_in(client, events) == 1


def test_a_get_request_is_readonly(server: Server, events: str) -> None:
    assert plain_request(server, "SELECT 1", method="GET")[::2] == (200, "1\n")
    refused = plain_request(server, "DROP TABLE gembascope.events", method="GET")
    assert refused[1]["X-ClickHouse-Exception-Code"] == "164"


def test_temporary_tables_belong_to_their_session(server: Server, client: Any) -> None:
    client.command("CREATE TEMPORARY TABLE notes (text String)")
    client.command("INSERT INTO notes VALUES ('mine')")
    other = connected(server)
    assert client.query("SELECT text FROM notes").result_rows == [("mine",)]
    with pytest.raises(DatabaseError) as raised:
        other.query("SELECT text FROM notes")
    other.close()
    assert raised.value.code == 60


def test_the_database_of_a_request_ends_with_it(server: Server) -> None:
    name = {"session_id": "databases"}
    assert plain_request(server, "SELECT currentDatabase()", **name)[2] == "default\n"
    assert plain_request(server, "SELECT currentDatabase()", database="system", **name)[2] == "system\n"
    assert plain_request(server, "SELECT currentDatabase()", **name)[2] == "default\n"
    assert plain_request(server, "USE gembascope", **name)[0] == 200
    assert plain_request(server, "SELECT currentDatabase()", **name)[2] == "gembascope\n"


def test_an_unknown_session_is_refused_on_demand(server: Server) -> None:
    status, headers, _ = plain_request(server, "SELECT 1", session_id="never seen", session_check="1")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (500, "372")
