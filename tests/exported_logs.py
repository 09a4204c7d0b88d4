"""Logs that are hard to export, and what the warehouse holds of them."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import strategies as st
from logs import CASE_TYPE, LOAD_ID, NO_LINKS, NO_OBJECTS, PROCESS, START, process

from ingest.export import Scope, mapping_file
from ingest.load import Load, LoadReport, LoadRequest
from ingest.mapping import Mapping, read_mapping
from ingest.occurrences import Occurrences
from ingest.store import EventStore, Origin
from kernel.attributes import date_value, encode, encode_value
from kernel.clock import FixedClock
from kernel.events import EVENT_FRAME, LINK_FRAME, OBJECT_FRAME
from kernel.process import ProcessDefinition
from kernel.warehouse import Query, Warehouse
from mining.filters import EVERYTHING, CaseFilter
from mining.projection import refresh

EVENTS = Query(
    "exported events",
    """SELECT lower(hex(content_hash)) AS content, toString(source) AS source, source_event_id, revision, sequence,
    if(seen_at = ingested_at, NULL, seen_at) AS seen
    FROM events WHERE tenant = {tenant:String}
    ORDER BY source, event_id, revision DESC, content_hash, sequence LIMIT 1 BY source, event_id""",
)
RELATIONS = Query(
    "exported relations",
    """SELECT toString(object_type) AS type, object_id, order_at, toString(source) AS source, sequence,
    toString(activity) AS activity, qualifiers
    FROM event_objects WHERE tenant = {tenant:String} ORDER BY ALL""",
)
VALUES = Query(
    "exported values",
    """SELECT DISTINCT toString(object_type) AS type, object_id, toString(attribute) AS attribute, changed_at, value
    FROM object_attributes FINAL WHERE tenant = {tenant:String} AND attribute != '' ORDER BY ALL""",
)
CURRENT = Query(
    "current values",
    """SELECT toString(object_type) AS type, object_id, toString(attribute) AS attribute,
    argMax(value, (changed_at, toString(source), value)) AS value
    FROM object_attributes FINAL WHERE tenant = {tenant:String} AND attribute != '' AND object_type = {type:String}
    GROUP BY ALL ORDER BY ALL""",
)
LINKS = Query(
    "exported links",
    """SELECT DISTINCT toString(from_type) AS a, from_id, toString(to_type) AS b, to_id, toString(qualifier) AS c
    FROM object_links FINAL WHERE tenant = {tenant:String} ORDER BY ALL""",
)
NASTY = (
    *(
        "007",
        "NA",
        "null",
        "a,b;c|d\te",
        'say "hi"',
        "line\nbreak",
        "back\rslash\\",
        "<script>alert(1)</script>",
        "😀 ж",
    ),
    *("'; DROP TABLE events", "=1+1", " blank ", "5", "true", "2024-01-05", "{}"),
)
NAMES = (
    *("channel", "case", "time", "case:x", "attribute_1", "", "org:resource", "concept:name", "cost:total", "amount"),
    *("cost:currency", "time:timestamp", "start_timestamp", "gembascope:outcome", "Channel", "ocel_id", *NASTY),
)
text = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=6))
name = text.filter(lambda each: bool(each.strip()))


def is_no_integer(each: Any) -> bool:
    return isinstance(each, bool) or not isinstance(each, int)


scalar = st.one_of(
    text,
    st.just(""),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    st.datetimes(START.replace(tzinfo=None), timezones=st.just(START.tzinfo)).map(date_value),
    st.text(max_size=3).filter(lambda each: "\0" not in each and each.isprintable() is False),
    text.map(lambda each: {"$id": each}),
)
value = st.one_of(scalar, st.lists(st.tuples(name, scalar).map(list), max_size=2).map(lambda held: {"$list": held}))
kinds_of_column = st.sampled_from((st.integers(-5, 5), st.floats(-9, 9), st.booleans(), name, value))
ocel_columns = st.sampled_from((st.integers(-5, 5), st.floats(-9, 9), st.booleans(), name, value.filter(is_no_integer)))
"""OCEL does not tell 5 from 5.0 in an attribute that holds integers and floats: here none does."""
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "source_event_id": st.sampled_from(("", "", "e1", "e2", "e3", "e4 'x'")),
    "activity": st.one_of(st.sampled_from(("A", "B", "C")), name),
    "lifecycle": st.sampled_from(("", "start", "complete")),
    "precision": st.sampled_from(("us", "us", "ms", "s", "min", "day")),
    "time_kind": st.sampled_from(("happened", "happened", "entered", "posted")),
    "sequence": st.integers(0, 3) | st.just(2**64 - 1),
    "actor": st.just("") | text,
    "actor_kind": st.sampled_from(("", "human", "agent")),
    "outcome": st.sampled_from(("", "ok", "retry")),
    "error_code": st.just("") | text,
    "value": st.none() | st.decimals(-(10**20), 10**20, places=6) | st.just(Decimal("12.5")),
    "currency": st.sampled_from(("", "EUR", " ")),
    "trace_id": st.just("") | name,
    "span_id": st.just("") | name,
    "revision": st.integers(0, 2),
    "source": st.sampled_from(("shop", "erp", "shop;2")),
}
FORMS = st.sampled_from(("sparse", "rich"))
CASES = ("1", "02", "3 'x'", "ж\n4")
moments = st.one_of(
    st.integers(0, 3).map(lambda days: START.replace(hour=0) + timedelta(days=days)),
    st.integers(0, 10**9).map(lambda us: START + timedelta(microseconds=us)),
)
numbers = count()


@st.composite
def logs(draw: st.DrawFn, case_type: str, *, ocel: bool) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Events with `source`, object attributes and links."""
    own = draw(st.lists(st.sampled_from(NAMES) | name, max_size=3, unique=True))
    columns = {each: draw(ocel_columns if ocel else kinds_of_column) for each in own}
    case = st.sampled_from(CASES).map(lambda each: {"type": case_type, "id": each, "qualifier": ""})
    other = st.fixed_dictionaries(
        {"type": st.sampled_from((case_type, "parcel", "a 'b'")), "id": st.sampled_from(CASES), "qualifier": text}
    )
    rows = []
    plain = draw(st.booleans())
    for _ in range(draw(st.integers(1, 9))):
        row = {each: draw(strategy) for each, strategy in FIELDS.items()}
        if draw(FORMS) == "sparse":
            silent = (
                "source_event_id",
                "lifecycle",
                "actor",
                "actor_kind",
                "outcome",
                "error_code",
                "trace_id",
                "span_id",
            )
            row |= dict.fromkeys(silent, "") | {"time_kind": "happened", "precision": "us", "revision": 0}
        row["occurred_at"] = draw(moments)
        row["started_at"] = (
            row["occurred_at"] - timedelta(seconds=draw(st.integers(0, 5))) if draw(st.booleans()) else None
        )
        row["seen_at"] = draw(st.none() | st.just(START + timedelta(days=9, microseconds=7)))
        first = draw(case)
        more = [] if plain else draw(st.lists(case | other, max_size=3))
        unique = {tuple(sorted(each.items())): each for each in (first, *more)}  # relations are a set in OCEL
        row["objects"] = list(unique.values()) if ocel else [first, *more]
        held = {each: draw(strategy) for each, strategy in columns.items() if draw(st.booleans())}
        row["attributes"] = encode(held)
        rows.append(row)
    if draw(st.booleans()):
        rows.append(dict(rows[0]))
    events = pl.DataFrame(rows, schema={**EVENT_FRAME, "source": pl.String})
    touched = sorted({(each["type"], each["id"]) for row in rows for each in row["objects"]})
    object_ = st.sampled_from(touched)
    told = draw(
        st.lists(
            st.tuples(object_, st.sampled_from((*NAMES[:6], "region")).filter(bool), value, st.none() | moments),
            max_size=6,
        )
    )
    objects = pl.DataFrame(
        [(*each, attribute, encode_value(held), at) for each, attribute, held, at in told],
        schema=OBJECT_FRAME,
        orient="row",
    )
    related = draw(st.lists(st.tuples(object_, object_, text), max_size=4))
    links = pl.DataFrame([(*one, *two, role) for one, two, role in related], schema=LINK_FRAME, orient="row")
    return events, objects, links


