"""Money at stake in a case, and what it costs when a promise to it is late."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_MONEY = re.compile(r"([0-9]{1,20}(?:[.][0-9]{1,6})?) ([A-Z]{3})")
_AMOUNT = re.compile(r"[0-9]{1,20}(?:[.][0-9]+)?")
_SHARE = re.compile(r"([0-9]{1,2}(?:[.][0-9]{1,6})?|100)%")
_MICRO = Decimal("0.000001")
_FINE = Decimal("0.000000000000000001")


def _check_currency(code: str) -> str:
    if re.fullmatch("[A-Z]{3}", code) is None:
        raise ValueError(f"{code!r} is no currency: write its code of three capital letters, such as EUR")
    return code


class CaseValue(BaseModel):
    """Where a case says how much money is at stake in it.

    A case whose amount is no plain decimal number from 0 on (at most twenty digits before the point; past the sixth
    after it they are cut off), or whose currency is no code of three capital letters, is not priced.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    attribute: str = Field(min_length=1, description="Case attribute that holds the amount.")
    currency: Annotated[str, AfterValidator(_check_currency)] | None = Field(
        default=None, description="Its currency, such as EUR."
    )
    currency_attribute: str | None = Field(
        default=None, min_length=1, description="Instead of currency: case attribute that holds its code."
    )

    @model_validator(mode="after")
    def _one_currency(self) -> Self:
        if (self.currency is None) == (self.currency_attribute is None):
            raise ValueError("give either currency or currency_attribute, and not both")
        return self

    def price(self, attributes: Mapping[str, str]) -> tuple[Decimal | None, str]:
        """The money at stake in a case with these attributes, and its currency; (None, "") where it is not priced."""
        currency = self.currency or attributes.get(self.currency_attribute or "", "")
        text = attributes.get(self.attribute, "")
        if not re.fullmatch("[A-Z]{3}", currency) or not _AMOUNT.fullmatch(text):
            return None, ""
        return Decimal(text).quantize(_MICRO, rounding=ROUND_DOWN), currency


@dataclass(frozen=True, slots=True)
class Loss:
    """What an hour too late costs: an amount in a currency, or a share of the case's value ('' and 0 where not)."""

    amount: Decimal = Decimal()  # six places
    currency: str = ""
    share: Decimal = Decimal()  # eighteen places


def parse_cost(text: str) -> Loss:
    """`2.50 EUR` or `0.5%`, as a cost of whatever time it is given for.

    Raises ValueError for anything else, and for nothing.
    """
    money, share = _MONEY.fullmatch(text.strip()), _SHARE.fullmatch(text.strip())
    if money is not None and (amount := Decimal(money[1])):
        return Loss(amount=amount, currency=money[2])
    if share is not None and (part := Decimal(share[1])):
        return Loss(share=part / 100)
    raise ValueError(f"{text!r} is no cost: write 2.50 EUR, or 0.5% of the value of the case")


def _check_cost(text: str) -> str:
    parse_cost(text)
    return text


Cost = Annotated[str, AfterValidator(_check_cost)]


class LateCost(BaseModel):
    """What it costs that a promise is late, by the time on the wall since it was due."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    per_hour: Cost | None = Field(
        default=None, description="Cost of one hour: money (2.50 EUR), or a share of the value of the case (0.5%)."
    )
    per_day: Cost | None = Field(default=None, description="Instead of per_hour: cost of 24 hours.")

    @model_validator(mode="after")
    def _one_time(self) -> Self:
        if (self.per_hour is None) == (self.per_day is None):
            raise ValueError("give either per_hour or per_day, and not both")
        return self

    def loss(self) -> Loss:
        """The cost of one hour; of a day a 24th, cut off at the places of `Loss`."""
        if self.per_hour is not None:
            return parse_cost(self.per_hour)
        daily = parse_cost(self.per_day or "")
        amount, share = daily.amount / 24, daily.share / 24
        return Loss((amount // _MICRO) * _MICRO, daily.currency, (share // _FINE) * _FINE)
