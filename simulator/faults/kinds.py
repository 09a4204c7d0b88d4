"""The kinds of faults that a scenario can switch on: what breaks, what it can be narrowed to, and who should notice.

A kind says nothing about how it is detected beyond the class of the trouble: scenarios are written by people who never
saw a detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind. `where`: what it can be narrowed to; `needs`: what of that has to be given.

    `share`: of what is concerned how much it strikes, unless the scenario says otherwise. `size`: how strong it is, in
    the unit that `size_is` tells; None where there is nothing to say.
    """

    id: str
    title: str
    cause: str
    """The system that causes it, or the field of `where` that names it."""
    finding: str
    """The exception of the catalogue that should be named."""
    process: str
    where: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    share: float = 1.0
    size: float | None = None
    size_is: str = ""
    is_fault: bool = True
    """False for what is unusual and nothing wrong: nobody may be alarmed."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of fields of `where` what they name, where that is less than all there are of them."""

    def named_by(self, place: str) -> str:
        """What a field of `where` names, such as a store."""
        return self.names.get(place, place)


KINDS = {
    kind.id: kind
    for kind in (
        FaultKind("webhook_slow", "Messages of an interface take much longer", "interface", "webhook_dead",
                  "integration-call", ("interface",), ("interface",), size=60.0, size_is="times as long"),
        FaultKind("webhook_dead", "An interface delivers nothing", "interface", "webhook_dead", "integration-call",
                  ("interface",), ("interface",)),
        FaultKind("erp_batch_skipped", "The ERP's hourly batch does not run", "erp", "erp_batch_skipped",
                  "order-to-cash"),
        FaultKind("stock_divergence", "Shop and ERP believe in different stock", "erp", "stock_divergence",
                  "inventory-synchronisation", ("sku", "location"), share=0.2),
        FaultKind("oversell", "The shop sells what is not there", "shop", "oversold", "order-to-cash", ("sku",),
                  size=30, size_is="pieces sold beyond the stock, at most"),
        FaultKind("negative_stock", "Sales are posted twice, until stock is negative", "pos", "negative_stock",
                  "inventory-synchronisation", ("store",), ("store",), share=0.5),
        FaultKind("duplicate_orders", "The shop sends orders twice under two numbers", "shop", "duplicate_orders",
                  "order-to-cash", ("channel",), share=0.05),
        FaultKind("lost_events", "A source loses what happened", "source", "events_lost", "order-to-cash",
                  ("source",), ("source",), share=0.5),
        FaultKind("out_of_order_storm", "A source tells late and in disorder", "source", "out_of_order_storm",
                  "order-to-cash", ("source",), ("source",), size=6.0, size_is="hours by which it is late, at most"),
        FaultKind("clock_skew", "The clock of a source is wrong", "source", "clock_skew", "order-to-cash",
                  ("source",), ("source",), size=45.0, size_is="minutes by which it is ahead; negative: behind"),
        FaultKind("carrier_backlog", "Parcels of a carrier lie", "carrier", "carrier_backlog", "order-to-cash",
                  ("carrier", "region", "weekday"), ("carrier",), share=0.9, size=2.0,
                  size_is="days more, at the median"),
        FaultKind("picker_shortage", "Too few people pick", "wms", "picker_shortage", "order-to-cash",
                  share=0.6),
        FaultKind("approval_bottleneck", "Refunds wait for one person's approval", "erp", "approval_bottleneck",
                  "return-to-refund", size=2.0, size_is="days more, at the median"),
        FaultKind("refund_stuck", "Refunds are authorised and never sent to payments", "erp", "refund_stuck",
                  "return-to-refund", ("store", "channel")),
        FaultKind("ship_before_payment", "Parcels leave before they are paid", "wms", "shipped_before_payment",
                  "order-to-cash", ("channel",), share=0.1),
        FaultKind("return_not_posted", "Returns are received and not posted in the ERP", "erp",
                  "return_not_posted_to_erp", "return-to-refund", ("store", "channel"), share=0.5),
        FaultKind("price_update_missing", "A price reaches the tills and not a channel", "channel",
                  "price_update_missing", "price-change", ("channel",), ("channel",)),
        FaultKind("invoice_mismatch", "A supplier invoices more than was received", "supplier", "invoice_mismatch",
                  "procure-to-pay", ("supplier",), share=0.5, size=8.0, size_is="percent too much"),
        FaultKind("settlement_discrepancy", "A marketplace pays less than it owes", "marketplace",
                  "settlement_discrepancy", "marketplace-settlement", ("marketplace",), ("marketplace",), size=4.0,
                  size_is="percent too little"),
        FaultKind("promotion_stockout", "A promotion sells out its articles", "promotion", "promotion_stockout",
                  "promotion-launch", ("sku",), size=8.0, size_is="times the usual demand"),
        FaultKind("suspicious_refunds", "One clerk grants refunds without a return", "crm", "suspicious_refunds",
                  "return-to-refund", ("clerk",), share=0.02),
        FaultKind("retry_storm", "An interface is tried again and again without a pause", "interface", "retry_storm",
                  "integration-call", ("interface",), ("interface",), share=0.7, size=25, size_is="attempts at most"),
        FaultKind("dead_letter_growth", "Messages end as dead letters that nobody replays", "interface",
                  "dead_letters_growing", "integration-call", ("interface",), ("interface",), share=0.15),
        FaultKind("workflow_stopped", "A scheduled workflow silently stops running", "workflow", "workflow_stopped",
                  "workflow-run", ("workflow",), ("workflow",), names={"workflow": "scheduled workflow"}),
        FaultKind("unauthorised_variant", "A region works around a step that is required", "region",
                  "unauthorised_variant", "order-to-cash", ("region",), ("region",), share=0.4),
        FaultKind("duplicate_bots", "Two bots do the same work", "workflow", "duplicated_automation", "workflow-run",
                  ("workflow",), ("workflow",)),
        FaultKind("supplier_delay", "A supplier delivers late", "supplier", "supplier_delay", "procure-to-pay",
                  ("supplier",), ("supplier",), size=6.0, size_is="days more, at the median"),
        FaultKind("close_held_up", "Late postings hold up the period close", "erp", "period_close_held_up",
                  "financial-period-close", size=2.0, size_is="days more, at the median"),
        FaultKind("quiet_shop", "A store is closed: nothing happens there", "store", "", "order-to-cash", ("store",),
                  ("store",), is_fault=False),
        FaultKind("holiday_peak", "Far more orders than usual, and all is well", "shop", "", "order-to-cash", (),
                  size=2.5, size_is="times the usual orders", is_fault=False),
    )
}  # fmt: skip
"""Every kind by its id."""
