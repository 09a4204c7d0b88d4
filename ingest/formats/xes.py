"""XES files (IEEE 1849), plain or gzipped, as events of one object type.

A trace is an object: its id is the trace's `concept:name`, each further trace attribute one row of its history.
Traces of one name in a file are one object. An event's `concept:name` is its activity, `time:timestamp` its
`occurred_at`, `lifecycle:transition` its lifecycle as written, `org:resource` its actor. `cost:total` and
`cost:currency` together become money where the sum is a number that is stored exactly. What is lifted out is not
repeated in `attributes`, unless it has attributes of its own. Keys of our own exports are lifted back too
(`ingest.formats.xes_fields`). All else stays there with its type.

What the file declares (extensions, globals, classifiers, attributes of the log) supplies no values. Whatever
cannot be kept without a guess is refused with its reason: a trace without an id before its first event, an event
without activity or time, a stamp without a zone where no zone was named, a key given twice, a value that is not
of its type. Document types and entity declarations are refused with the whole file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.formats.base import BATCH_ROWS, Batch, Limits
from ingest.formats.compression import open_bounded
from ingest.formats.xes_batch import BatchBuilder
from ingest.formats.xes_columns import JSON, LIFECYCLE, RESOURCE, Column, Keys, Table
from ingest.formats.xes_fields import TYPE, trace_rows
from ingest.formats.xes_tokens import BYTES_PER_ELEMENT, Tokens, TokenStream
from ingest.formats.xes_values import (
    RAW_CHARS,
    SCALARS,
    elements,
    key_of,
    quoted,
    raw_element,
    scalar,
    value_of,
)
from kernel.attributes import decode, encode_value
from kernel.errors import UnreadableFile

_CHUNK_BYTES = 16 << 10  # small: the tokens of one chunk stay in the processor's cache
_BATCH_BYTES = 64 << 20  # of the decompressed file; a batch of long texts is cut before `batch_rows`
_NO_SHAPE = Table((), {}, names=["no event has this"])
_NO_ID = "its trace has no {} before its first event"


class XesReader:
    """Reads one XES file once; see the module for the mapping and `ingest.formats.base.Reader` for the contract.

    Parameters
    ----------
    path : the file; gzip is recognised by its content.
    object_type : type of the objects that the traces become.
    case_key, activity_key, time_key : attributes that identify a trace, name an activity and date an event.
    start_key : the attribute that dates the start of an event; None takes a date `start_timestamp` or
        `time:start` where there is one.
    timezone : zone of stamps that name none; None refuses them.
    batch_rows : events and trace attributes after which a batch ends.

    A key other than the usual one that the first batch nowhere has raises `MappingError`. `sequence` counts the
    events of the file from 1, refused ones included. Rejected pieces are given as XML, events inside their trace.
    """

    def __init__(
        self,
        path: Path,
        *,
        object_type: str,
        case_key: str = "concept:name",
        activity_key: str = "concept:name",
        time_key: str = "time:timestamp",
        start_key: str | None = None,
        timezone: ZoneInfo | None = None,
        limits: Limits | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._path = path
        self._batch_rows = batch_rows
        self._case_key = case_key
        self._keys = Keys(activity_key, time_key, start_key)
        self._timezone = timezone
        self._limits = limits or Limits()
        self._builder = BatchBuilder(object_type, case_key, self._keys, timezone)
        self._lifted = frozenset({activity_key, time_key, start_key, LIFECYCLE, RESOURCE})

        self._stream = TokenStream(path, self._limits)
        self._tokens = self._stream.tokens
        self._skipped_depth = 0  # > 0: inside a child of <log> that is no trace
        self._trace: _Trace | None = None
        self._traces = 0
        self._sequence = 0
        self._last = _NO_SHAPE

    def batches(self) -> Iterator[Batch]:
        batch_start = 0
        with open_bounded(self._path, self._limits) as stream:
            final = False
            while not final:
                data = stream.read(_CHUNK_BYTES)
                final = not data
                if self._stream.feed(data):
                    self._stream.drop(self._consume())
                self._builder.chunk(len(data), final)
                full = self._builder.rows >= self._batch_rows or stream.produced - batch_start >= _BATCH_BYTES
                if final or (full and self._builder.rows):
                    batch_start = stream.produced
                    yield self._builder.batch(stream.bytes_read)

    # From tokens to traces and events --------------------------------------------------------------------

    def _consume(self) -> int:
        """Take all complete traces, trace attributes and events; returns the number of tokens used."""
        tokens, at = self._tokens, 0
        count = len(tokens)
        self._last = _NO_SHAPE  # tables end with their chunk
        while at < count:
            if self._skipped_depth:
                at = self._skip(at)
            elif self._trace is not None:
                reached = self._in_trace(self._trace, at)
                if reached == at:
                    break
                at = reached
            elif not self._stream.starts(at):  # the end of <log>
                at += 1
            elif tokens[at] == "log":
                at += 2
            elif tokens[at] == "trace":
                self._traces += 1
                self._trace = _Trace(self._traces, self._sequence)
                at += 2
            else:
                self._skipped_depth = 1
                at += 2
        return at

    def _in_trace(self, trace: _Trace, at: int) -> int:
        """Take what is complete of the open trace; the loop that every event of a file passes."""
        tokens = self._tokens
        count, index, flatten = len(tokens), tokens.index, chain.from_iterable
        last = self._last
        while at < count:
            if tokens[at] == "event":
                try:
                    end = index("event", at + 2)
                except ValueError:
                    return at
                if end + 1 < count and type(tokens[end + 1]) is list:
                    end = self._stream.end(at)  # an event inside an event, to be refused as unknown element
                    if end < 0:
                        return at
                if trace.events_from is None:
                    self._open_events(trace)
                self._sequence += 1
                if trace.case_id is None:
                    self._reject(trace, _NO_ID.format(self._case_key), at, end + 1)
                    at = end + 1
                    continue
                # Flat attributes take three tokens each: tag, list, tag. Where all names and tags are those of a
                # table, a list stands after every tag of a start and none after the tag before the next one, so
                # nothing is nested. An attribute that holds others puts a list or its letters among them.
                tags = tokens[at + 2 : end : 3]
                names = list(flatten(tokens[at + 3 : end : 3]))
                values = names[3::4]
                del names[3::4]
                if names == last.names and tags == last.tags:
                    last.values += values
                    last.sequence.append(self._sequence)
                elif table := self._builder.of_shape(tags, names):
                    last = self._last = table
                    table.values += values
                    table.sequence.append(self._sequence)
                else:
                    self._unusual(trace, tags, names, at, end)
                at = end + 1
            elif self._stream.starts(at):
                end = self._stream.end(at)
                if end < 0:
                    return at
                self._trace_attribute(trace, at, end)
                at = end + 1
            else:
                self._close(trace)
                return at + 1
        return at

    def _unusual(self, trace: _Trace, tags: Sequence[object], names: Sequence[object], at: int, end: int) -> None:
        """An event of a new shape, or one with nested, unusual or broken attributes."""
        tokens = self._tokens
        columns: list[Column] = []
        values: list[str] = []
        keys: set[str] = set()
        try:
            for child in elements(tokens, at + 2, end, self._limits.max_depth):
                key = key_of(child)
                if key in keys:
                    raise ValueError(f"the event gives the attribute {key[:60]!r} twice")
                keys.add(key)
                text = child.attributes.get("value")
                plain = child.tag in SCALARS and text is not None
                if text is not None and plain and (key in self._lifted or not child.children):
                    columns.append((child.tag, key))
                    values.append(text)
                if not plain or child.children:
                    columns.append((JSON, key))
                    values.append(encode_value(value_of(child, self._timezone)))
            table = self._builder.add(tuple(columns), values, self._sequence)
        except ValueError as error:
            self._reject(trace, str(error), at, end + 1)
            return
        if table is not None:
            self._builder.learn(table, tags, names)

    def _trace_attribute(self, trace: _Trace, at: int, end: int) -> None:
        in_head = trace.events_from is None
        try:
            key, value = self._keyed_value(trace, at, end, in_head)
            if key in trace.keys:
                raise ValueError(f"the trace gives the attribute {key[:60]!r} twice")
            if not key:
                raise ValueError("an attribute of the trace has an empty key")
            rows = trace_rows(key, value) if value is not None else []
            trace.keys.add(key)
        except ValueError as error:
            self._builder.reject(f"trace {trace.number}", str(error), raw_element(self._tokens, at, end + 1))
            return
        if key == TYPE and value is not None and in_head:
            trace.object_type = str(decode(value)) or None
        elif in_head:
            trace.attributes += rows
        elif trace.case_id is not None:
            for name, text in rows:
                self._builder.object_row(trace.object_type, trace.case_id, name, text)

    def _keyed_value(self, trace: _Trace, at: int, end: int, in_head: bool) -> tuple[str, str | None]:
        """Key and JSON value of a trace attribute; no value where it is the id of the trace and nothing else."""
        tokens, tag = self._tokens, str(self._tokens[at])
        written = tokens[at + 1]
        if in_head:
            trace.keep(tokens[at : end + 1], self._limits.max_item_bytes)
        element = None
        if end == at + 2 and len(written) == 4 and written[0] == "key" and written[2] == "value" and tag in SCALARS:
            key, text = written[1], written[3]
        else:
            element = elements(tokens, at, end + 1, self._limits.max_depth)[0]
            key, text = key_of(element), element.attributes.get("value", "")
        if key == self._case_key and tag in SCALARS and in_head and key not in trace.keys:
            trace.case_id = text if text.strip() else None
            if element is None or not element.children:
                return key, None
        value = scalar(tag, key, text, self._timezone) if element is None else value_of(element, self._timezone)
        return key, encode_value(value)

    def _open_events(self, trace: _Trace) -> None:
        """The head of the trace is complete: nothing after it can name the trace any more."""
        trace.events_from = self._sequence
        self._builder.case(trace.case_id, trace.number, self._sequence, trace.object_type)
        if trace.case_id is not None:
            self._builder.object_row(trace.object_type, trace.case_id, "", "null")
            for key, value in trace.attributes:
                self._builder.object_row(trace.object_type, trace.case_id, key, value)
        trace.attributes = []

    def _close(self, trace: _Trace) -> None:
        if trace.events_from is None:
            self._open_events(trace)
            if trace.case_id is None:
                reason = f"the trace has no {self._case_key} and no events"
                self._builder.reject(f"trace {trace.number}", reason, f"<trace>{trace.raw()}</trace>")
        self._trace = None

    def _reject(self, trace: _Trace, reason: str, at: int, end: int) -> None:
        if trace.case_id is None:
            head = trace.raw()
            head = head if len(head) < RAW_CHARS // 4 else ""
        else:
            head = f"<string key={quoted(self._case_key)} value={quoted(trace.case_id)}/>"
        position = f"trace {trace.number}, event {self._sequence - (trace.events_from or 0)}"
        raw = f"<trace>{head}{raw_element(self._tokens, at, end)}</trace>"
        self._builder.reject(position, reason, raw, self._sequence)

    def _skip(self, at: int) -> int:
        tokens = self._tokens
        count = len(tokens)
        while at < count and self._skipped_depth:
            if self._stream.starts(at):
                self._skipped_depth += 1
                at += 2
            else:
                self._skipped_depth -= 1
                at += 1
            if self._skipped_depth > self._limits.max_depth:
                raise UnreadableFile(f"{self._path}: elements are nested more than {self._limits.max_depth} deep")
        return at


class _Trace:
    """The open trace. `events_from` is the number of the last event before its first; None in its head."""

    __slots__ = ("attributes", "case_id", "events_from", "head", "head_chars", "keys", "number", "object_type")

    def __init__(self, number: int, sequence: int) -> None:
        self.number = number
        self.case_id: str | None = None
        self.events_from: int | None = None
        self.attributes: list[tuple[str, str]] = []
        self.keys: set[str] = set()
        self.object_type: str | None = None  # where the trace names its own
        self.head: Tokens = []
        self.head_chars = 0

    def keep(self, tokens: Tokens, max_chars: int) -> None:
        """Remember an attribute before the first event, in case the trace has to be refused."""
        self.head += tokens
        for part in tokens:
            if type(part) is list:
                self.head_chars += sum(map(len, part))
        if self.head_chars + BYTES_PER_ELEMENT * len(self.head) > max_chars:
            raise UnreadableFile(f"the attributes of trace {self.number} are larger than {max_chars:,} bytes")

    def raw(self) -> str:
        """The attributes before the first event as XML, cut like any rejected piece."""
        return raw_element(self.head, 0, len(self.head))
