"""Messages of the supplier network, after EDIFACT: one message per line, segments ended by an apostrophe.

RFF names what else it is about, FTX details of it, CCI what an object is from its beginning, CAV what it becomes, and
REL that two objects belong together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from simulator.emit.native.told import DayFiles, Told, slug
from simulator.emit.writer import money
from simulator.world.times import as_datetime

MESSAGES = {"purchase_order": "ORDRSP", "delivery": "DESADV", "goods_receipt": "RECADV", "invoice": "INVOIC"}
"""The kind of message by what it is about; GENRAL for the rest."""
_RESERVED = re.compile(r"([?'+:])")


class SupplierNetwork(DayFiles):
    suffix = "edi"

    def content(self, told: Sequence[Told]) -> bytes:
        return "".join(map(_message, told)).encode()


def _message(told: Told) -> str:
    fact, main = told.fact, told.main
    segments = [
        f"UNH+{_text(fact.id)}+{MESSAGES.get(main.type, 'GENRAL')}:D:96A:UN",
        f"BGM+{_text(main.type)}+{_text(main.id)}+{slug(fact.activity)}",
        f"DTM+137:{_moment(fact.at_us)}:304",
        f"DTM+9:{_moment(fact.seen_us)}:304",
        f"NAD+{'CA' if fact.actor_kind == 'human' else 'SU'}+{_text(fact.actor)}",
        f"STS+{_text(fact.outcome)}" + (f"+{_text(fact.error)}" if fact.error else ""),
        *(f"RFF+{_text(thing.type)}:{_text(thing.id)}" for thing in told.others),
        *(f"FTX+AAI+{_text(name)}+{_text(str(value))}" for name, value in told.details.items()),
        *(f"CCI+{':'.join(map(_text, row))}" for row in told.master_data),
        *(f"CAV+{':'.join(map(_text, row))}" for row in told.changed),
        *(f"REL+{':'.join(map(_text, row))}" for row in told.links),
    ]
    if fact.cents is not None:
        segments.append(f"MOA+9:{money(fact.cents)}:{fact.currency}")
    segments.append(f"UNT+{len(segments) + 1}+{_text(fact.id)}")
    return "'".join(segments) + "'\n"


def _text(text: str) -> str:
    """A text on one line, in which the marks of the syntax are released."""
    return _RESERVED.sub(r"?\1", " ".join(text.split()))


def _moment(at_us: int) -> str:
    """An instant in UTC to the second."""
    return as_datetime(at_us).strftime("%Y%m%d%H%M%SUTC")
