"""Whatever becomes of a delivery of a system, its pack makes events of it or says why not: nothing else is raised."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from examples import examples

from ingest.event_form import Unfit
from ingest.event_rows import EventRows
from ingest.mappings.contract import fixtures
from ingest.mappings.decoding import records
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import SHIPPED, MappingPack
from ingest.sources.delivery import Delivery
from kernel.clock import Clock
from kernel.definitions import read_definition
from kernel.errors import UnreadableFile

NAMES = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
ODD = (
    *(None, True, False, 0, 1, -1, -0.0, 0.1, 1e308, 2**70, 10**30, [], {}, [[]], [None], [{}], ["x", 1], {"a": {}}),
    *("", " ", "x", "\x00", "é", "0", "-1", "1e400", "NaN", "9" * 21, "x" * 70_000, "12:00", "P1D", "2026-03-01"),
    *("2026-13-45", "2026-03-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00-23:59"),
)
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Of all that a value holds, itself included."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from places(inner, (*at, name))


def changed(value: Any, at: Place, new: Any, *, dropped: bool) -> Any:
    """The value with another one at a place, or none."""
    if not at:
        return new
    first, *rest = at
    copy = value.copy()
    if dropped and not rest:
        del copy[first]
    else:
        copy[first] = changed(value[first], tuple(rest), new, dropped=dropped)
    return copy


def broken(delivery: Delivery, chance: Random) -> Delivery:
    """The delivery with one to three things that are not as they should be."""
    body, headers = delivery.body, dict(delivery.headers)
    for _ in range(chance.randint(1, 3)):
        if headers and chance.random() < 0.15:
            headers[chance.choice(sorted(headers))] = str(chance.choice(ODD))
            continue
        try:
            content = json.loads(body)
        except ValueError:
            cut = chance.randrange(len(body) + 1)
            body = (
                body[:cut] + bytes([chance.randrange(256)]) * chance.randint(0, 3) + body[cut + chance.randint(0, 3) :]
            )
            continue
        place = chance.choice(list(places(content)))
        body = json.dumps(changed(content, place, chance.choice(ODD), dropped=chance.random() < 0.25)).encode()
    return Delivery(body, delivery.key, headers)


def recorded(name: str) -> list[Delivery]:
    found = []
    for path in fixtures(SHIPPED / f"{name}.yaml"):
        for one in json.loads(path.read_bytes())["deliveries"]:
            body = one["body"].encode() if "body" in one else b64decode(one["body_base64"])
            found.append(Delivery(body, one.get("key", "fixture"), one.get("headers", {})))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_events_or_a_reason_come_of_it(name: str, clock: Clock) -> None:
    mapper, chance = Mapper(read_definition(SHIPPED / f"{name}.yaml", MappingPack)), Random(name)
    whole, made, unfit = recorded(name), 0, 0
    for _ in range(examples(400)):
        delivery = broken(chance.choice(whole), chance)
        for record in records(delivery, mapper.pack.decode):
            mapped, rows = mapper.mapped(record, delivery), EventRows(name, clock.now())
            unfit += bool(mapped.unfit)
            try:
                rows.add_all(mapped.events)
            except (Unfit, UnreadableFile):
                unfit += 1
            made += rows.sent().accepted
    assert made
    assert unfit
