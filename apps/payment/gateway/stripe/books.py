"""
What Stripe's own books say was done on a day.

Money that moved is in the balance transactions: captures and refunds, with Stripe's fees. What is
only held is in no balance: the day's intents tell that, ours and those that the shop never heard
of. A hold that was released has no entry; whether ours were is looked up one by one.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any, Literal

import stripe
from stripe.params import BalanceTransactionListParams, PaymentIntentListParams

from apps.payment.gateway.books import BookEntry, BooksPage
from apps.payment.gateway.stripe.amounts import from_stripe
from apps.payment.models import Kind

PAGE = 100
_DAY = dt.timedelta(days=1)


def read(client: stripe.StripeClient, on: dt.date, *, after: str) -> BooksPage:
    """
    Return a page of what is listed of a day: captures, then refunds, then what was held.

    :raises stripe.StripeError: if Stripe doesn't answer, or not that.
    """
    names = list(_LISTS)
    name, _, last = (after or f"{names[0]}:").partition(":")
    fetch, entry_of = _LISTS[name]
    start = {"starting_after": last} if last else {}
    page = fetch(client, {"created": _span(on), "limit": PAGE, **start})
    entries = tuple(entry for each in page.data if (entry := entry_of(each)))
    if page.has_more:
        return BooksPage(entries, after=f"{name}:{page.data[-1].id}")
    rest = names[names.index(name) + 1 :]
    return BooksPage(entries, after=f"{rest[0]}:" if rest else "")


def _span(on: dt.date) -> dict[str, int]:
    begins = dt.datetime.combine(on, dt.time(), dt.UTC)
    return {"gte": int(begins.timestamp()), "lt": int((begins + _DAY).timestamp())}


def _moved(kind: Literal["charge", "refund"]) -> Callable[..., Any]:
    # One kind at a time: the sources of some others have no intent, which Stripe calls an error.
    def page(client: stripe.StripeClient, asked: BalanceTransactionListParams) -> Any:
        expand = ["data.source.payment_intent"]
        return client.v1.balance_transactions.list({**asked, "type": kind, "expand": expand})

    return page


def _begun(client: stripe.StripeClient, asked: PaymentIntentListParams) -> Any:
    return client.v1.payment_intents.list({**asked, "expand": ["data.latest_charge"]})


def _capture(moved: stripe.BalanceTransaction) -> BookEntry | None:
    charge = moved.source
    if not isinstance(charge, stripe.Charge):
        return None
    intent = charge.payment_intent
    if not isinstance(intent, stripe.PaymentIntent):
        return None  # of before there were any, or not of a shop
    entry = _entry(intent, Kind.CAPTURE, charge.id, charge.amount_captured, moved.created)
    return dataclasses.replace(entry, fee=_fee(moved, charge.currency))


def _refund(moved: stripe.BalanceTransaction) -> BookEntry | None:
    refund = moved.source
    if not isinstance(refund, stripe.Refund):
        return None
    intent = refund.payment_intent
    if not isinstance(intent, stripe.PaymentIntent):
        return None
    entry = _entry(intent, Kind.REFUND, refund.id, refund.amount, moved.created)
    reference, fee = _name(refund.metadata, Kind.REFUND), _fee(moved, refund.currency)
    return dataclasses.replace(entry, reference=reference, fee=fee)


def _hold(intent: stripe.PaymentIntent) -> BookEntry | None:
    charge = intent.latest_charge
    if not isinstance(charge, stripe.Charge) or not charge.paid:
        return None  # it was declined
    return _entry(intent, Kind.AUTHORIZE, intent.id, intent.amount, charge.created)


_LISTS: dict[str, tuple[Callable[..., Any], Callable[[Any], BookEntry | None]]] = {
    "captures": (_moved("charge"), _capture),
    "refunds": (_moved("refund"), _refund),
    "holds": (_begun, _hold),
}


def _entry(
    intent: stripe.PaymentIntent, kind: Kind, name: str, amount: int, seconds: int
) -> BookEntry:
    currency, method = intent.currency.upper(), intent.payment_method
    return BookEntry(
        id=name,
        reference=_name(intent.metadata, kind),
        token=method if isinstance(method, str) else "",
        kind=kind,
        amount=from_stripe(amount, currency),
        currency=currency,
        fee=None,
        made_at=dt.datetime.fromtimestamp(seconds, dt.UTC),
        payment_reference=intent.id,
    )


def _name(metadata: Any, kind: Kind) -> str:
    """Return the id of the wish that left it there; empty if somebody else did this."""
    return str((metadata.to_dict() if metadata else {}).get(kind.lower(), ""))


def _fee(moved: stripe.BalanceTransaction, paid_in: str) -> int | None:
    """Return what Stripe kept; None where it kept it in another currency than was paid."""
    return from_stripe(moved.fee, moved.currency.upper()) if moved.currency == paid_in else None
