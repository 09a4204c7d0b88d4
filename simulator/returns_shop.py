"""The retailer going on after its log ends: the same returns, and the refunds that somebody sends again.

Events are told in the form that `POST /api/v1/events` takes. They follow from the plan and from what was paid, so a
shop that starts anew tells the same events with the same ids, and telling one twice changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl

from kernel.errors import NotFound
from simulator.returns_day import DAY_EVENTS, TRAITS, date_of, returns_of
from simulator.returns_numbers import LONGEST_LIFE, RETURN_STEPS, ReturnsPlan

OBJECT_TYPE = "return"
CLERK = "clerk-02"
"""Who pays by hand, in the payments provider's own pages."""

Event = dict[str, Any]


def canonical(events: pl.DataFrame) -> list[Event]:
    """Rows of `DAY_EVENTS`, in their order, as JSON values: instants in ISO 8601 UTC, money as decimal text.

    `error_code`, `value` and `currency` are left out where there is none, attributes likewise.
    """
    return [_canonical(row) for row in events.iter_rows(named=True)]


class ReturnsShop:
    """Tells event after event, as time passes. Safe to use from several threads."""

    def __init__(self, plan: ReturnsPlan, *, since: datetime) -> None:
        """`since`: what happened until then is told already. ValueError if it is naive."""
        if since.tzinfo is None:
            raise ValueError("since has no time zone; give an aware datetime")
        self.plan = plan
        self._lock = threading.Lock()
        self._told_until = since.astimezone(timezone.utc)
        self._next_date = max(plan.first_date, self._told_until.date() - LONGEST_LIFE)
        self._coming = pl.DataFrame(schema=DAY_EVENTS)
        self._resent: list[tuple[datetime, Event]] = []
        self._paid: set[str] = set()

    def step(self, until: datetime) -> list[Event]:
        """What happened after the last step, until `until`, ordered by instant, then id; nothing if that is not later.

        Refunds sent again since the last step come too, also where their instants lie before it. Cost: some
        milliseconds for each new date, under one for a step within a date.
        """
        if until.tzinfo is None:
            raise ValueError("until has no time zone; give an aware datetime")
        with self._lock:
            until = max(until.astimezone(timezone.utc), self._told_until)
            while self._next_date <= until.date():
                later = returns_of(self.plan, self._next_date).filter(pl.col("occurred_at") > self._told_until)
                self._coming = pl.concat([self._coming, later]).sort("occurred_at", "event_id")
                self._next_date += timedelta(days=1)
            due = pl.col("occurred_at") <= until
            told = [(row["occurred_at"], _canonical(row)) for row in self._coming.filter(due).iter_rows(named=True)]
            told += [entry for entry in self._resent if entry[0] <= until]
            self._coming = self._coming.filter(~due)
            self._resent = [entry for entry in self._resent if entry[0] > until]
            self._told_until = until
        return [event for _, event in sorted(told, key=lambda entry: (entry[0], entry[1]["id"]))]

    def pay(self, case_ids: Iterable[str], at: datetime, *, within: timedelta = timedelta(seconds=20)) -> list[str]:
        """Send refunds to payments again; `step` tells what follows. Returns the cases that are paid by it, in order.

        One after the other each is sent by the ERP and confirmed by payments, all within `within` after `at`. Payments
        pays nothing twice: a refund that is not stuck, or was sent again before, is left out. The same request gives
        the same events; a later one for the same return, to a new shop, gives the same ids.

        Raises
        ------
        NotFound
            For ids that are no return of the plan; then nothing is paid.
        """
        at = _utc(at)
        with self._lock:
            stuck = self._stuck(case_ids, at)
            rng = np.random.Generator(np.random.PCG64(self.plan.seed))
            # Sent in the first half, in turn; confirmed a third to a half of the time later.
            turn_s, span_s = within.total_seconds() / 2 / max(1, len(stuck)), within.total_seconds()
            for position, authorised in enumerate(stuck):
                sent_at = at + timedelta(seconds=turn_s * (position + rng.uniform(0.1, 0.9)))
                confirmed_at = sent_at + timedelta(seconds=span_s * rng.uniform(0.3, 0.49))
                self._resend("Refund sent to payments", authorised, sent_at, "resent")
                self._resend("Payment confirmed", authorised, confirmed_at, "resent")
        return [authorised["return_id"] for authorised in stuck]

    def pay_by_hand(self, case_id: str, at: datetime) -> bool:
        """A clerk pays one stuck refund at the provider, past the ERP; whether it was still to be paid.

        Raises NotFound as `pay` does.
        """
        at = _utc(at)
        with self._lock:
            stuck = self._stuck([case_id], at)
            for authorised in stuck:
                self._resend("Payment confirmed", authorised, at, "by-hand", actor=CLERK)
        return bool(stuck)

    def _stuck(self, case_ids: Iterable[str], at: datetime) -> list[dict[str, Any]]:
        """The authorisations of those that are stuck at `at` and were not sent again, as rows, once each; now paid."""
        asked = list(dict.fromkeys(case_ids))
        lives = _lives(self.plan, asked)
        known = set(lives["return_id"].to_list())
        if unknown := [case_id for case_id in asked if case_id not in known]:
            raise NotFound(f"no return {', '.join(unknown[:10])}" + (" and more" if len(unknown) > 10 else ""))
        stuck = lives.filter("skipped", pl.col("activity") == "Refund authorised", pl.col("occurred_at") <= at)
        by_id = {row["return_id"]: row for row in stuck.iter_rows(named=True) if row["return_id"] not in self._paid}
        self._paid |= by_id.keys()
        return [by_id[case_id] for case_id in asked if case_id in by_id]

    def _resend(
        self, activity: str, authorised: dict[str, Any], at: datetime, ending: str, actor: str | None = None
    ) -> None:
        step = RETURN_STEPS[activity]
        row = authorised | {
            "activity": activity,
            "occurred_at": at - timedelta(microseconds=at.microsecond % 1_000),
            "system": step.system,
            "actor": actor or step.actor,
            "actor_kind": "human" if actor else "system",
            "event_id": f"{step.system}-{authorised['return_id']}-{ending}",
            "refund_amount": None,
            "refund_currency": None,
        }
        self._resent.append((row["occurred_at"], _canonical(row)))


