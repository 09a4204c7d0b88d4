"""The contract of a pack: what it makes of deliveries that were recorded once, tested by anyone who has the pack.

Fixtures are JSON files in a folder beside the pack's file, named as it is. Each holds `deliveries` (`body` as text, or
`body_base64`, with `headers` and `key`), and what comes of them: `events` in the form of POST /api/v1/events, the
reasons of those `quarantined`, and how many records are `ignored`.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import Any

import msgspec

from ingest.event_form import Unfit
from ingest.event_rows import EventRows
from ingest.event_values import check_texts
from ingest.mappings.decoding import records
from ingest.mappings.mapper import Mapper
from ingest.mappings.pack import MappingPack
from ingest.sources.delivery import Delivery
from kernel.clock import Clock
from kernel.errors import InputError, UnreadableFile


class _Recorded(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    body: str | None = None
    body_base64: str | None = None
    headers: dict[str, str] = {}
    key: str = "fixture"


class _Fixture(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    deliveries: list[_Recorded]
    events: list[dict[str, Any]] = []
    quarantined: list[str] = []
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a fixture says of a pack: `differences` are the lines of a comparison, none where all is as recorded."""

    fixture: str
    events: int
    quarantined: int
    ignored: int
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Contract:
    """The verdicts of all fixtures, and the rules that no fixture has a record for."""

    pack: str
    version: int
    verdicts: list[Verdict]
    unproven: list[str]

    @property
    def kept(self) -> bool:
        return bool(self.verdicts) and not self.unproven and not any(one.differences for one in self.verdicts)


def prove(pack: MappingPack, path: Path, clock: Clock) -> Contract:
    """Hold a pack against its fixtures; `path` is its file.

    Raises
    ------
    InputError
        A fixture is none.
    """
    mapper, used = Mapper(pack), set[str]()
    verdicts = [_verdict(mapper, fixture, clock, used) for fixture in fixtures(path)]
    return Contract(pack.id, pack.version, verdicts, [rule.name for rule in pack.rules if rule.name not in used])


def fixtures(path: Path) -> list[Path]:
    """The fixtures of the pack in a file, by name."""
    return sorted((path.parent / path.stem).glob("*.json"))


def record(mapper: Mapper, deliveries: Sequence[Delivery], clock: Clock) -> bytes:
    """A fixture of deliveries, with what the pack makes of them now: for whoever looks it over and keeps it."""
    recorded = []
    for one in deliveries:
        try:
            text: dict[str, Any] = {"body": one.body.decode()}
        except UnicodeDecodeError:
            text = {"body_base64": msgspec.json.decode(msgspec.json.encode(one.body))}
        recorded.append(_Recorded(**text, headers=dict(one.headers), key=one.key))
    events, quarantined, ignored = _made(mapper, deliveries, clock, set())
    fixture = _Fixture(recorded, events, quarantined, ignored)
    return msgspec.json.format(msgspec.json.encode(fixture), indent=2) + b"\n"


def _verdict(mapper: Mapper, path: Path, clock: Clock, used: set[str]) -> Verdict:
    try:
        fixture = msgspec.json.decode(path.read_bytes(), type=_Fixture)
        deliveries = [Delivery(_body(one), one.key, one.headers) for one in fixture.deliveries]
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"{path}: this is no fixture: {error}") from None
    events, quarantined, ignored = _made(mapper, deliveries, clock, used)
    wanted = _lines(fixture.events, fixture.quarantined, fixture.ignored)
    found = _lines(events, quarantined, ignored)
    differences = [line.rstrip("\n") for line in unified_diff(wanted, found, "recorded", "made now", n=2)]
    return Verdict(path.stem, len(events), len(quarantined), ignored, differences)


def _body(one: _Recorded) -> bytes:
    return one.body.encode() if one.body is not None else b64decode(one.body_base64 or "", validate=True)


def _made(
    mapper: Mapper, deliveries: Sequence[Delivery], clock: Clock, used: set[str]
) -> tuple[list[dict[str, Any]], list[str], int]:
    events: list[dict[str, Any]] = []
    quarantined: list[str] = []
    ignored = 0
    for delivery in deliveries:
        for one in records(delivery, mapper.pack.decode):
            mapped = mapper.mapped(one, delivery)
            used.add(mapped.rule)
            if mapped.ignored:
                ignored += 1
                continue
            reason = mapped.unfit
            try:
                for event in mapped.events:
                    check_texts(event)
                EventRows(mapper.pack.id, clock.now()).add_all(mapped.events)
            except (Unfit, UnreadableFile) as error:
                reason = str(error)
            if reason:
                quarantined.append(reason)
            else:
                events += [_plain(event) for event in mapped.events]
    return events, quarantined, ignored


def _plain(event: Any) -> dict[str, Any]:
    """An event as it would be sent, without what it leaves out."""
    whole: dict[str, Any] = msgspec.to_builtins(event, builtin_types=())
    bare = {name: value for name, value in whole.items() if value not in ("", None, [], {}, 0)}
    for name in ("objects", "links", "changes"):
        bare[name] = [{k: v for k, v in one.items() if v not in ("", None, {})} for one in bare.get(name, [])]
        if not bare[name]:
            del bare[name]
    return bare


def _lines(events: list[dict[str, Any]], quarantined: list[str], ignored: int) -> list[str]:
    def told() -> Iterator[str]:
        for event in events:
            yield msgspec.json.format(msgspec.json.encode(event, order="sorted"), indent=2).decode()
        yield from (f"quarantined: {reason}" for reason in quarantined)
        yield f"ignored: {ignored}"

    return [line + "\n" for block in told() for line in block.split("\n")]
