"""Reading one request of ClickHouse's HTTP protocol for the test server: no engine and no socket.

The statement and its FORMAT clause, the fields of URL and form, compressed bodies, errors and their status.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from importlib import import_module
from typing import Any

# Fields of the URL that steer the transport; every other one, `param_*` aside, is a setting of the query.
TRANSPORT = """
    buffer_size client_protocol_version compress database decompress default_format enable_http_compression
    http_headers_progress_interval_ms password query query_id quota_key role send_progress_in_http_headers
    session_check session_id session_timeout test_fault test_fault_s user wait_end_of_query
"""
TRANSPORT_FIELDS = frozenset(TRANSPORT.split())

# chDB emits these formats block by block, and blocks may be joined; others have a header and a footer.
STREAMED_FORMATS = frozenset({"Native", "TabSeparated", "TSV", "CSV", "RowBinary", "JSONEachRow"})

# HTTP status by name of error, as ClickHouse's exceptionCodeToHTTPStatus.cpp has it; 500 for all others.
ERRORS_OF_STATUS = {
    400: """
        BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME
        CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_ESCAPE_SEQUENCE
        CANNOT_PARSE_INPUT_ASSERTION_FAILED CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_NUMBER
        CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_TEXT CANNOT_PARSE_UUID DUPLICATE_COLUMN ILLEGAL_COLUMN
        INCORRECT_DATA SYNTAX_ERROR THERE_IS_NO_COLUMN TOO_BIG_AST TOO_DEEP_AST TYPE_MISMATCH
        UNEXPECTED_AST_STRUCTURE UNKNOWN_ELEMENT_IN_AST UNKNOWN_TYPE_OF_AST_NODE
        VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
    """,
    401: "REQUIRED_PASSWORD",
    403: "ACCESS_DENIED AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE UNKNOWN_USER WRONG_PASSWORD",
    404: """
        UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_DATABASE UNKNOWN_DATABASE_ENGINE UNKNOWN_DIRECTION_OF_SORTING
        UNKNOWN_FORMAT UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_ROLE UNKNOWN_SETTING UNKNOWN_STORAGE
        UNKNOWN_TABLE UNKNOWN_TYPE UNKNOWN_TYPE_OF_QUERY
    """,
    408: "TIMEOUT_EXCEEDED",
    411: "HTTP_LENGTH_REQUIRED",
    413: "QUERY_IS_TOO_LARGE",
    501: "NOT_IMPLEMENTED",
    503: "CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK SOCKET_TIMEOUT",
}
STATUS_OF_ERROR = {name: status for status, names in ERRORS_OF_STATUS.items() for name in names.split()}

# Statements that answer rows, even none; the others send no format header.
ROW_KEYWORDS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS", "CHECK", "KILL"})

DATA_START = re.compile(rb"[ \t\r]*[\n;]?")

TOKEN = re.compile(
    rb"--[^\n]*|/\*.*?\*/"  # comments
    rb"|'(?:[^'\\]|\\.|'')*'|`(?:[^`\\]|\\.|``)*`|\"(?:[^\"\\]|\\.|\"\")*\""  # quoted text and names
    rb"|\w+|[^\w\s]",
    re.DOTALL,
)


class EngineError(Exception):
    """A refusal in ClickHouse's own form; `code` and `name` are its number and its symbol."""

    def __init__(self, code: int, name: str, message: str) -> None:
        self.code, self.name = code, name
        super().__init__(f"Code: {code}. DB::Exception: {message} ({name})")

    @property
    def status(self) -> int:
        return STATUS_OF_ERROR.get(self.name, 500)