def _lives(plan: ReturnsPlan, case_ids: list[str]) -> pl.DataFrame:
    """All events of these returns; ids that are no return of the plan add none."""
    dates = set()
    for case_id in case_ids:
        try:
            dates.add(date_of(case_id))
        except ValueError:
            continue  # whoever asked finds it missing among the lives
    days = [returns_of(plan, day) for day in sorted(dates) if day >= plan.first_date]
    return pl.concat([pl.DataFrame(schema=DAY_EVENTS), *days]).filter(pl.col("return_id").is_in(case_ids))


def _canonical(row: dict[str, Any]) -> Event:
    attributes = {name: row[name] for name in (*TRAITS, "refund_amount") if row[name] is not None}
    if row["refund_currency"] is not None:
        attributes["currency"] = row["refund_currency"]
    event: Event = {
        "id": row["event_id"],
        "source": row["system"],
        "activity": row["activity"],
        "occurred_at": row["occurred_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "objects": [{"type": OBJECT_TYPE, "id": row["return_id"]}],
        "attributes": attributes,
        "actor": row["actor"],
        "actor_kind": row["actor_kind"],
        "outcome": row["outcome"],
    }
    if row["error_code"]:
        event["error_code"] = row["error_code"]
    if row["value"] is not None:
        event |= {"value": str(row["value"]), "currency": row["currency"]}
    return event


def _utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError("at has no time zone; give an aware datetime")
    return at.astimezone(timezone.utc)
