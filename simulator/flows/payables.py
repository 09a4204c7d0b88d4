"""What suppliers invoice: matched with the order and the receipt, disputed where it is too much, and paid when due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.world.draws import Draws
from simulator.world.facts import Thing, amount
from simulator.world.integration import erp_batch_us
from simulator.world.retailer import SUPPLIERS
from simulator.world.rhythm import local_date
from simulator.world.times import DAY, HOUR, MINUTE, SECOND

if TYPE_CHECKING:
    from simulator.flows.purchasing import Purchase
    from simulator.world.crew import Crew
    from simulator.world.world import Process, World

TERMS_DAYS = {supplier: 14 if number % 3 else 30 for number, supplier in enumerate(SUPPLIERS)}
A_LITTLE_WRONG = 0.03
"""Of invoices, on any day; by at most two percent."""


class Payables:
    """Invoices of suppliers."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._open: dict[str, int] = {}

    def expect(self, po: Purchase, invoices: int) -> None:
        """The order is closed when so many invoices are paid."""
        self._open[po.id] = invoices

    def _clerks(self) -> Crew:
        world = self.world
        return world.crew("payables", lambda: [(world.office, world.sized(1.5, 2))])

    def invoiced(self, po: Purchase, received: int, number: int) -> Process:
        """The invoice for goods of this value, in cents, until it is paid."""
        world, tell, clerks = self.world, self.world.recorder.tell, self._clerks()
        paper = Thing("supplier_invoice", f"SI-{po.id[3:]}-{number}", supplier=po.supplier, currency="EUR")
        draws = Draws(world.seed, "supplier invoice", paper.id)
        yield world.until(world.office.add(world.now_us, draws.duration_us(9 * 3600, 0.6)))
        invoiced = self._asked(po, paper, received, draws)
        paper.attributes["amount"] = amount(invoiced)
        due_us = world.now_us + TERMS_DAYS[po.supplier] * DAY
        world.recorder.link(po, paper, "invoice")
        world.recorder.change(po, "payment_due_date", local_date(world, due_us))
        tell("supplier-network", "Invoice received", (paper, po), world.now_us, cents=invoiced)
        sent = world.integration.send("supplier-to-erp", (paper, po), world.now_us + MINUTE)
        if sent.at_us is None:
            return
        yield world.until(world.office.add(sent.at_us, draws.duration_us(1800, 0.8)))
        work = clerks.do(world.now_us, draws.duration_us(8 * 60, 0.6))
        tell("erp", "Invoice captured", (paper, po), work.end_us, by=work.by, cents=invoiced)
        yield world.until(erp_batch_us(world, paper, work.end_us) + draws.whole(5, 240) * SECOND)
        if invoiced != received:
            yield from self._dispute(po, paper, invoiced, received, draws)
        tell("erp", "Three-way match passed", (paper, po), world.now_us, cents=received)
        yield world.until(world.office.add(world.now_us, draws.duration_us(2 * 3600, 0.7)))
        work = clerks.do(world.now_us, draws.duration_us(3 * 60, 0.5))
        yield world.until(work.end_us)
        tell("erp", "Invoice approved", (paper, po), work.end_us, by=work.by)
        yield from self._pay(po, paper, received, due_us, draws)

    def _asked(self, po: Purchase, paper: Thing, received: int, draws: Draws) -> int:
        """What the supplier asks for."""
        world = self.world
        invoiced = received
        if draws.chance(A_LITTLE_WRONG):
            invoiced += round(received * draws.between(0.003, 0.02))
        wrong = world.faults.at("invoice_mismatch", world.now_us, paper, supplier=po.supplier)
        if wrong is not None:
            invoiced = received + round(received * wrong.size / 100)
            shown = {"received": amount(received), "invoiced": amount(invoiced)}
            wrong.hit(paper, world.now_us, cents=invoiced - received, shown_us=world.now_us + 7 * HOUR, **shown)
        return invoiced

    def _dispute(self, po: Purchase, paper: Thing, invoiced: int, received: int, draws: Draws) -> Process:
        """It is too much: the supplier credits the difference."""
        world, tell, things = self.world, self.world.recorder.tell, (paper, po)
        details = {"invoiced": amount(invoiced), "received": amount(received)}
        more = invoiced - received
        tell("erp", "Price mismatch found", things, world.now_us, outcome="rejected", cents=more, details=details)
        tell("erp", "Invoice blocked", things, world.now_us + 10 * SECOND)
        yield world.until(world.office.add(world.now_us, draws.duration_us(2 * 3600, 0.8)))
        work = self._clerks().do(world.now_us, draws.duration_us(20 * 60, 0.5))
        tell("erp", "Dispute opened", things, work.end_us, by=work.by, cents=more)
        yield world.until(world.office.add(work.end_us, draws.duration_us(26 * 3600, 0.5)))
        tell("supplier-network", "Credit note received", things, world.now_us, cents=more)
        yield world.until(world.office.add(world.now_us, draws.duration_us(2 * 3600, 0.6)))
        work = self._clerks().do(world.now_us, draws.duration_us(6 * 60, 0.5))
        yield world.until(work.end_us)
        tell("erp", "Dispute resolved", things, work.end_us, by=work.by)
        yield world.until(work.end_us + 2 * MINUTE)

    def _pay(self, po: Purchase, paper: Thing, cents: int, due_us: int, draws: Draws) -> Process:
        """With the payment run before it is due, at eleven."""
        world, tell = self.world, self.world.recorder.tell
        run_us = max(world.now_us, due_us - draws.whole(1, 3) * DAY)
        yield world.until(
            world.office.at_work((run_us - world.start_us) // DAY * DAY + world.start_us + DAY + 10 * HOUR)
        )
        tell("erp", "Payment proposed", (paper, po), world.now_us, cents=cents)
        paid_us = world.now_us + draws.duration_us(2 * 3600, 0.3)
        tell("erp", "Invoice paid", (paper, po), paid_us, cents=cents)
        self._open[po.id] -= 1
        if not self._open[po.id]:
            tell("erp", "Purchase order closed", (po,), paid_us + 5 * MINUTE)
