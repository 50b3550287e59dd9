"""The arithmetic of discounts and taxes: whole minor units in, whole minor units out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from apps.orders.events import TaxLine

_WHOLE = 100_000  # a hundred percent, in thousandths of a percent: the smallest step of a rate


class Part(NamedTuple):
    """A line, or the delivery: what is paid for it as prices are shown, and the tax on that."""

    paid: int
    tax: int
    name: str
    rate: Decimal | None


def tax_on(paid: int, rate: Decimal | None, *, is_contained: bool) -> int:
    """Return the tax that an amount contains, or that is added to it, rounded half up."""
    if rate is None:
        return 0
    thousandths = int(rate * 1000)
    whole = _WHOLE + thousandths if is_contained else _WHOLE
    return ratio(paid, thousandths, whole)


def percent_of(amount: int, percent: Decimal) -> int:
    """Return so many percent (with at most two decimals) of an amount, rounded half up."""
    return ratio(amount, int(percent * 100), 10_000)


def ratio(amount: int, share: int, whole: int) -> int:
    """Return share/whole of an amount, rounded half up."""
    return (2 * amount * share + whole) // (2 * whole)


def spread(amount: int, over: Sequence[int]) -> list[int]:
    """
    Divide an amount in proportion to others, none of which it exceeds together, without a rest.

    What rounding down leaves over goes to the largest remainders, the first of equal ones; no
    share is greater than what it is a share of.
    """
    whole = sum(over) or 1
    shares = [amount * each // whole for each in over]
    by_remainder = sorted(range(len(over)), key=lambda i: -(amount * over[i] % whole))
    for index in by_remainder[: amount - sum(shares)]:
        shares[index] += 1
    return shares


def tax_lines(parts: Iterable[Part], *, is_contained: bool) -> tuple[TaxLine, ...]:
    """Sum up the taxes by name and rate, the highest rate first."""
    sums: dict[tuple[Decimal, str], tuple[int, int]] = {}
    for part in parts:
        if part.rate is not None:
            net, tax = sums.get((part.rate, part.name), (0, 0))
            net += part.paid - part.tax if is_contained else part.paid
            sums[part.rate, part.name] = net, tax + part.tax
    return tuple(
        TaxLine(name=name, rate_percent=rate_text(rate) or "", net=net, amount=tax)
        for (rate, name), (net, tax) in sorted(sums.items(), reverse=True)
    )


def total(parts: Iterable[Part], *, is_contained: bool) -> int:
    """Return what is to be paid for all of it."""
    return sum(part.paid if is_contained else part.paid + part.tax for part in parts)


def rate_text(rate: Decimal | None) -> str | None:
    """Write a rate without needless zeros: `25`, `5.5`."""
    return None if rate is None else format(rate.normalize(), "f")
