"""Systems of offices: exports of the CRM's tickets and of the workforce's plan, and lines of JSON from pricing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.emit.native.told import NOTES, DayFiles, Told, json_lines, listed, noted, notes, slug, table
from simulator.emit.writer import Stamps, money

TICKETS = (
    "entry_id", "ticket", "ticket_type", "created_at", "agent", "agent_type", "action", "result", "error", "amount",
    "currency", "related", *NOTES, "exported_at",
)  # fmt: skip
PLAN = (
    "entry_id", "item", "item_type", "at", "person", "person_type", "entry", "result", "error", "amount", "currency",
    "related", *NOTES, "exported_at",
)  # fmt: skip


class _Stamped(DayFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp = Stamps()


class Crm(_Stamped):
    """One row per entry of a ticket."""

    suffix = "csv"

    def content(self, told: Sequence[Told]) -> bytes:
        return table(TICKETS, map(self._row, told))

    def _row(self, told: Told) -> tuple[str, ...]:
        fact, main = told.fact, told.main
        return (
            fact.id,
            main.id,
            main.type,
            self._stamp(fact.at_us),
            fact.actor,
            "agent" if fact.actor_kind == "human" else "automation",
            fact.activity,
            fact.outcome,
            fact.error,
            "" if fact.cents is None else money(fact.cents),
            "" if fact.cents is None else fact.currency,
            listed(told.others),
            *notes(told),
            self._stamp(fact.seen_us),
        )


class Workforce(_Stamped):
    """One row per entry of the plan, once a day."""

    suffix = "csv"

    def content(self, told: Sequence[Told]) -> bytes:
        return table(PLAN, map(self._row, told))

    def _row(self, told: Told) -> tuple[str, ...]:
        fact, main = told.fact, told.main
        amount = ("", "") if fact.cents is None else (money(fact.cents), fact.currency)
        who = (fact.actor, "employee" if fact.actor_kind == "human" else "planner")
        head = (fact.id, main.id, main.type, self._stamp(fact.at_us), *who, fact.activity, fact.outcome, fact.error)
        return (*head, *amount, listed(told.others), *notes(told), self._stamp(fact.seen_us))


class Plain(_Stamped):
    """A system without a shape of its own."""

    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(map(self._line, told))

    def _line(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        line: dict[str, Any] = {
            "id": fact.id,
            "event": slug(fact.activity),
            "title": fact.activity,
            "at": self._stamp(fact.at_us),
            "by": {"name": fact.actor, "kind": fact.actor_kind},
            "object": {"type": main.type, "id": main.id},
            "related": listed(told.others),
            "result": fact.outcome,
            "published_at": self._stamp(fact.seen_us),
            **noted(told),
        }
        if fact.error:
            line["error"] = fact.error
        if fact.cents is not None:
            line |= {"amount": money(fact.cents), "currency": fact.currency}
        return line


class Pricing(Plain):
    """Changes of prices and promotions."""
