"""What a detector has to know besides the log: the instant, how far the sources have told, who answers, what it
costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from kernel.process import ProcessDefinition

OwnerOf = Callable[[Mapping[str, str]], tuple[str, str]]
"""From what a trouble is about to (who answers for the outcome, who answers for the suspect); "" for nobody. The keys
are `process`, `step` (an activity), `interface` (a source), and every attribute of the case, such as `store`, `region`
or `carrier`; where an attribute is called as one of the first three, those win."""

Price = Callable[[Mapping[str, str]], tuple[Decimal | None, str]]
"""From the attributes of a case to the money at stake and its currency; (None, "") where that is not known."""


def unowned(_: Mapping[str, str]) -> tuple[str, str]:
    """Nobody answers for anything."""
    return "", ""


def unpriced(_: Mapping[str, str]) -> tuple[Decimal | None, str]:
    """Nothing has a price."""
    return None, ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The same for every detector of one run.

    `now`: the business now of the process, aware. `watermarks`: one row per source that the detector asks about, with
    `source`, `last_occurred_at`, `last_seen_at` and `live` (whether it sends by itself, so that seeing an event late
    means something).
    """

    now: datetime
    watermarks: pl.DataFrame
    owner_of: OwnerOf = unowned
    price: Price = unpriced
    store_attribute: str | None = None
    """The case attribute that names the store; None where the process names none."""

    def store(self, attributes: Mapping[str, str]) -> str:
        """The store of a case; "" where there is none."""
        return attributes.get(self.store_attribute, "") if self.store_attribute else ""

    def owners(self, attributes: Mapping[str, str], process: str, step: str, interface: str = "") -> tuple[str, str]:
        """Who answers for the outcome, and who for the suspect."""
        about = {**attributes, "process": process, "step": step}
        return self.owner_of(about | {"interface": interface} if interface else about)

    def told_until(self, source: str) -> tuple[datetime | None, datetime | None]:
        """Of a source when the last thing happened that it told of, and when it was last heard; None where it never
        was.

        Of a source that sends by itself hearing it is seeing an event, however old: it may be catching up. Of files
        all is seen at once, so there it is the last thing that happened.
        """
        rows = self.watermarks.filter(pl.col("source") == source)
        if rows.is_empty():
            return None, None
        row = rows.row(0, named=True)
        occurred: datetime | None = row["last_occurred_at"]
        seen: datetime | None = row["last_seen_at"]
        if occurred is None or not row["live"] or seen is None:
            return occurred, occurred
        return occurred, max(occurred, min(seen, self.now))


def versions(process: ProcessDefinition, rule_id: str, rule_version: str) -> dict[str, str]:
    """The definitions that a finding rests on, as its evidence names them."""
    return {f"process:{process.id}": process.hash.hex(), f"rule:{rule_id}": rule_version}
