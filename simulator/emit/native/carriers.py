"""Scans of the carriers, each in its own shape and with its own codes. They know parcels, and nothing of orders.

Scans come late, in another order than they were made, and some of them twice.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.emit.native.told import DayFiles, Told, json_lines, slug
from simulator.emit.writer import Stamps
from simulator.world.retailer import ZONE
from simulator.world.times import SECOND

RIDGE = {
    "Carrier handover": "PU", "In transit scan": "AR", "Out for delivery": "OD", "Delivered": "DL",
    "Delivery attempt failed": "NH", "Parcel lost": "LO", "Parcel scanned": "AF", "Returned to customer": "RT",
}  # fmt: skip
MEADOW = {
    "Carrier handover": 100, "In transit scan": 300, "Out for delivery": 500, "Delivered": 600,
    "Delivery attempt failed": 550, "Parcel lost": 900, "Parcel scanned": 310, "Returned to customer": 610,
}  # fmt: skip
HARBOR = {
    "Carrier handover": "accepted", "In transit scan": "in_transit", "Out for delivery": "on_vehicle",
    "Delivered": "delivered", "Delivery attempt failed": "undeliverable", "Parcel lost": "missing",
    "Parcel scanned": "in_transit_back", "Returned to customer": "delivered_back",
}  # fmt: skip
"""The codes of each carrier. What has none gets one by its name, or of Meadow Post one for the rest."""
RESULTS = ("ok", "error", "retry", "timeout", "rejected")
"""How a scan went, by the return codes of Meadow Post."""


class _Carrier(DayFiles):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._stamp, self._local = Stamps(), Stamps(ZONE)

    def content(self, told: Sequence[Told]) -> bytes:
        return json_lines(map(self.scan, told))

    @abstractmethod
    def scan(self, told: Told) -> dict[str, Any]:
        """What the carrier says of one event."""


class RidgeExpress(_Carrier):
    """Codes of two letters."""

    def scan(self, told: Told) -> dict[str, Any]:
        fact = told.fact
        code = RIDGE.get(fact.activity) or "".join(word[0] for word in fact.activity.split()).upper()[:3]
        return {
            "eventId": fact.id,
            "trackingNumber": told.main.id,
            "eventType": code,
            "eventDescription": fact.activity,
            "date": self._local(fact.at_us),
            "scannedBy": fact.actor,
            "scannedWith": "HANDHELD" if fact.actor_kind == "human" else "SORTER",
            "result": fact.outcome.upper(),
            "exceptionCode": fact.error,
            "received": self._stamp(fact.seen_us),
            "sent": self._stamp(told.seen_us),
            **_more(told),
        }


class MeadowPost(_Carrier):
    """Codes of numbers, instants in seconds, and everything that is known nested."""

    def scan(self, told: Told) -> dict[str, Any]:
        fact = told.fact
        return {
            "msg": {"id": fact.id, "received": fact.seen_us / SECOND, "sent": told.seen_us / SECOND},
            "item": {"barcode": told.main.id, **_more(told)},
            "event": {
                "code": MEADOW.get(fact.activity, 700),
                "name": slug(fact.activity),
                "ts": fact.at_us / SECOND,
                "operator": fact.actor,
                "manual": fact.actor_kind == "human",
                "rc": RESULTS.index(fact.outcome),
                "reason": fact.error or None,
            },
        }


class HarborParcel(_Carrier):
    """Words for states, and the parcel before the scan."""

    def scan(self, told: Told) -> dict[str, Any]:
        fact = told.fact
        return {
            "parcel": told.main.id,
            "scan": fact.id,
            "state": HARBOR.get(fact.activity) or slug(fact.activity),
            "at": self._stamp(fact.at_us),
            "by": {"name": fact.actor, "kind": fact.actor_kind},
            "verdict": fact.outcome,
            "problem": fact.error,
            "received_at": self._stamp(fact.seen_us),
            "pushed_at": self._stamp(told.seen_us),
            **_more(told),
        }


def _more(told: Told) -> dict[str, Any]:
    """What a carrier knows besides, of the scan and of the parcel; that the parcel is its own goes without saying."""
    about = {name: value for name, value in told.beginnings.get(told.main, {}).items() if name != "carrier"}
    return {name: found for name, found in (("info", told.details), ("about", about)) if found}
