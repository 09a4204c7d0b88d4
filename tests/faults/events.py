"""The events of the fault harness: made of their numbers alone, so that nothing has to be kept to know them again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

SOURCES = ("shop", "wms", "carrier")
FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)
POISON = "poison"
"""The activity of events that pass every check and that the warehouse does not take (`faults.service`)."""
BROKEN_EVERY = 100


class Batch:
    """Events `number * size` to `(number + 1) * size` of one source. Of those in `poison_every` one is poison; one in
    BROKEN_EVERY is followed by something that is no event."""

    def __init__(self, number: int, size: int, poison_every: int = 0) -> None:
        self.number, self.size, self._poison_every = number, size, poison_every
        self.source = SOURCES[number % len(SOURCES)]
        self.numbers = range(number * size, (number + 1) * size)

    @property
    def broken(self) -> list[int]:
        return [number for number in self.numbers if number % BROKEN_EVERY == 7]

    def is_poison(self, number: int) -> bool:
        return self._poison_every > 0 and number % self._poison_every == self._poison_every - 1

    def body(self) -> bytes:
        sent: list[Any] = []
        for number in self.numbers:
            sent.append(event(number, poison=self.is_poison(number)))
            if number % BROKEN_EVERY == 7:
                sent.append(broken(number))
        return json.dumps(sent).encode()

    def broken_texts(self) -> list[str]:
        """As they are sent."""
        return [json.dumps(broken(number)) for number in self.broken]

    def contents(self) -> dict[str, str]:
        """What the warehouse must show of each event that it takes: id and digest."""
        taken = [event(number) for number in self.numbers if not self.is_poison(number)]
        return {one["id"]: digest(one) for one in taken}


def event(number: int, *, poison: bool = False) -> dict[str, Any]:
    objects = [{"type": "order", "id": f"O{number // 5}", "qualifier": ""}]
    if number % 3 == 0:
        objects.append({"type": "parcel", "id": f"P{number // 6}", "qualifier": "in"})
    found: dict[str, Any] = {
        "id": f"e{number}",
        "activity": POISON if poison else f"Step {number % 7}",
        "occurred_at": (FIRST + timedelta(milliseconds=137 * number)).isoformat(timespec="milliseconds"),
        "actor": f"clerk-{number % 13}",
        "objects": objects,
        "attributes": {"n": number, "text": f"Grüße {number % 17}"},
        "value": f"{number % 1000}.25",
        "currency": "EUR",
    }
    if number % 50 == 0:
        found["objects"][0] = objects[0] | {"attributes": {"priority": number % 3}}
        found["links"] = [{"from": {"type": "order", "id": f"O{number // 5}"}, "to": {"type": "customer", "id": "C1"}}]
    return found


def broken(number: int) -> dict[str, Any]:
    """What is no event: it has no time."""
    return {"id": f"broken{number}", "activity": "Step 1"}


def digest(one: dict[str, Any]) -> str:
    objects = sorted((ref["type"], ref["id"], ref["qualifier"]) for ref in one["objects"])
    moment = datetime.fromisoformat(one["occurred_at"])
    attributes = json.dumps(one["attributes"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return shown(one["activity"], moment, one["actor"], attributes, one["value"], one["currency"], objects)


def shown(
    activity: str,
    occurred_at: datetime,
    actor: str,
    attributes: str,
    value: Any,
    currency: str,
    objects: Sequence[tuple[str, str, str]],
) -> str:
    """The digest of what an event says."""
    micros = (occurred_at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    said = (activity, micros, actor, attributes, f"{float(value):.2f}", currency, sorted(objects))
    return hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest()
