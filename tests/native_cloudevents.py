"""A system of the retailer whose integration sends each record as the data of a CloudEvent, built by its SDK."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

SENDING = "erp"
NUMBERS = {"postings": "document_number", "change_documents": "change_number"}
AT_ONCE = 40
BATCH = {"content-type": "application/cloudevents-batch+json"}


class Request(NamedTuple):
    headers: Mapping[str, str]
    body: bytes
    events: int


def requests(folder: Path) -> Iterator[Request]:
    """What is told by the tables of the folder: each posting at once, in binary mode; change documents in batches,
    which the SDK does not build."""
    for path in sorted(folder.rglob("*.csv")):
        events = list(_events(path))
        if path.stem == "postings":
            for event in events:
                message = to_binary_event(event)
                yield Request(message.headers, message.body, 1)
            continue
        for first in range(0, len(events), AT_ONCE):
            some = [to_structured_event(event).body for event in events[first : first + AT_ONCE]]
            yield Request(BATCH, b"[" + b",".join(some) + b"]", len(some))


def _events(path: Path) -> Iterator[CloudEvent]:
    for record in csv.DictReader(path.read_text().splitlines()):
        named = {"id": record[NUMBERS[path.stem]], "source": f"/erp/{path.stem}", "type": f"erp.{path.stem}.added"}
        yield CloudEvent({**named, "datacontenttype": "application/json"}, dict(record))
