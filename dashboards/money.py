"""Money as people read it: the sums of several currencies beside each other, never added."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from dashboards.format import UNKNOWN, plural

NOT_PRICED = "not priced"


def amount(value: Decimal, currency: str) -> str:
    """`EUR 1,240.50`; whole from a thousand on: `EUR 12,405`."""
    return f"{currency} {value:,.0f}" if abs(value) >= 1_000 else f"{currency} {value:,.2f}"


def sums(values: Mapping[str, Decimal], unpriced: int = 0) -> str:
    """`EUR 4,210 + SEK 300.00`, and how many cases have no price; UNKNOWN where there is neither."""
    told = [amount(value, currency) for currency, value in sorted(values.items()) if value]
    if not told and unpriced:
        return NOT_PRICED
    if not told:
        return UNKNOWN
    text = " + ".join(told)
    return f"{text}, {plural(unpriced, 'case')} {NOT_PRICED}" if unpriced else text


def per_hour(values: Mapping[str, Decimal]) -> str:
    """`EUR 12.40 per hour`; UNKNOWN where nothing is lost that is known."""
    told = [amount(value, currency) for currency, value in sorted(values.items()) if value]
    return f"{' + '.join(told)} per hour" if told else UNKNOWN