def definition(object_type: str = CASE_TYPE, **more: Any) -> ProcessDefinition:
    return (
        process(**more) if object_type == CASE_TYPE else ProcessDefinition(id=PROCESS, object_type=object_type, **more)
    )


def scope(warehouse: Warehouse, tenant: str, of: ProcessDefinition, chosen: CaseFilter = EVERYTHING) -> Scope:
    return Scope(warehouse, tenant, of, chosen.parameters(), part_rows=3)


def store(warehouse: Warehouse, clock: FixedClock, tenant: str, of: ProcessDefinition, *frames: pl.DataFrame) -> None:
    events, objects, links = (*frames, NO_OBJECTS, NO_LINKS)[:3] if len(frames) == 1 else frames
    origin = Origin(tenant, "shop", LOAD_ID)
    EventStore(warehouse, clock).store(origin, events, Occurrences().of(events), objects, links)
    refresh(warehouse, clock, tenant, of)


def load(warehouse: Warehouse, clock: FixedClock, tenant: str, path: Path, kind: str) -> LoadReport:
    beside = mapping_file(path, kind)
    mapping = read_mapping(beside) if beside is not None else Mapping()
    return Load(warehouse, clock, LoadRequest(path, PROCESS, tenant, mapping=mapping)).run()


def facts(warehouse: Warehouse, tenant: str, query: Query, *but: str, **more: Any) -> list[tuple[Any, ...]]:
    found = warehouse.query(query, {"tenant": tenant, **more}).drop(but)
    return sorted(found.rows(), key=repr)


def comparable(rows: list[tuple[Any, ...]]) -> list[str]:
    """Values with whole floats as integers: OCEL does not tell them apart where an attribute holds both."""
    plain = []
    for *head, held in rows:
        read = json.loads(held)
        whole = isinstance(read, float) and read.is_integer() and abs(read) <= 2**53
        plain.append(repr((*head, encode_value(int(read)) if whole else held)))
    return sorted(plain)
