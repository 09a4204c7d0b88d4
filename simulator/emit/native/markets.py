"""What the marketplaces hand out: Aurora a report with tabs, Bazaar notifications in JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from simulator.emit.native.shop import lines, order
from simulator.emit.native.told import DayFiles, Told, json_lines, listed, noted, notes, slug, table
from simulator.emit.writer import Stamps, money

COLUMNS = (
    "event-id", "event-type", "event-date", "object-type", "object-id", "order-item-id", "sku", "quantity",
    "item-price", "item-total", "amount", "currency", "result", "error", "references", "info", "master-data",
    "changed", "links", "reported-at",
)  # fmt: skip


class Aurora(DayFiles):
    """One line per event; of an order one per item, all with the id of its event."""

    suffix = "txt"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp = Stamps()

    def content(self, told: Sequence[Told]) -> bytes:
        return table(COLUMNS, (row for one in told for row in self._rows(one)), delimiter="\t")

    def _rows(self, told: Told) -> Iterator[tuple[Any, ...]]:
        fact, main = told.fact, told.main
        head = (fact.id, slug(fact.activity).upper(), self._stamp(fact.at_us), main.type, main.id)
        amount = ("", "") if fact.cents is None else (money(fact.cents), fact.currency)
        others = [thing for thing in told.others if thing.type != "order_line"]
        known = {thing: given for thing, given in told.beginnings.items() if thing.type != "order_line"}
        ends = (*notes(told._replace(beginnings=known)), self._stamp(fact.seen_us))
        rest = (*amount, fact.outcome, fact.error, listed(others), *ends)
        items = [(one["id"], one["sku"], one["quantity"], one["price"], one["total"]) for one in lines(fact)]
        for item in items or [("",) * 5]:
            yield (*head, *item, *rest)


class Bazaar(DayFiles):
    """Notifications, an order with all its items."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp = Stamps()

    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(map(self._notification, told))

    def _notification(self, told: Told) -> dict[str, Any]:
        fact, main = told.fact, told.main
        if fact.activity == "Order placed":
            payload = order(told, self._stamp)
        else:
            payload = {"id": main.id, "kind": main.type, "related": listed(told.others), **noted(told)}
            if fact.cents is not None:
                payload |= {"amount": money(fact.cents), "currency": fact.currency}
        return {
            "notificationId": fact.id,
            "notificationType": slug(fact.activity).upper(),
            "eventTime": self._stamp(fact.at_us),
            "publishTime": self._stamp(fact.seen_us),
            "status": fact.outcome,
            "errorCode": fact.error or None,
            "payload": payload,
        }
