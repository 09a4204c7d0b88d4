"""How the tests speak to the ClickHouse server that they started."""

from __future__ import annotations

import io
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import clickhouse_connect
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_server import Server

PASSWORD = "a pass:word/ä"


def connected(server: Server, **options: Any) -> Any:
    """A client with a connection pool of its own, so that no socket outlives its test."""
    options = {"database": "gembascope", "password": server.password or ""} | options
    return clickhouse_connect.get_client(host=server.host, port=server.port, dedicated_pool=True, **options)


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
