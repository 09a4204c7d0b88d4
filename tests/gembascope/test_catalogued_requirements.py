"""What retailers need has its place in the catalogue: processes, objects, activities and exceptions by requirement."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gembascope.catalogue import Shipped, read_shipped

PROCESSES: Mapping[int, tuple[str, Mapping[str, tuple[str, ...]]]] = {
    1: (
        "Order-to-cash as one cross-system flow",
        {"order-to-cash": ("Order placed", "Order exported to ERP", "Carrier handover", "Delivered", "Invoice issued")},
    ),
    2: ("Procure-to-pay", {"procure-to-pay": ("Purchase order sent", "Goods receipt posted", "Invoice paid")}),
    3: (
        "Inventory-to-fulfilment",
        {
            "inventory-synchronisation": ("Stock movement recorded", "Stock synchronised"),
            "order-to-cash": ("Stock allocated", "Packed"),
        },
    ),
    4: (
        "Return-to-refund: policy, disposition, authorisation, warehouse, ERP posting, payment, customer notice",
        {
            "return-to-refund": (
                *("Return policy checked", "Return inspected", "Disposition decided", "Refund authorised"),
                *("Return received", "Return posted to ERP", "Payment confirmed", "Customer notified"),
            )
        },
    ),
    5: (
        "Order exception management",
        {
            "order-to-cash": (
                *(
                    "Payment failed",
                    "Fraud review started",
                    "Order put on hold",
                    "Backorder created",
                    "Item substituted",
                ),
                *("Short pick reported", "Address corrected", "Delivery attempt failed", "Order released"),
            )
        },
    ),
    6: ("Order routing", {"order-to-cash": ("Order routed", "Order rerouted")}),
    7: ("Click and collect", {"click-and-collect": ("Pickup sent to store", "Customer notified", "Order collected")}),
    8: ("Ship from store", {"ship-from-store": ("Fulfilment accepted by store", "Packed", "Carrier handover")}),
    9: ("Split orders and split shipments", {"order-to-cash": ("Order split",), "parcel": (), "store_fulfilment": ()}),
    10: (
        "Inventory synchronisation over store, warehouse, ERP, web and marketplace",
        {
            "inventory-synchronisation": (
                *("Stock posted in ERP", "Stock posted in WMS", "Stock published to webshop"),
                *("Stock published to marketplace", "Stock published to POS"),
            ),
            "sku_location": (),
        },
    ),
    11: (
        "Store replenishment",
        {"store-replenishment": ("Reorder point reached", "Shortage reported", "Put on shelf")},
    ),
    12: (
        "Stockout prevention and response",
        {"store-replenishment": ("Stockout risk flagged", "Stockout reported", "Replenishment released")},
    ),
    13: (
        "Inter-store and intercompany transfers",
        {"inter-store-transfer": ("Stock reserved", "Carrier handover", "Receipt confirmed", "Transfer closed")},
    ),
    14: (
        "Purchase requests and approvals",
        {"procure-to-pay": ("Requisition submitted", "Budget checked", "Requisition approved"), "requisition": ()},
    ),
    15: (
        "Purchase order acknowledgement and delivery exceptions",
        {"procure-to-pay": ("Purchase order acknowledged", "Delivery date changed", "Partial receipt posted")},
    ),
    16: (
        "Invoice capture and three-way match",
        {
            "procure-to-pay": (
                *("Invoice captured", "Price mismatch found", "Quantity mismatch found"),
                *("Receipt missing", "Three-way match passed"),
            ),
            "supplier_invoice": (),
            "goods_receipt": (),
        },
    ),
    17: ("Vendor disputes", {"procure-to-pay": ("Dispute opened", "Credit note received", "Dispute resolved")}),
    18: ("Supplier onboarding", {"supplier-onboarding": ("Application submitted", "Supplier activated")}),
    19: (
        "Supplier disruption: delay, substitution, alternate sourcing",
        {
            "procure-to-pay": ("Shipment delayed", "Substitution accepted", "Alternate supplier chosen"),
            "store-replenishment": ("Alternate source chosen",),
            "shipment": (),
        },
    ),
    20: (
        "Marketplace settlement, credits and reconciliation",
        {
            "marketplace-settlement": (
                "Settlement report received",
                "Claim opened",
                "Adjustment posted",
                "Payout matched",
            ),
            "payout": (),
        },
    ),
    21: (
        "Financial close depends on operational postings",
        {"financial-period-close": ("Sales posted", "Settlements posted", "Late posting received", "Period locked")},
    ),
    22: (
        "Promotion launch and conflicts across channels",
        {"promotion-launch": ("Published to POS", "Published to webshop", "Promotion conflict found"), "promotion": ()},
    ),
    23: ("Price change and markdown", {"price-change": ("Price change approved", "Price updated in POS")}),
    24: (
        "Store operations: cash, receiving, cycle counts, labour scheduling, attestations",
        {
            "cash-reconciliation": ("Cash counted", "Cash difference found"),
            "store-replenishment": ("Received by store",),
            "inventory-synchronisation": ("Cycle count requested", "Cycle count posted"),
            "stock_count": (),
            "shift": (),
            "attestation": (),
        },
    ),
    25: (
        "Store incidents, maintenance, field service",
        {"store-incident": ("Issue reported", "Technician dispatched", "Fix confirmed by store"), "work_order": ()},
    ),
    26: (
        "Customer complaints",
        {"customer-complaint": ("Complaint classified", "Complaint routed", "Resolution sent")},
    ),
    27: (
        "Customer lifecycle",
        {
            "customer-lifecycle": ("Welcome sent", "Order update sent", "Loyalty joined", "Win-back offer sent"),
            "loyalty_account": (),
        },
    ),
    28: (
        "Delayed shipment: proactive message, compensation rule, service case",
        {
            "customer-lifecycle": (
                *("Shipment delay noticed", "Proactive message sent", "Compensation rule applied"),
                "Service case opened",
            )
        },
    ),
    29: (
        "Refund approval with ledger synchronisation",
        {"return-to-refund": ("Refund approval requested", "Refund authorised", "Return posted to ERP"), "refund": ()},
    ),
    30: (
        "Drop-ship and 3PL orders",
        {"order-to-cash": ("Order sent to supplier", "Supplier confirmed order", "Order sent to 3PL")},
    ),
    31: (
        "ERP migration: hybrid legacy and cloud flows",
        {"order-to-cash": ("Order exported to ERP",), "integration-call": ("Payload rejected",), "interface": ()},
    ),
}
"""By the number of the requirement: what it is, and the processes with their activities and the object types for it."""

EXCEPTIONS: Mapping[int, tuple[str, tuple[str, ...]]] = {
    79: ("Stock promised online and committed in store; overselling", ("oversold", "stock_divergence")),
    80: ("Shipment before payment", ("shipped_before_payment",)),
    81: ("Marketplace return not in ERP stock or refund", ("return_not_posted_to_erp",)),
    82: (
        "Payment mismatch, unavailable stock, delayed carrier scan",
        ("payment_mismatch", "out_of_stock_after_order", "carrier_scan_delayed"),
    ),
    83: ("Negative stock and failed reconciliation", ("negative_stock", "reconciliation_failed")),
    84: ("Promotion-driven stockout or counting error", ("promotion_stockout", "counting_error")),
    85: ("Demand anomalies, unusual orders", ("demand_anomaly", "unusual_orders")),
    86: ("Invoice anomalies and mismatches", ("invoice_anomaly", "invoice_mismatch")),
    87: ("Suspicious refunds", ("suspicious_refunds",)),
    88: ("Settlement discrepancies", ("settlement_discrepancy",)),
    89: ("Delayed handoffs", ("handoff_delayed", "step_missing")),
    90: ("Records diverge between systems", ("record_divergence",)),
    91: ("Cascade", ("cascade",)),
    92: (
        "Duplicate entry, duplicate logic, process islands",
        ("duplicate_orders", "duplicated_automation", "process_island"),
    ),
    93: ("Unwanted local variation", ("unauthorised_variant",)),
}

FAULTS = (
    *("webhook_dead", "erp_batch_skipped", "stock_divergence", "oversold", "negative_stock", "duplicate_orders"),
    *("events_lost", "out_of_order_storm", "clock_skew", "carrier_backlog", "picker_shortage", "approval_bottleneck"),
    *("refund_stuck", "shipped_before_payment", "return_not_posted_to_erp", "price_update_missing", "invoice_mismatch"),
    *("settlement_discrepancy", "promotion_stockout", "suspicious_refunds", "retry_storm", "dead_letters_growing"),
    *("workflow_stopped", "unauthorised_variant", "duplicated_automation", "supplier_delay", "period_close_held_up"),
)
"""What the simulated retailer can be made to suffer."""


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    return read_shipped()


def test_every_requirement_of_processes_has_its_place(shipped: Shipped) -> None:
    assert list(PROCESSES) == list(range(1, 32))
    for number, (text, places) in PROCESSES.items():
        for place, activities in places.items():
            if place in shipped.catalogue.objects:
                assert not activities
                continue
            assert place in shipped.catalogue.processes, (number, text, place)
            missing = set(activities) - set(shipped.catalogue.processes[place].activities)
            assert activities, (number, text, place)
            assert not missing, (number, text, place, missing)
    erps = {attribute.name for attribute in shipped.catalogue.processes["order-to-cash"].case_attributes}
    assert "erp" in erps, "while an ERP is replaced, a case says which one has it"


def test_every_exception_and_every_fault_has_its_class(shipped: Shipped) -> None:
    assert list(EXCEPTIONS) == list(range(79, 94))
    named = {name for _, names in EXCEPTIONS.values() for name in names} | set(FAULTS)
    assert named <= set(shipped.exceptions)
    for process in shipped.catalogue.processes:
        assert any(process in each.processes for each in shipped.exceptions.values()), process
