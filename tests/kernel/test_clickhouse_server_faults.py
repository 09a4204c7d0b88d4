"""Faults of the ClickHouse server that the tests start: errors, drops, sends again, queries that are killed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from clickhouse_client import connected, parquet, plain_request, rows_in
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from clickhouse_request import EngineError, parse_statement
from clickhouse_server import Server, running_server


@pytest.mark.parametrize(
    ("sql", "status", "code", "name"),
    [
        ("SELECT * FROM missing", 404, 60, "UNKNOWN_TABLE"),
        ("SELECT missing", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("SELEC 1", 400, 62, "SYNTAX_ERROR"),
        ("1 + 1", 400, 62, "SYNTAX_ERROR"),
        ("SELECT toUInt8('x')", 400, 6, "CANNOT_PARSE_TEXT"),
        ("SELECT throwIf(1)", 500, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        (
            "SELECT sleep(3) SETTINGS max_execution_time = 0.01, timeout_overflow_mode = 'throw'",
            408,
            159,
            "TIMEOUT_EXCEEDED",
        ),
        ("SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"),
        ("SELECT 1; -- a comment\n DROP DATABASE gembascope", 400, 62, "SYNTAX_ERROR"),
    ],
)
def test_errors_have_the_form_of_the_server(server: Server, sql: str, status: int, code: int, name: str) -> None:
    seen, headers, text = plain_request(server, sql)
    assert (seen, headers["X-ClickHouse-Exception-Code"]) == (status, str(code))
    assert text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version " in text


@pytest.mark.parametrize("first", ["SELECT 1", "SELECT 1 FORMAT JSON", "CREATE DATABASE IF NOT EXISTS gembascope"])
def test_several_statements_change_nothing(client: Any, events: str, first: str) -> None:
    # The engine itself refuses them only where it streams a SELECT; it would run the last case.
    with pytest.raises(DatabaseError, match="Multi-statements are not allowed"):
        client.command(f"{first}; DROP TABLE events")
    assert rows_in(client, events) == 0


def test_an_error_after_the_first_block_ends_the_stream(client: Any) -> None:
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(5000000)"
    with client.query_row_block_stream(sql) as blocks:
        assert len(next(blocks)) > 0
        with pytest.raises(StreamFailureError, match="throwIf") as raised:
            list(blocks)
    assert raised.value.code == 395
    assert client.command("SELECT 1") == 1


def test_kill_query_stops_the_query_of_that_id(server: Server, client: Any) -> None:
    failures: list[DatabaseError] = []

    def run() -> None:
        busy = connected(server)
        try:
            busy.query(
                "SELECT count() FROM numbers(1000000000000) WHERE sin(number) = 2",
                settings={"query_id": "busy"},
            )
        except DatabaseError as error:
            failures.append(error)
        busy.close()

    thread = threading.Thread(target=run)
    thread.start()
    listed = "SELECT count() FROM system.processes WHERE query_id = {id:String}"
    while client.query(listed, parameters={"id": "busy"}).result_rows == [(0,)]:
        pass
    with pytest.raises(DatabaseError) as refused:
        client.query("SELECT 1", settings={"query_id": "busy"})
    client.command("KILL QUERY WHERE query_id = 'busy' SYNC")
    thread.join()
    assert refused.value.code == 216
    assert [failure.code for failure in failures] == [394]


def insert_ten(client: Any, **settings: str) -> None:
    client.raw_insert("events", insert_block=parquet(0, 10), fmt="Parquet", settings=settings)


def test_a_dropped_insert_is_sent_again_and_counts_twice(server: Server, client: Any, events: str) -> None:
    server.fail_next("drop_after_commit", match="INSERT INTO events")
    insert_ten(client)
    assert rows_in(client, events) == 20


def test_with_a_token_it_counts_once(server: Server, client: Any, remembering: str) -> None:
    server.fail_next("drop_after_commit", match="INSERT INTO events")
    insert_ten(client, insert_deduplication_token="batch 1")
    assert rows_in(client, remembering) == 10


def test_a_drop_before_the_commit_leaves_the_second_try(server: Server, client: Any, events: str) -> None:
    server.fail_next("drop_before_commit", match="INSERT INTO events")
    insert_ten(client)
    assert rows_in(client, events) == 10


def test_the_setting_drops_every_try(client: Any, events: str) -> None:
    with pytest.raises(OperationalError):
        insert_ten(client, test_fault="drop_after_commit")
    assert rows_in(client, events) == 20
    with pytest.raises(OperationalError):
        insert_ten(client, test_fault="drop_before_commit")
    assert rows_in(client, events) == 20


def test_unavailable_is_retried_and_then_reported(server: Server, client: Any) -> None:
    server.fail_next("unavailable", match="SELECT 12345")
    assert client.query("SELECT 12345").result_rows == [(12345,)]
    server.fail_next("unavailable", times=3, match="SELECT 12345")
    with pytest.raises(OperationalError, match="503"):
        client.query("SELECT 12345")
    assert client.query("SELECT 12345").result_rows == [(12345,)]


def test_a_slow_answer_still_comes(client: Any) -> None:
    assert client.query("SELECT 1", settings={"test_fault": "slow", "test_fault_s": "0.01"}).result_rows == [(1,)]


def test_an_unknown_fault_is_refused(server: Server, client: Any) -> None:
    with pytest.raises(DatabaseError, match="test_fault is one of"):
        client.query("SELECT 1", settings={"test_fault": "drop"})
    with pytest.raises(ValueError, match="kind is one of"):
        server.fail_next("drop")


def test_a_server_that_cannot_start_shows_why(tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(RuntimeError, match="did not start") as raised, running_server(file / "engine"):
        pass
    assert "Error" in raised.value.__notes__[0]


@pytest.mark.parametrize(
    ("text", "keyword", "format_name", "data"),
    [
        (b"SELECT 1 FORMAT Native", "SELECT", "Native", None),
        (b"/* ; */ (SELECT ';') -- ;\n FORMAT JSON;\n", "SELECT", "JSON", None),
        (b"SELECT 1 FORMAT JSON SETTINGS max_threads = 1", "SELECT", "JSON", None),
        (b"SELECT 1 AS format FROM t", "SELECT", None, None),
        (b"SELECT format FROM t WHERE format = 1", "SELECT", None, None),
        (
            b"INSERT INTO t (`format`, a) FORMAT Native\n\xff;\x00 FORMAT x",
            "INSERT",
            "Native",
            b"\xff;\x00 FORMAT x",
        ),
        (b"INSERT INTO t SETTINGS a = 1 FORMAT CSV 1,2", "INSERT", "CSV", b"1,2"),
        (b"INSERT INTO t SELECT 1 FORMAT Null", "INSERT", "Null", None),
        (b"INSERT INTO t VALUES ('FORMAT x;')", "INSERT", None, None),
        (b"", "", None, None),
    ],
)
def test_the_reader_finds_format_and_data(
    text: bytes, keyword: str, format_name: str | None, data: bytes | None
) -> None:
    statement = parse_statement(text)
    assert (statement.keyword, statement.format, statement.data) == (keyword, format_name, data)


def test_a_statement_that_is_not_text_is_refused() -> None:
    with pytest.raises(EngineError, match="not UTF-8"):
        parse_statement(b"SELECT '\xff'")
