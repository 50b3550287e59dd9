"""What is credited of an invoice falls on its tax rates: whole minor units, nothing left over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

TaxLines = list[dict[str, Any]]


def taxed(terms: Mapping[str, Any], total: int) -> TaxLines:
    """Return net and tax by rate that make up a total; what bears no tax has no rate."""
    lines = [
        {
            "name": line["name"],
            "rate_percent": line["rate_percent"],
            "net": line.get("net", 0),
            "amount": line["amount"],
        }
        for line in terms["tax_lines"]
    ]
    untaxed = total - sum(line["net"] + line["amount"] for line in lines)
    rest = {"name": "", "rate_percent": None, "net": untaxed, "amount": 0}
    return [*lines, rest] if untaxed else lines


def part_of(lines: TaxLines, amount: int, *, less: Iterable[TaxLines] = ()) -> TaxLines:
    """
    Divide an amount in proportion to what is left of net and tax by rate.

    `less` are the parts that were taken before. Parts that come to the whole together come to
    the whole at each rate, too, whatever was rounded on the way.
    """
    taken = {_key(line): [0, 0] for line in lines}
    for line in (line for part in less for line in part):
        taken[_key(line)][0] += line["net"]
        taken[_key(line)][1] += line["amount"]
    left = [
        whole - gone
        for line in lines
        for whole, gone in zip((line["net"], line["amount"]), taken[_key(line)], strict=True)
    ]
    shares = spread(amount, left)
    parts = zip(lines, shares[::2], shares[1::2], strict=True)
    return [{**line, "net": net, "amount": tax} for line, net, tax in parts if net or tax]


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


def _key(line: Mapping[str, Any]) -> tuple[str, str | None]:
    return line["name"], line["rate_percent"]
