"""The slow reference: which events count, their order, and the paths of cases; the answers are in `reference_answers`.

Written from the documents, in plain Python over lists, so that the SQL has something to equal.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from logs import Happened, Linked, Told
from siphash import sip_hash_128

from kernel import attributes as json_values
from kernel.calendar import BusinessCalendar
from kernel.condition import holds
from kernel.process import ProcessDefinition
from kernel.promise import Promise

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
RESOLUTION = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "day": DAY,
}


@dataclass(frozen=True)
class Counted:
    """An event as it counts: its winning copy, and its id."""

    event: Happened
    event_id: bytes

    @property
    def order_at(self) -> datetime:
        """A business date sorts at the end of its day."""
        if self.event.precision == "day":
            return self.event.occurred_at + DAY - MICROSECOND
        return self.event.occurred_at

    def interval_of_day(self) -> tuple[datetime, datetime]:
        """The first and last instant of the day of an event known to the day; else its stamp, twice."""
        return self.event.occurred_at, self.order_at

    def interval(self) -> tuple[datetime, datetime]:
        """From when to when (both included) it may have happened."""
        first = self.event.occurred_at
        return first, first + RESOLUTION[self.event.precision] - MICROSECOND


@dataclass(frozen=True)
class Kept:
    """One promise to one case: when it is due, when it was kept, how much too late, and since when its clock stands."""

    due: datetime | None
    kept: datetime | None
    late: timedelta | None
    paused_since: datetime | None = None


@dataclass(frozen=True)
class Path:
    """One case: its events in order; per pair whether its order is assumed, and its wait in microseconds or None."""

    case: str
    events: tuple[Counted, ...]
    assumed: tuple[bool, ...]
    waits: tuple[int | None, ...]
    start: datetime
    end: datetime
    state: str
    population: str
    attributes: dict[str, str]
    promises: tuple[Kept, ...] = ()

    @property
    def due(self) -> datetime | None:
        """The first due instant that nothing has kept yet, or the last one when all are kept."""
        every = [item for item in self.promises if item.due is not None]
        unkept = [item for item in every if item.kept is None]
        return (
            min((item.due for item in unkept), default=None)
            if unkept
            else max((item.due for item in every), default=None)
        )

    @property
    def activities(self) -> tuple[str, ...]:
        return tuple(counted.event.activity for counted in self.events)

    @property
    def duration_us(self) -> int:
        return micros(self.end - self.start)

    def steps(self) -> list[tuple[tuple[str, str], int | None]]:
        """Directly-follows pairs with their waits."""
        return list(zip(pairwise(self.activities), self.waits, strict=True))


def micros(duration: timedelta) -> int:
    return duration // MICROSECOND


def winners(tenant: str, files: Sequence[Sequence[Happened]]) -> list[Counted]:
    """The events that count, once each: of copies with one id the highest revision, then the smallest content hash.

    Events without a source id are told apart by content and by how many equal rows of the same file came before.
    """
    best: dict[tuple[str, bytes], tuple[tuple[int, bytes], Happened]] = {}
    for rows in files:
        seen: Counter[tuple[str, bytes]] = Counter()
        for event in rows:
            content = content_hash(event)
            occurrence = seen[event.source, content]
            if event.source_event_id:
                key = f"{tenant}\0{event.source}\0id\0{event.source_event_id}".encode()
                rank = (-event.revision, content)
            else:
                seen[event.source, content] += 1
                key = f"{tenant}\0{event.source}\0row\0{occurrence}\0".encode() + content
                rank = (0, content)
            name = (event.source, sip_hash_128(key))
            if name not in best or rank < best[name][0]:
                best[name] = (rank, event)
    return [Counted(event, event_id) for (_, event_id), (_, event) in best.items()]


def content_hash(event: Happened) -> bytes:
    """Of what the event says, not of where or when it was read."""
    pieces = [
        event.activity,
        event.lifecycle,
        str(micros(event.occurred_at - EPOCH)),
        event.precision,
        "happened",
        "" if event.started_at is None else str(micros(event.started_at - EPOCH)),
        event.actor,
        event.actor_kind,
        event.outcome,
        "",
        "" if event.value is None else format(event.value.normalize(), "f"),
        "",
        json_values.encode(event.attributes),
        "",
        "",
        "\0".join("\0".join(ref) for ref in sorted(event.objects)),
    ]
    return sip_hash_128("\0".join(pieces).encode())


def paths(
    tenant: str,
    definition: ProcessDefinition,
    files: Sequence[Sequence[Happened]],
    told: Iterable[tuple[str, Told]] = (),
    links: Iterable[Linked] = (),
) -> list[Path]:
    """Every case of the process, excluded populations included, by case id. `told`: (source, attribute value)."""
    known_links = list(links)
    cases: dict[str, list[Counted]] = defaultdict(list)
    for counted in winners(tenant, files):
        event = counted.event
        if definition.activities and event.activity not in definition.activities:
            continue
        if definition.lifecycles and event.lifecycle not in definition.lifecycles:
            continue
        ends = {(kind, name) for kind, name, _ in event.objects}
        for name in {case for end in ends for case in reaching(definition, known_links, end)}:
            cases[name].append(counted)
    known = list(told)
    return [_path(definition, name, events, known) for name, events in sorted(cases.items())]


def reaching(definition: ProcessDefinition, links: Sequence[Linked], end: tuple[str, str]) -> set[str]:
    """The cases whose link paths reach an object, and the object itself when it is a case."""
    found = {end[1]} if end[0] == definition.object_type else set()
    for path in definition.links:
        if end[0] not in path:
            continue
        here = {end}
        for nearer in reversed(path[: path.index(end[0])]):
            pairs = {pair for link in links for pair in ((link.one, link.other), (link.other, link.one))}
            here = {other for one, other in pairs if one in here and other[0] == nearer}
        found |= {name for _, name in here}
    return found


def _path(definition: ProcessDefinition, name: str, events: list[Counted], told: list[tuple[str, Told]]) -> Path:
    def rank(counted: Counted) -> int:
        activity = counted.event.activity
        return definition.order.index(activity) + 1 if activity in definition.order else 0

    def key(counted: Counted) -> tuple[Any, ...]:
        event = counted.event
        return (counted.order_at, rank(counted), event.source.encode(), event.sequence, counted.event_id)

    def is_assumed(one: Counted, other: Counted) -> bool:
        """One source orders its own events by their stamps, and those of one stamp by its sequence; everything else
        that may have happened at the same time is put in order by convention only."""
        days_only = "day" in (one.event.precision, other.event.precision)
        if one.event.source == other.event.source and not days_only:
            same_sequence = one.event.sequence == other.event.sequence
            return one.order_at == other.order_at and (rank(one) != rank(other) or same_sequence)
        return one.interval()[1] >= other.interval()[0]

    def wait(one: Counted, other: Counted) -> int:
        begun = other.event.started_at or other.order_at
        return max(0, micros(begun - one.order_at))

    ordered = sorted(events, key=key)
    pairs = list(pairwise(ordered))
    assumed = tuple(is_assumed(one, other) for one, other in pairs)
    first = ordered[0].event
    start = first.started_at or first.occurred_at
    done = {counted.event.activity for counted in ordered} & set(definition.end)
    described = _attributes(definition, name, ordered, told)
    return Path(
        case=name,
        events=tuple(ordered),
        assumed=assumed,
        waits=tuple(None if guess else wait(one, other) for guess, (one, other) in zip(assumed, pairs, strict=True)),
        start=start,
        end=max(counted.event.occurred_at for counted in ordered),
        state=("complete" if done else "open") if definition.end else "unknown",
        population=next(
            (item.name for item in definition.excluded if described.get(item.attribute, "") in item.values), ""
        ),
        attributes=described,
        promises=tuple(_kept(definition, promise, ordered, assumed, described) for promise in definition.promises),
    )


def _kept(
    definition: ProcessDefinition,
    promise: Promise,
    ordered: list[Counted],
    assumed: tuple[bool, ...],
    described: dict[str, str],
) -> Kept:
    """A clock runs from the end of what is known of its start; what keeps it must not lie before that for certain."""
    if not holds(promise.where, described) or any(holds(other, described) for other in promise.unless):
        return Kept(None, None, None)
    first = ordered[0].event.started_at
    places = [number for number, item in enumerate(ordered) if item.event.activity == promise.starts_with]
    if promise.starts_with is None:
        places = [0]
    if not places:
        return Kept(None, None, None)
    place = places[-1 if promise.from_take == "last" else 0]
    since, start = ordered[place].interval_of_day()
    if promise.starts_with is None and first is not None:
        since = start = first
    wanted = definition.end if promise.kept_by is None else (promise.kept_by,)
    keeping = [item for item in ordered if item.event.activity in wanted and item.order_at >= since]
    keeper = keeping[-1 if promise.to_take == "last" else 0] if keeping else None
    stops = pauses(promise, ordered, assumed, place, (since, start), keeper)
    due, paused_since = _due(definition.calendar_of(promise), promise, (since, start), described, stops)
    if keeper is None:
        return Kept(due, None, None, paused_since)
    earliest, kept = keeper.interval_of_day()
    if due is None:
        return Kept(None, kept, None)
    return Kept(due, kept, timedelta() if kept <= due or earliest < due else kept - due)


Stop = tuple[datetime, datetime | None]
"""When a clock stops and when it runs on; None: it still stands."""


def pauses(
    promise: Promise,
    ordered: list[Counted],
    assumed: tuple[bool, ...],
    place: int,
    start: tuple[datetime, datetime],
    keeper: Counted | None,
) -> list[Stop]:
    """When the clock of a promise stands, in order and apart from each other."""
    groups = [sum(not guess for guess in assumed[:number]) for number in range(len(ordered))]

    def by_assumption(one: int, other: int) -> bool:
        """Whether the one, which is ordered before the other, may have come after it."""
        low, high = ordered[other].interval_of_day()
        return groups[one] == groups[other] or (low < high and ordered[one].order_at >= low)

    found: list[Stop] = []
    for pause in promise.pauses:
        ends = [number for number, item in enumerate(ordered) if item.event.activity == pause.ends_with]
        for number, item in enumerate(ordered):
            if item.event.activity != pause.begins_with or number == place:
                continue
            if number < place and not (
                groups[number] == groups[place] or (start[0] < start[1] and item.order_at >= start[0])
            ):
                continue
            before = [end for end in ends if end < number]
            if before and by_assumption(before[-1], number):
                continue
            after = [ordered[end].order_at for end in ends if end > number] + ([keeper.order_at] if keeper else [])
            end = min(after, default=None)
            begin = max(item.order_at, start[1])
            if end is None or end > begin:
                found.append((begin, end))
    merged: list[Stop] = []
    for begin, end in sorted(found, key=lambda stop: stop[0]):
        if merged and (merged[-1][1] is None or begin <= merged[-1][1]):
            last = merged.pop()
            merged.append((last[0], None if last[1] is None or end is None else max(last[1], end)))
        else:
            merged.append((begin, end))
    return merged


def _due(
    calendar: BusinessCalendar,
    promise: Promise,
    start: tuple[datetime, datetime],
    described: dict[str, str],
    stops: list[Stop],
) -> tuple[datetime | None, datetime | None]:
    """When a clock runs out, or since when it stands."""
    if promise.within is None:
        zone = ZoneInfo(calendar.definition.timezone)
        return _written_due(described.get(promise.by_attribute or "", ""), zone), None
    number, unit = re.fullmatch(r"(\d+)(h| working days| working minutes)", promise.within).groups()  # type: ignore[union-attr]
    if unit == " working days":
        return runs_out_by_days(calendar, start[0] + (start[1] - start[0]) // 2, int(number), stops)
    left = timedelta(hours=int(number)) if unit == "h" else timedelta(minutes=int(number))
    return runs_out(None if unit == "h" else calendar, start[1], left, stops)


def runs_out(
    calendar: BusinessCalendar | None, start: datetime, left: timedelta, stops: list[Stop]
) -> tuple[datetime | None, datetime | None]:
    """From stop to stop: what is left of the time, on the wall without a calendar."""
    for begin, end in stops:
        ran = begin - start if calendar is None else calendar.working_time(start, begin)
        if ran >= left:
            break
        if end is None:
            return None, begin
        left, start = left - ran, end
    try:
        return start + left if calendar is None else calendar.add_working_time(start, left), None
    except ValueError:
        return None, None


def runs_out_by_days(
    calendar: BusinessCalendar, start: datetime, days: int, stops: list[Stop]
) -> tuple[datetime | None, datetime | None]:
    """Closing by closing of the open days after the start: those in a stop do not count."""
    lasting = next((begin for begin, end in stops if end is None), None)
    counted = number = 0
    while counted < days:
        number += 1
        try:
            closing = calendar.add_working_days(start, number)
        except ValueError:
            return None, lasting
        if lasting is not None and lasting < closing:
            return None, lasting
        counted += not any(begin < closing <= end for begin, end in stops if end is not None)
    return closing, None


def _written_due(text: str, zone: ZoneInfo) -> datetime | None:
    """An instant with its offset, or the last one at which the zone shows the date."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1970 <= written.year < 2300 or text[4] + text[7] != "--":
        return None
    if len(text) > 10:
        return written.astimezone(timezone.utc) if written.tzinfo is not None else None
    around = datetime(written.year, written.month, written.day, 12, tzinfo=timezone.utc)
    quarters = [around + timedelta(minutes=15 * n) for n in range(-2 * 96, 2 * 96)]
    before = [at for at in quarters if at.astimezone(zone).date() <= written.date()]
    return before[-1] + timedelta(minutes=15) - MICROSECOND


def _attributes(
    definition: ProcessDefinition, name: str, ordered: list[Counted], told: list[tuple[str, Told]]
) -> dict[str, str]:
    """Of the object's own attributes the last value; of the case attributes of the definition the value to take."""
    latest: dict[str, tuple[datetime, bytes, bytes]] = {}
    for source, value in told:
        if value.case == name:
            text = json_values.encode_value(value.value).encode()
            candidate = (value.changed_at or EPOCH, source.encode(), text)
            latest[value.attribute] = max(latest.get(value.attribute, candidate), candidate)
    raw = {attribute: json_values.decode(text.decode()) for attribute, (_, _, text) in latest.items()}
    for item in definition.case_attributes:
        values = [counted.event.attributes[item.name] for counted in ordered if item.name in counted.event.attributes]
        if values:
            raw[item.name] = {"first": values[0], "last": values[-1], "max": max(values, key=_size)}[item.take]
    return {attribute: _shown(value) for attribute, value in raw.items()}


def _size(value: Any) -> tuple[bool, float, str]:
    """Numbers by size and after them nothing; texts by their characters."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return (is_number, float(value) if is_number else 0.0, json_values.encode_value(value))


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json_values.encode_value(value)
