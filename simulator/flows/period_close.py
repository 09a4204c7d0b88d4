"""Financial period close: what has to be posted before a company's books of a period can be locked.

Periods are months; in a simulation of less than `MONTHLY_FROM_DAYS` days, weeks, so that some end in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.faults.active import Active
from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.times import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from simulator.world.world import Process, World

MONTHLY_FROM_DAYS = 45
COMPANIES = {"1000": "", "2000": "hearth", "3000": "field"}
"""The companies of the group, with the brand of their stores."""
TASKS = {
    "Sales posted": 3, "Cash reconciled": 5, "Refunds posted": 5, "Settlements posted": 7, "Stock counted": 8,
    "Receivables closed": 10, "Payables closed": 13, "Inventory valued": 14, "Accruals posted": 16,
}  # fmt: skip
"""Working hours after the cut-off until each is done, at the median, at the end of a month."""
WEEKLY = 0.5
"""Of a month's work, how much there is at the end of a week."""
LATE_WAIT_FOR = ("Receivables closed", "Payables closed", "Accruals posted")
"""What cannot be done before the last late posting is in."""
LATE_MOST, DIFFERS = 2, 0.15


def start(world: World) -> None:
    for company in COMPANIES:
        world.begin(_periods(world, company))


def ends(world: World) -> Iterator[tuple[int, str]]:
    """When periods end and their names, such as 2026-03, or 2026-W11."""
    monthly = world.days >= MONTHLY_FROM_DAYS
    for number in range(2, world.days + 1):
        day, last = world.first + timedelta(days=number - 1), world.first + timedelta(days=number - 2)
        if day.day == 1 if monthly else day.weekday() == 0:
            yield world.day_us(number), f"{last:%Y-%m}" if monthly else f"{last:%G-W%V}"


def _periods(world: World, company: str) -> Process:
    for ended_us, period in ends(world):
        yield world.until(ended_us)
        world.begin(_close(world, company, period))


def _held_up(world: World, ended_us: int, thing: Thing) -> Active | None:
    """The fault that is in force on one of the days on which the period should be closed."""
    for day in range(3):
        found = world.faults.at("close_held_up", world.office.at_work(ended_us + day * DAY), thing)
        if found is not None:
            return found
    return None


def _close(world: World, company: str, period: str) -> Process:
    """From the last day of the period until its reports are out."""
    thing = Thing(
        "period_close", f"CL-{company}-{period}", company_code=company, brand=COMPANIES[company], period=period,
        currency="EUR",
    )  # fmt: skip
    draws, tell, ended_us = Draws(world.seed, "close", thing.id), world.recorder.tell, world.now_us
    pace = 1.0 if world.days >= MONTHLY_FROM_DAYS else WEEKLY
    tell("erp", "Period ended", (thing,), ended_us)
    cut_us = world.office.add(ended_us, draws.duration_us(50 * 60, 0.4))
    tell("erp", "Postings cut off", (thing,), cut_us)
    last_us = _late_postings(world, thing, cut_us, _held_up(world, ended_us, thing), draws)
    done_us = cut_us
    for activity, hours in TASKS.items():
        at_us = world.office.add(cut_us, draws.duration_us(hours * pace * 3600, 0.25))
        if activity in LATE_WAIT_FOR and last_us > at_us:
            at_us = world.office.add(last_us, draws.duration_us(2 * 3600, 0.4))
        task = Thing("close_task", f"{thing.id}-{activity.split()[0].lower()}", company_code=company)
        world.recorder.link(thing, task, "task")
        tell("erp", activity, (task, thing), at_us, by=f"accountant-0{draws.whole(1, 2)}")
        done_us = max(done_us, at_us)
    yield world.until(done_us)
    yield from _lock(world, thing, pace, draws)


def _late_postings(world: World, thing: Thing, cut_us: int, fault: Active | None, draws: Draws) -> int:
    """When the last of those that come after the cut-off is approved."""
    tell, last_us, total = world.recorder.tell, cut_us, 0
    approved: list[tuple[int, str]] = []
    count, within_us = draws.whole(0, LATE_MOST), 4 * HOUR
    if fault is not None:
        count, within_us = draws.whole(8, 14), draws.duration_us(fault.size * 86_400, 0.2)
    for number in range(count):
        share = (number + 1) / count if fault is not None else draws.random()
        at_us = world.office.at_work(cut_us + int(within_us * share) // MINUTE * MINUTE) + draws.whole(1, 50) * MINUTE
        cents = draws.whole(800, 90_000) * 10
        total += cents
        approved_us = world.office.add(at_us, draws.duration_us(80 * 60, 0.6))
        tell("erp", "Late posting received", (thing,), at_us, cents=cents, outcome="rejected")
        approved.append((approved_us, f"controller-0{draws.whole(1, 2)}"))
        last_us = max(last_us, approved_us)
        if fault is not None:
            fault.hit(thing, at_us, cents=cents, shown_us=last_us + 2 * HOUR, late_postings=number + 1)
    for approved_us, by in sorted(approved):
        if approved_us == last_us:
            world.recorder.change(thing, "late_amount", amount(total))
        tell("erp", "Late posting approved", (thing,), approved_us, by=by)
    return last_us


def _lock(world: World, thing: Thing, pace: float, draws: Draws) -> Process:
    tell = world.recorder.tell

    def later(hours: float) -> int:
        return world.office.add(world.now_us, draws.duration_us(hours * pace * 3600, 0.4))

    if draws.chance(DIFFERS):
        tell("erp", "Reconciliation difference found", (thing,), world.now_us + 5 * MINUTE, outcome="rejected")
        yield world.until(later(4))
        tell("erp", "Reconciliation difference resolved", (thing,), world.now_us, by="accountant-01")
    yield world.until(later(2))
    tell("erp", "Intercompany reconciled", (thing,), world.now_us)
    yield world.until(later(3))
    tell("erp", "Trial balance reviewed", (thing,), world.now_us, by="controller-01")
    yield world.until(later(2))
    tell("erp", "Close approved", (thing,), world.now_us, by="controller-02")
    yield world.until(later(0.5))
    tell("erp", "Period locked", (thing,), world.now_us)
    yield world.until(later(5))
    tell("erp", "Reports published", (thing,), world.now_us)
