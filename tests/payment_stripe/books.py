"""
What the stand-in lists as Stripe does: balance transactions, and intents by the time they began.

localstripe lists neither by time. Its partial capture takes everything and gives the rest back;
Stripe takes what was captured, and its balance never sees the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from localstripe import resources
from localstripe.resources import BalanceTransaction, Charge, PaymentIntent, Refund

FEE_PER_MILLE, FEE_EACH = 15, 25


def fee_of(amount: int) -> int:
    """Return what Stripe keeps of a capture: 1.5 % and 0.25."""
    return amount * FEE_PER_MILLE // 1_000 + FEE_EACH


async def balance_transactions(request: web.Request) -> web.Response:
    """List what moved money, of one type."""
    assert request.query["expand[0]"] == "data.source.payment_intent"
    kind = {"charge": Charge, "refund": Refund}[request.query["type"]]
    found = [
        shown
        for each in _all(BalanceTransaction)
        if isinstance(source := _named(each.source), kind) and (shown := _moved(each, source))
    ]
    return _page(request, found)


async def payment_intents(request: web.Request) -> web.Response:
    """List intents; the charge of each is shown."""
    return _page(request, [each._export(expand=["latest_charge"]) for each in _all(PaymentIntent)])


def _moved(moved: BalanceTransaction, source: Charge | Refund) -> dict[str, Any] | None:
    is_refund = isinstance(source, Refund)
    charge = _named(source.charge) if is_refund else source
    if is_refund and not source.payment_intent:
        return None  # what a partial capture has left
    intent = next(each for each in _all(PaymentIntent) if each.latest_charge is charge)
    amount = source.amount if is_refund else charge.amount - _left(charge)
    shown = {**source._export(), "payment_intent": intent._export()}
    if not is_refund:
        shown["amount_captured"] = amount
    fee = 0 if is_refund else fee_of(amount)
    return {**moved._export(), "amount": amount, "fee": fee, "source": shown}


def _left(charge: Charge) -> int:
    refunds = [each for each in _all(Refund) if each.charge == charge.id]
    return sum(each.amount for each in refunds if not each.payment_intent)


def _page(request: web.Request, found: list[dict[str, Any]]) -> web.Response:
    """Answer the newest first, as many as are asked for, behind the one that was named."""
    begin, end = (int(request.query.get(f"created[{bound}]", 0)) for bound in ("gte", "lt"))
    rows = [each for each in found if begin <= each["created"] < (end or float("inf"))][::-1]
    if after := request.query.get("starting_after"):
        rows = rows[[each["id"] for each in rows].index(after) + 1 :]
    limit = int(request.query.get("limit", 10))
    body = {"object": "list", "url": request.path, "has_more": len(rows) > limit}
    return web.json_response({**body, "data": rows[:limit]})


def _all(kind: Any) -> Iterator[Any]:
    return (each for name, each in resources.store.items() if name.startswith(f"{kind.object}:"))


def _named(name: str) -> Any:
    return next(each for each in resources.store.values() if getattr(each, "id", None) == name)
