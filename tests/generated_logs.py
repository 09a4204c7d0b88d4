"""Small random logs with everything that makes order and identity hard: ties, business dates, several sources and
cases per event, repeated and conflicting ids, equal rows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from logs import START, Happened, Linked, ObjectRef, Told, case_ref
from reference import MICROSECOND, Path

from kernel.calendar_definition import WEEK, CalendarDefinition
from kernel.promise import Promise
from mining.filters import ANCHORS, STATES, CaseFilter

ACTIVITIES = ("A", "B", "C", "Ärger 2")
CASES = ("1", "2", "3", "10")
SOURCES = ("shop", "erp")
MIDNIGHT = START.replace(hour=0)
CALENDARS = {
    "berlin": CalendarDefinition.model_validate(
        {
            "id": "berlin",
            "timezone": "Europe/Berlin",
            "hours": {day: ["08:00-10:01", "10:03-17:00"] for day in ("mon", "tue", "thu", "fri", "sat")},
            "holidays": {"2024-01-06": "Epiphany"},
        }
    ),
    "auckland": CalendarDefinition(
        id="auckland", timezone="Pacific/Auckland", hours={day: ("00:00-24:00",) for day in WEEK}
    ),
}
PROMISES = tuple(
    Promise.model_validate(promise)
    for promise in (
        {"name": "soon", "from": "A", "to": "C", "within": "2 working days"},
        {"name": "at all", "within": "36h"},
        {
            **{"name": "to some", "from": "A", "within": "1h", "where": {"channel": ["web", "9"]}},
            "unless": [{"amount": ["9"], "channel": ["web"]}, {"amount": ["2.5"]}],
        },
        {"name": "answered", "from": "B", "from_take": "last", "to": "A", "to_take": "last", "within": "1h"},
        {"name": "worked", "to": "B", "within": "63 working minutes"},
        {"name": "next day", "from": "C", "to": "B", "within": "1 working days", "calendar": "auckland"},
        {"name": "as told", "from": "A", "to": "C", "to_take": "last", "by_attribute": "promised"},
        {"name": "as told there", "to": "B", "by_attribute": "promised", "calendar": "auckland"},
        {"name": "waited", "from": "A", "to": "C", "within": "36h", "pauses": [{"from": "B", "to": "Ärger 2"}]},
        {
            **{"name": "waited at work", "to": "C", "to_take": "last", "within": "63 working minutes"},
            "pauses": [{"from": "B", "to": "A"}, {"from": "Ärger 2", "to": "A"}],
        },
        {
            **{"name": "waited for days", "from": "A", "within": "1 working days"},
            "pauses": [{"from": "B", "to": "Ärger 2"}, {"from": "Ärger 2", "to": "B"}],
        },
    )
)
PROMISED = (
    *("2024-01-05", "2024-01-06", "2024-02-30", "1969-12-31", "2024-01-05T09:02:00+00:00", "2024-01-06T10:02+13:00"),
    *("2024-01-05T09:02:00.000001Z", "2024-01-05 09:02:00", "2024-01-06 00:00:00.500-03:30", "soon", 20240105),
)
ORDERS = st.lists(st.sampled_from(ACTIVITIES), unique=True, max_size=4).map(tuple)


LINKED_TYPES = ("case:p", "delivery", "parcel", "sku")
LINK_PATHS = (
    ("case:p", "delivery", "parcel"),
    ("case:p", "parcel"),
    ("case:p", "parcel", "delivery"),
    ("case:p", "delivery"),
    ("case:p", "delivery", "parcel", "sku"),
)


def link_paths() -> st.SearchStrategy[tuple[tuple[str, ...], ...]]:
    """The link paths of a definition of PROCESS; long ones more often."""
    return st.lists(st.sampled_from((*LINK_PATHS, LINK_PATHS[0])), min_size=1, max_size=3, unique=True).map(tuple)


def links(*, most: int = 10) -> st.SearchStrategy[list[Linked]]:
    """Relations between a few objects, in both directions, of types that paths name and of others."""
    end = st.tuples(st.sampled_from(LINKED_TYPES), st.sampled_from(CASES[:3]))
    return st.lists(st.builds(Linked, end, end, st.sampled_from(("", "of"))), max_size=most)


def linked_events(*, most: int = 10) -> st.SearchStrategy[list[Happened]]:
    """As `events`, most of which name only objects that are no case."""
    end = st.tuples(st.sampled_from(LINKED_TYPES), st.sampled_from(CASES[:3]), st.sampled_from(("", "of")))
    named = st.lists(end, min_size=1, max_size=2).map(tuple)
    return st.lists(st.builds(lambda row, refs: row.but(objects=refs), _happened(), named), min_size=1, max_size=most)


def _references() -> st.SearchStrategy[tuple[ObjectRef, ...]]:
    case = st.sampled_from(CASES).map(case_ref)
    named = st.tuples(st.sampled_from(("case:p", "parcel")), st.sampled_from(CASES), st.sampled_from(("", "of")))
    return st.one_of(st.tuples(case), st.lists(st.one_of(case, named), min_size=1, max_size=3).map(tuple))


@st.composite
def _happened(draw: st.DrawFn) -> Happened:
    precision = draw(st.sampled_from(("us", "us", "s", "min", "day")))
    day = timedelta(days=draw(st.integers(0, 2)))
    moment = START + day + timedelta(minutes=draw(st.integers(0, 3)))
    if precision == "us":
        moment += MICROSECOND * draw(st.sampled_from((0, 0, 1, 30_000_000)))
    if precision == "day":
        moment = MIDNIGHT + day
    busy = draw(st.sampled_from((None, None, timedelta(0), timedelta(minutes=2), timedelta(hours=30))))
    attributes: dict[str, Any] = draw(
        st.sampled_from(({}, {"amount": 9}, {"amount": 10}, {"amount": 2.5}, {"channel": "web"}, {"channel": "9"}))
    )
    return Happened(
        activity=draw(st.sampled_from(ACTIVITIES)),
        occurred_at=moment,
        objects=draw(_references()),
        precision=precision,
        source=draw(st.sampled_from(SOURCES)),
        sequence=draw(st.integers(0, 2)),
        source_event_id=draw(st.sampled_from(("", "", "e1", "e2", "e3", "e4", "e5", "e6"))),
        revision=draw(st.integers(0, 1)),
        lifecycle=draw(st.sampled_from(("", "complete", "start"))),
        started_at=None if busy is None else moment - busy,
        actor=draw(st.sampled_from(("", "ann", "bob", "Bot 7"))),
        actor_kind=draw(st.sampled_from(("", "human", "system"))),
        outcome=draw(st.sampled_from(("", "ok", "retry"))),
        value=draw(st.sampled_from((None, None, Decimal("12.50"), Decimal("-3")))),
        attributes=attributes,
    )


def events(*, most: int = 14) -> st.SearchStrategy[list[Happened]]:
    """Events in the order of their file."""
    return st.lists(_happened(), min_size=1, max_size=most)


def told() -> st.SearchStrategy[list[Told]]:
    """Attribute values of cases."""
    moments = st.sampled_from((None, START, START + timedelta(days=1)))
    names, values = st.sampled_from(("region", "vip")), st.sampled_from(("north", "south", 3, True))
    usual = st.builds(Told, st.sampled_from(CASES), names, values, moments)
    dates = st.sampled_from(PROMISED)
    promised = st.builds(Told, st.sampled_from(CASES), st.just("promised"), dates, moments)
    return st.lists(st.one_of(usual, promised), max_size=4)


@st.composite
def filters(draw: st.DrawFn, every: list[Path], ids: dict[tuple[str, ...], str], parts: set[str]) -> CaseFilter:
    """A filter that uses the named parts, with values at and around the borders of the cases given."""
    anchors = ANCHORS if any(path.promises for path in every) else ANCHORS[:-1]
    moments = sorted({moment for path in every for moment in (path.start, path.end, path.due) if moment} | {MIDNIGHT})
    lengths = sorted({max(path.end - path.start, timedelta(0)) for path in every} | {timedelta(minutes=1)})
    nudge = st.sampled_from((-MICROSECOND, timedelta(0), MICROSECOND))
    since = draw(st.sampled_from(moments)) + draw(nudge) if "since" in parts else None
    until = draw(st.sampled_from(moments)) + draw(nudge) if "until" in parts else None
    if since is not None and until is not None and until <= since:
        until = since + timedelta(days=1)
    pairs = sorted({pair for path in every for pair, _ in path.steps()} | {("A", "B"), ("C", "nothing")})
    attributes = sorted({item for path in every for item in path.attributes.items()} | {("region", "none")})
    durations = st.one_of(st.sampled_from(lengths), st.tuples(st.sampled_from(lengths), nudge).map(sum_of))
    return CaseFilter(
        since=since,
        until=until,
        anchor=draw(st.sampled_from(anchors)) if parts & {"since", "until"} else "started",
        attributes=tuple(draw(st.lists(st.sampled_from(attributes), min_size=1, max_size=3)))
        if "attributes" in parts
        else (),
        activities=tuple(draw(st.lists(st.sampled_from((*ACTIVITIES, "nothing")), min_size=1, max_size=2)))
        if "activities" in parts
        else (),
        variants=tuple(draw(st.lists(st.sampled_from([*ids.values(), "0" * 16]), min_size=1, max_size=2)))
        if "variants" in parts
        else (),
        min_duration=draw(durations) if "min_duration" in parts else None,
        max_duration=draw(durations) if "max_duration" in parts else None,
        edge=draw(st.sampled_from(pairs)) if "edge" in parts else None,
        states=tuple(draw(st.lists(st.sampled_from(STATES), min_size=1, max_size=2))) if "states" in parts else (),
    )


def sum_of(parts: tuple[timedelta, timedelta]) -> timedelta:
    return parts[0] + parts[1]


FILTER_PARTS = (
    *("since", "until", "attributes", "activities", "variants", "min_duration", "max_duration", "edge", "states"),
)
