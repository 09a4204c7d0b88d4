"""The tour of the demo: five scenes, with the figures of what was loaded.

What a rule finds is asked of the rule: when it would have noticed is a back-test of it, minute by minute. What nothing
finds yet is told from the truth of the simulation, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import polars as pl

from dashboards.scenes import Claim, Scene
from gembascope.demo.history import END, ORDER_TO_CASH
from gembascope.demo.keeping import remember, remembered
from gembascope.workspace import Workspace
from kernel.attributes import decode
from mining.answers import Document
from simulator.retailer import RETURN_TO_REFUND
from simulator.world.retailer import CARRIERS

COMPLAINTS = "customer-complaint"
STOCK = "inventory-synchronisation"
MISSING, UNPAID = "orders_missing_in_erp", "refund_not_confirmed"
"""Rules of the demo's retailer."""
TO_ERP, DELIVERY = "in the ERP within 30 minutes of payment", "delivered by the promised date"
TOUR = "demo-tour.json"
Words = dict[str, list[str]]
SAME_DAY = timedelta(hours=4)
"""From an instant at the head office's midnight to one of the same date in UTC."""


def tour(opened: Workspace, truth: Document, folder: Path) -> list[Scene]:
    """The scenes; computed once for a home, which keeps them in `folder`. `truth`: what was planted."""
    path = folder / TOUR
    if path.exists():
        kept: list[Scene] = remembered(path, list[Scene])
        return kept
    faults: dict[str, Document] = {fault["kind"]: fault for fault in truth["faults"]}
    scenes = [
        _webhook(opened, faults["webhook_dead"]),
        _oversell(faults["oversell"], faults["negative_stock"]),
        _refunds(opened),
        _mondays(opened, faults["carrier_backlog"]),
        _silent(opened, faults["holiday_peak"], faults["quiet_shop"]),
    ]
    remember(path, scenes)
    return scenes


# 1. The webhook --------------------------------------------------------------------------------------------------


def _webhook(opened: Workspace, fault: Document) -> Scene:
    since, until = _instant(fault["start"]), _instant(fault["end"])
    noticed = _noticed(opened, since, until)
    window = {"since": [_written(since - timedelta(hours=1))], "until": [_written(until)]}
    missing = {row["case_id"] for row in noticed}
    orders = opened.case_attributes(ORDER_TO_CASH, window).filter(pl.col("case").is_in(missing))
    unconfirmed = window | {"case_attr": ["category=no_confirmation"]}
    written = opened.answer("cases", COMPLAINTS, unconfirmed, {"order": "oldest", "limit": "1"})["cases"]
    first = _instant(written[0]["start"]) if written else None
    found = f"Noticed at {_clock(min(_instant(row['found_at']) for row in noticed))}" if noticed else "Not noticed"
    complained = f"the first customer complained at {_clock(first)}" if first else "no customer complained"
    return Scene(
        "The shop's webhook to the ERP was dead overnight",
        Claim.FOUND if noticed else Claim.PLANTED,
        f"From {_moment(since)} the shop's orders did not reach the ERP: {len(missing)} paid orders "
        f"worth {_money(orders, 'order_value')} were missing there. {found}; {complained}.",
        f"The rule {MISSING} asks of every paid order whether the ERP has it. The ERP went on telling of others: so "
        "the orders were missing, and not the ERP silent. Both times are computed from the log.",
        _link(
            "cases",
            ORDER_TO_CASH,
            window | {"case_attr": ["channel=web"], "activity": ["Payment authorised"]},
        ),
        "The web orders of that night, those that take longest first",
        (ORDER_TO_CASH, COMPLAINTS),
    )


