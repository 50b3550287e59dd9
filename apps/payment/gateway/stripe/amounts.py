"""Amounts as Stripe counts them, where that is not as the shop does."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import get_currency_precision

# How many decimals Stripe's unit of a currency has (docs.stripe.com/currencies); all others have
# two, also ISK and UGX, which have none by ISO 4217.
_DECIMALS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(),  # noqa: SIM905
        0,
    ),
    **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 3),
}
_USUAL_DECIMALS = 2


class UnusableAmount(Exception):
    """Stripe has no such amount in this currency."""


def to_stripe(amount: int, currency: str) -> int:
    """
    Return an amount of the shop's minor units in those of Stripe.

    :raises UnusableAmount: if it is no whole number there; or if its third decimal is not 0, which
        is all that Stripe knows of it.
    """
    decimals = _DECIMALS.get(currency, _USUAL_DECIMALS)
    units = Decimal(amount).scaleb(decimals - get_currency_precision(currency))
    if units % (10 if decimals > _USUAL_DECIMALS else 1):
        raise UnusableAmount(f"{amount} {currency}")
    return int(units)


def from_stripe(units: int, currency: str) -> int:
    """Return an amount of Stripe's units in the shop's minor units, the nearest whole number."""
    decimals = _DECIMALS.get(currency, _USUAL_DECIMALS)
    return round(Decimal(units).scaleb(get_currency_precision(currency) - decimals))
