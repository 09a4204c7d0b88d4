"""The test server answers clickhouse-connect as a ClickHouse server does, faults included."""

from __future__ import annotations

import gzip
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import clickhouse_connect
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clickhouse_connect import common
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError, StreamFailureError
from clickhouse_request import EngineError, parse_statement
from clickhouse_server import Server, running_server

PASSWORD = "a pass:word/ä"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("engine"), PASSWORD) as server:
        client = connected(server, database="default")
        client.command("CREATE DATABASE gembascope ENGINE = Atomic")
        client.close()
        yield server


def connected(server: Server, **options: Any) -> Any:
    """A client with a connection pool of its own, so that no socket outlives its test."""
    options = {"database": "gembascope", "password": server.password or ""} | options
    return clickhouse_connect.get_client(host=server.host, port=server.port, dedicated_pool=True, **options)


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    client = connected(server)
    yield client
    client.close()


@pytest.fixture
def events(client: Any) -> str:
    """An empty table that counts every insert."""
    client.command("DROP TABLE IF EXISTS events SYNC")
    client.command("CREATE TABLE events (case_id String, position UInt32) ENGINE = MergeTree ORDER BY position")
    return "events"


@pytest.fixture
def remembering(client: Any, events: str) -> str:
    """The same, but it remembers the tokens of its inserts (and drops equal blocks that have none)."""
    client.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 100")
    return events


def rows_in(client: Any, table: str) -> int:
    return int(client.query("SELECT count() FROM {name:Identifier}", parameters={"name": table}).result_rows[0][0])


def parquet(first: int, rows: int) -> bytes:
    file = io.BytesIO()
    positions = list(range(first, first + rows))
    table = pa.table({"case_id": [f"case {n}" for n in positions], "position": pa.array(positions, pa.uint32())})
    pq.write_table(table, file)
    return file.getvalue()


def plain_request(server: Server, sql: str, method: str = "POST", **fields: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of a request made without the client library."""
    fields = {"password": server.password or ""} | fields
    url = f"http://{server.host}:{server.port}/?"
    data = sql.encode() if method == "POST" else None
    query = {} if method == "POST" else {"query": sql}
    try:
        with urlopen(Request(url + urlencode(fields | query), data=data, method=method)) as answer:
            return answer.status, dict(answer.headers), answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read().decode()


# Connecting


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


# Values


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


# Answers


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


# Inserts


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


# Sessions and settings


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


# Refusals


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


# Faults


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


# The statement reader


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