def _noticed(opened: Workspace, since: datetime, until: datetime) -> list[Document]:
    """What the rule would have found, each case once; the first to the minute, by ever smaller steps before it was
    first found."""
    by_hour = {row["case_id"]: row for row in _found(opened, MISSING, until, until, "1h")}
    found = list((by_hour | {row["case_id"]: row for row in _found(opened, MISSING, since, until, "1h")}).values())
    for step, every in ((timedelta(hours=1), "10m"), (timedelta(minutes=10), "1m")):
        if not found:
            break
        first = min(_instant(row["found_at"]) for row in found)
        earlier = _found(opened, MISSING, max(since, first - step), first, every)
        known = {row["case_id"]: row for row in earlier}
        found = [known.pop(row["case_id"], row) for row in found] + list(known.values())
    return found


def _found(opened: Workspace, rule: str, since: datetime, until: datetime, every: str) -> list[Document]:
    """What a rule would have found of cases, asked so often."""
    asked = {"since": since.isoformat(), "until": until.isoformat(), "every": every}
    answer = opened.post(f"/api/v1/rules/{rule}/backtest", asked, moves=False)
    return [row for row in answer["found"] if row["case_id"]]


# 2. The promotion ------------------------------------------------------------------------------------------------


def _oversell(oversold: Document, doubled: Document) -> Scene:
    sales = oversold["affected"]
    below = [one for one in doubled["affected"] if one["on_hand"] < 0]
    said = "nothing was sold that was not there"
    if sales:
        last = sales[-1]  # by then the ERP has heard of it
        said = (
            f"the shop sold {last['sku']} to {len(sales)} customers for {_sums(oversold['money'])} when nobody had "
            f"any: it counted {last['shop']} pieces, the ERP {last['erp']}"
        )
    since, until = _instant(oversold["start"]), _instant(oversold["end"])
    window = {"since": [_written(since)], "until": [_written(until)]}
    return Scene(
        "A promotion oversells: ERP, shop and POS disagree",
        Claim.PLANTED,
        f"From {_moment(since)} {said}; the tills of {doubled['where']['store']} posted sales twice.",
        f"By these the ERP counted fewer than zero of {len(below)} articles. It is in the data of all three systems, "
        "and nothing here compares them yet. What shows is that orders ran out of stock.",
        _link("cases", ORDER_TO_CASH, window | {"activity": ["Out of stock reported"]}),
        "The orders of these days that could not be filled",
        (ORDER_TO_CASH, STOCK),
    )


# 3. The refunds --------------------------------------------------------------------------------------------------


def _refunds(opened: Workspace) -> Scene:
    stuck = {row["case_id"] for row in _found(opened, UNPAID, END, END, "1h")}
    returns = opened.case_attributes(RETURN_TO_REFUND, {"state": ["open"]}).filter(pl.col("case").is_in(stuck))
    return Scene(
        "Refunds are stuck, and a second person approves the remedy",
        Claim.FOUND if stuck else Claim.PLANTED,
        f"{len(stuck)} refunds over {_money(returns, 'refund_amount')} were never sent to payments: olivia previews "
        "and proposes, petra approves, and the payments come in while you look.",
        f"The rule {UNPAID} finds them: they are authorised, and payments told of others since. Nobody approves what "
        "they proposed themselves. Before anything is sent, and after every wait, each refund is looked at again; what "
        "was paid meanwhile is left out.",
        "/incidents",
        "What broke, and who has it",
        (RETURN_TO_REFUND,),
    )


# 4. The carrier --------------------------------------------------------------------------------------------------


def _mondays(opened: Workspace, fault: Document) -> Scene:
    carrier = fault["where"]["carrier"]
    lay = [_instant(one["at"]) for one in fault["affected"] if _instant(one["at"]) <= END]
    mondays = len({at.date() for at in lay})
    others = [name for name in CARRIERS.names if name != carrier]
    late, usual = _late(opened, [carrier]), _late(opened, others)
    return Scene(
        "One carrier is late every Monday",
        Claim.PLANTED,
        f"{len(lay)} parcels that {carrier} took over on {mondays} Mondays lay in its depot for a day or more: of its "
        f"orders {_share(late)} came late, of those of other carriers {_share(usual)}.",
        "That it is this carrier shows in every figure by carrier; that it is Mondays, nothing here says yet.",
        _link(
            "map",
            ORDER_TO_CASH,
            {
                "case_attr": [f"carrier={carrier}"],
                "edge_source": ["Carrier handover"],
                "edge_target": ["In transit scan"],
            },
        ),
        f"Where orders with {carrier} wait",
        (ORDER_TO_CASH,),
    )


