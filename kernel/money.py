"""An amount of money: whole minor units beside the currency's ISO 4217 code."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from babel.numbers import format_currency, get_currency_precision
from pydantic import BaseModel, ConfigDict, Field

MAX_AMOUNT = 10**12

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
MinorUnits = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]


class Money(BaseModel):
    """What something costs; never negative. `Money(amount=1250, currency="EUR")` is EUR 12.50."""

    model_config = ConfigDict(frozen=True)

    amount: MinorUnits
    currency: Currency

    def __str__(self) -> str:
        return display(self.amount, self.currency)


def display(amount: int, currency: str, locale: str = "en") -> str:
    """Write minor units the way people of a locale read them: `€12.50`."""
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    return format_currency(value, currency, locale=locale)