def engine_error(error: Exception) -> EngineError:
    """The error with its code and name, read from the text that chDB raises."""
    if isinstance(error, EngineError):
        return error
    found = re.search(r"Code: (\d+)\. DB::Exception: (.*?)\s*\(([A-Z0-9_]+)\)\s*$", str(error), re.DOTALL)
    if found is None:
        return EngineError(1002, "UNKNOWN_EXCEPTION", f"{type(error).__name__}: {error}")
    return EngineError(int(found[1]), found[3], found[2])


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a request. `data` is None unless it is an INSERT with a FORMAT clause; then `sql`
    ends before that clause. `format` is the one named in the statement, None if it names none."""

    keyword: str
    sql: str
    format: str | None
    data: bytes | None = None


def parse_statement(text: bytes) -> Statement:
    """The one statement in `text`. Raises SYNTAX_ERROR for several: a server refuses them, while the
    embedded engine would run them all."""
    keyword, format_name, depth = "", None, 0
    clause: re.Match[bytes] | None = None  # the word FORMAT, when it is the token before this one
    takes_data = settings_follow = ended = False
    for token in TOKEN.finditer(text):
        word = token.group().upper()
        if word.startswith((b"--", b"/*")):
            continue
        if ended and word != b";":
            where = f"failed at position {token.start()} (end of query)"
            raise EngineError(62, "SYNTAX_ERROR", f"Syntax error (Multi-statements are not allowed): {where}.")
        ended = word == b";"
        depth += (word == b"(") - (word == b")")
        is_word = re.fullmatch(rb"\w+", word) is not None
        if is_word and not keyword:
            keyword, takes_data = word.decode(), word == b"INSERT"
        elif clause is not None and is_word:
            format_name = token.group().decode()
            if takes_data:
                start = clause.start()
                line_end = DATA_START.match(text, token.end())
                assert line_end is not None, "the pattern matches nothing too"
                return Statement(keyword, sql_text(text[:start]), format_name, text[line_end.end() :])
        elif format_name is not None and not settings_follow and not ended:
            # What looked like the closing FORMAT clause was a column or an alias of that name.
            settings_follow = word == b"SETTINGS"
            format_name = format_name if settings_follow else None
        elif depth == 0 and word in (b"SELECT", b"WITH", b"VALUES"):
            takes_data = False
        clause = token if depth == 0 and word == b"FORMAT" else None
    return Statement(keyword, sql_text(text), format_name)


def sql_text(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise EngineError(62, "SYNTAX_ERROR", f"Syntax error: the statement is not UTF-8: {error}") from error


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Request:
    """What one HTTP request asks: the statement, its values, its settings and its transport fields."""

    fields: Mapping[str, str]
    statement: Statement
    query_id: str
    read_only: bool

    @property
    def values(self) -> dict[str, str]:
        """Values of `{x:Type}` by name, as text."""
        return {name[6:]: text for name, text in self.fields.items() if name.startswith("param_")}

    @property
    def settings(self) -> dict[str, str]:
        """Settings for this query only. The tag lets KILL QUERY find the query by the request's id, which
        chDB cannot be told."""
        chosen = {
            name: text
            for name, text in self.fields.items()
            if name not in TRANSPORT_FIELDS and not name.startswith("param_")
        }
        chosen["query_cache_tag"] = self.query_id
        if self.read_only:
            chosen.setdefault("readonly", "2")
        return chosen

    @property
    def stays_apart(self) -> bool:
        """Whether it needs a connection of its own even inside a session, because what it sets cannot be
        undone: `readonly` forbids to change itself back, and values set for an INSERT cannot be unset."""
        return "readonly" in self.settings or (self.statement.data is not None and bool(self.values))

    @property
    def is_streamed(self) -> bool:
        return (
            self.statement.keyword in ("SELECT", "WITH")
            and self.answer_format in STREAMED_FORMATS
            and self.fields.get("wait_end_of_query") != "1"
        )

    @property
    def answer_format(self) -> str | None:
        """Format of the rows that come back; None for a statement that answers no rows, like DDL."""
        if self.statement.keyword in ROW_KEYWORDS:
            return self.statement.format or self.fields.get("default_format", "TabSeparated")
        return None


def form_fields(body: bytes, content_type: str) -> dict[str, str]:
    """The parts of a multipart form by name: how a client sends values too long for a URL."""
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
    fields: dict[str, str] = {}
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        if part.get_filename():
            raise EngineError(48, "NOT_IMPLEMENTED", "The test server takes no external data")
        content = part.get_payload(decode=True)
        fields[str(name)] = content.decode() if isinstance(content, bytes) else ""
    return fields


def decompressed(body: bytes, encoding: str | None) -> bytes:
    """The body of a request in plain. A client sends one lz4 frame per block, so there may be several."""
    if not encoding or not body:
        return body
    if encoding == "lz4":
        plain = b""
        while body:
            frame = import_module("lz4.frame").LZ4FrameDecompressor()
            plain += frame.decompress(body)
            body = frame.unused_data or b""
        return plain
    if encoding == "zstd":
        return bytes(zstd().decompress(body))
    if encoding in ("gzip", "deflate"):
        return gzip.decompress(body) if encoding == "gzip" else zlib.decompress(body)
    raise EngineError(89, "UNKNOWN_COMPRESSION_METHOD", f"Unknown compression method {encoding}")


def zstd() -> Any:
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class AnswerEncoder:
    """Compresses an answer piece by piece in the encoding the client prefers, or passes it on as it is."""

    def __init__(self, accepted: str, *, wanted: bool) -> None:
        offers = [offer.split(";")[0].strip() for offer in accepted.split(",")] if wanted else []
        self.encoding = next((offer for offer in offers if offer in ("lz4", "zstd")), None)
        self._head = b""
        if self.encoding == "lz4":
            self._compressor = import_module("lz4.frame").LZ4FrameCompressor(auto_flush=True)
            self._head = self._compressor.begin()
        elif self.encoding == "zstd":
            self._compressor = zstd().ZstdCompressor()

    def encode(self, piece: bytes) -> bytes:
        if self.encoding == "lz4":
            head, self._head = self._head, b""
            return head + bytes(self._compressor.compress(piece))
        if self.encoding == "zstd":
            return bytes(self._compressor.compress(piece, self._compressor.FLUSH_BLOCK))
        return piece

    def finish(self) -> bytes:
        return self._head + bytes(self._compressor.flush()) if self.encoding else b""
