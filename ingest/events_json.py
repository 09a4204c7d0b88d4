"""Events as systems send them: a JSON array, decoded, checked one by one and made frames of `kernel.events`.

An event that cannot be kept never stops the others: it is `Refused`, with its text as it was sent. A body that is no
array of JSON values is refused as a whole. The sender's own id of each event is required: it makes sending again safe.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ingest.event_array import decoded, pieces
from ingest.event_form import MAX_SOURCE, Refused, Unfit
from ingest.event_rows import EventRows, Sent
from ingest.event_values import NUL, check_texts
from kernel.errors import InputError, UnreadableFile

MAX_SOURCES = 100
"""Most sources that one request may name."""


def read_events(body: bytes, source: str, now: datetime) -> list[Sent]:
    """The events of a request by source, each in the order they came; one object counts as an array of one.

    `source` is that of events which name none. `now` is when they are seen, where they do not say.

    Raises
    ------
    InputError
        The body is no JSON array of at most MAX_EVENTS events from at most MAX_SOURCES sources. Nothing is kept of it.
    """
    if len(source) > MAX_SOURCE or not source.isprintable():
        raise InputError(f"source: at most {MAX_SOURCE} characters, none of them a control character")
    body = body.strip()
    if body.startswith(b"{"):
        body = b"[" + body + b"]"
    by_source: dict[str, EventRows] = {}
    nul = NUL in body
    for index, event, unfit in decoded(body):
        if unfit is None and event is not None:
            name = event.source if event.source and event.source.isprintable() else source
            rows = by_source.get(name)
            if rows is None:
                rows = by_source[name] = EventRows(name, now)
            try:
                if nul:
                    check_texts(event)
                rows.add(event)
                continue
            except (Unfit, UnreadableFile) as error:
                unfit = Refused(index, event.id, name, str(error), b"")
        if unfit is not None:
            name = unfit.source or source
            by_source.setdefault(name, EventRows(name, now)).refused.append(unfit)
    _put_texts(body, by_source)
    if len(by_source) > MAX_SOURCES:
        raise InputError(f"a request names at most {MAX_SOURCES} sources; this one names {len(by_source)}")
    return [rows.sent() for rows in by_source.values()]


def _put_texts(body: bytes, by_source: Mapping[str, EventRows]) -> None:
    """Give those that were refused after they were decoded the text that was sent."""
    if not any(one.raw == b"" for rows in by_source.values() for one in rows.refused):
        return
    texts = pieces(body)
    for rows in by_source.values():
        rows.refused[:] = [
            one if one.raw else Refused(one.index, one.id, one.source, one.reason, texts[one.index][0].encode())
            for one in rows.refused
        ]