def _late(
    opened: Workspace, carriers: Sequence[str], promise: str = DELIVERY, words: Words | None = None
) -> float | None:
    """Of what was promised of orders with any of these carriers (none named: of all), the share that was kept late or
    is past due; None where it is known of none yet."""
    chosen = dict(words or {})
    if carriers:
        chosen["case_attr"] = [f"carrier={name}" for name in carriers]
    (found,) = opened.answer("sla", ORDER_TO_CASH, chosen, {"promise": promise})["promises"]
    decided: int = found["met"] + found["breached"]
    return found["breached"] / decided if decided else None


# 5. What is not wrong --------------------------------------------------------------------------------------------


def _silent(opened: Workspace, peak: Document, quiet: Document) -> Scene:
    since, until = _instant(peak["start"]), _instant(peak["end"])
    days, week = until - since, timedelta(days=7)
    usual = [_orders(opened, since - number * week, days) for number in (1, 2, 3)]
    times = _orders(opened, since, days) * len(usual) / max(1, sum(usual))
    window = {"since": [_written(since)], "until": [_written(until)]}
    late = _late(opened, [], TO_ERP, window)
    store, closed = quiet["where"]["store"], _instant(quiet["start"])
    ended = min(_instant(quiet["end"]), END)
    sold = _orders(opened, closed, ended - closed, store)
    before = _orders(opened, closed - week, ended - closed, store)
    alarms = len(_found(opened, MISSING, since, ended, "1d"))
    first, last, shut = since + SAME_DAY, until - SAME_DAY, closed + SAME_DAY
    return Scene(
        "A holiday peak and a closed shop: silent, and why",
        Claim.FOUND if alarms else Claim.SILENT,
        f"From {first:%-d} to {last:%-d %B} {times:.1f} times the usual orders came, and from {shut:%-d %B} on the "
        f"store {store} sold {_pieces(sold)}, after {before} orders the week before: asked every day, the rule found "
        f"{_pieces(alarms)}.",
        "Rules ask of each order whether its next step came, and not how many orders there are: of these "
        f"{_share(None if late is None else 1 - late)} were in the ERP in time. A closed "
        "store is not a silent source while the tills of others tell.",
        _link("map", ORDER_TO_CASH, window),
        "The path that orders took in the peak",
        (ORDER_TO_CASH,),
    )


def _orders(opened: Workspace, since: datetime, lasting: timedelta, store: str = "") -> int:
    """How many orders came."""
    words: Words = {"since": [_written(since)], "until": [_written(since + lasting)]}
    if store:
        words["case_attr"] = [f"store={store}"]
    cases: int = opened.answer("log", ORDER_TO_CASH, words, {})["cases"]
    return cases


# Words -----------------------------------------------------------------------------------------------------------


def _link(page: str, process: str, words: Mapping[str, Sequence[str]]) -> str:
    pairs = [("process", process), *((word, value) for word, values in words.items() for value in values)]
    return f"/{page}?{urlencode(pairs, quote_via=quote)}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def _moment(at: datetime) -> str:
    return f"{at:%-d %B, %H:%M}"


def _pieces(number: int) -> str:
    return str(number) if number else "nothing"


def _share(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.0%}"


def _sums(sums: Mapping[str, Any]) -> str:
    return " and ".join(f"{Decimal(value):,.2f} {currency}" for currency, value in sorted(sums.items())) or "no price"


def _money(cases: pl.DataFrame, amount: str) -> str:
    """The sums of an attribute of cases; those without one are left out."""
    sums: dict[str, Decimal] = {}
    for text in cases["attributes"]:
        attributes = decode(text)
        if attributes.get(amount):
            currency = attributes.get("currency", "")
            sums[currency] = sums.get(currency, Decimal()) + Decimal(attributes[amount])
    return _sums(sums)
