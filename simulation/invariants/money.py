"""The gateway's own books show what orders cost, once, and nothing of orders that ended without."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from apps.orders.models import Order
from apps.payment import queries
from apps.payment.gateway import Accepted
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, Account
from apps.payment.models import Account as LedgerAccount
from apps.payment.models import Kind, Operation, Payment
from simulation.invariants.books import Books

_HOLDING = {Payment.State.AUTHORIZED, Payment.State.CAPTURE_FAILED}
_LEDGER = ("authorized", "captured", "refunded")
_TAKEN = {Payment.State.CAPTURED, Payment.State.REFUNDED}


def money_is_where_it_belongs(books: Books) -> Iterator[str]:
    """Nothing is held or kept but what fulfilled orders cost; payment and gateway agree."""
    accounts = books.world.gateway.accounts
    for order in books.orders.values():
        account = accounts.get(order.payment_token)
        payment = books.payments.get(order.id)
        if account is None or payment is None:
            yield f"{books.name(order.id)} has no payment."
            continue
        yield from _of_order(books, order, account)
        yield from _of_payment(books, order, payment, account)
    yield from _of_nobody(books)
    yield from _done_twice(books)
    yield from _of_ledger(books)
    yield from _entry_by_entry(books)


def _of_order(books: Books, order: Order, account: Account) -> Iterator[str]:
    name = books.name(order.id)
    lines = order.lines.all()
    off = order.delivery_discount + sum(line.discount for line in lines)
    priced = order.delivery_price + sum(line.price for line in lines) - off
    if order.total != priced:
        yield f"{name} costs {order.total}; its lines and its delivery cost {priced}."
    kept = account.captured - account.refunded
    if order.state != Order.State.FULFILLED:
        if account.held or kept:
            yield f"{name} is {order.state}; the gateway holds {account.held} and has kept {kept}."
        return
    owed = 0 if account.card == CAPTURE_REFUSED_CARD else order.total
    if account.captured != owed:
        yield f"{name} costs {owed}, and the gateway has captured {account.captured}."
    if not 0 <= account.refunded <= account.captured:
        yield f"{name}: {account.refunded} of {account.captured} were refunded."


def _of_payment(books: Books, order: Order, payment: Payment, account: Account) -> Iterator[str]:
    name, state = books.name(order.id), payment.state
    said = {
        "held": payment.authorized if state in _HOLDING else 0,
        "captured": payment.captured,
        "refunded": payment.refunded,
    }
    there = {what: getattr(account, what) for what in said}
    if said != there:
        yield f"{name} is {state}: payment says {_told(said)}, the gateway {_told(there)}."
    if state in _TAKEN and payment.captured != order.total:
        yield f"{name} costs {order.total}, and payment has captured {payment.captured}."
    if state == Payment.State.REFUNDED and not payment.refunded:
        yield f"{name} is REFUNDED, and nothing was."
    for operation in books.operations[order.id]:
        if operation.state == Operation.State.WISHED:
            yield f"{name}: nobody knows whether {operation.kind} {operation.amount} was done."


def _of_nobody(books: Books) -> Iterator[str]:
    """Look for money of cards that no order was ever placed with."""
    tokens = {order.payment_token for order in books.orders.values()}
    for token, account in books.world.gateway.accounts.items():
        if token not in tokens and (account.held or account.captured):
            yield f"The gateway holds {account.held} and took {account.captured} for no order."


def _done_twice(books: Books) -> Iterator[str]:
    """Look for one thing that was wished twice, under two keys."""
    gateway = books.world.gateway
    wishes = {wish.id: wish for wish in gateway.calls if gateway.answers.get(wish.id) == Accepted()}
    done = Counter((wish.order_id, wish.kind) for wish in wishes.values())
    for (order_id, kind), count in done.items():
        if count > 1 and kind in {Kind.AUTHORIZE, Kind.CAPTURE, Kind.VOID}:
            yield f"{books.name(order_id)}: the gateway was made to {kind} {count} times."


def _of_ledger(books: Books) -> Iterator[str]:
    """Look for payments of which the ledger tells something else."""
    for payment in queries.disagreeing().order_by("order_id"):
        said = {name: getattr(payment, name) for name in _LEDGER}
        there = {name: getattr(payment, f"ledger_{name}") for name in _LEDGER}
        name = books.name(payment.order_id)
        yield f"{name}: payment says {_told(said)}, its ledger {_told(there)}."
    owed = {
        currency: amount
        for (account, currency), amount in queries.balances().items()
        if account == LedgerAccount.CUSTOMER and amount
    }
    for currency, amount in sorted(owed.items()):
        yield f"Customers owe {amount} {currency}, though each capture is paid at once."


def _entry_by_entry(books: Books) -> Iterator[str]:
    """Look for what one of the two books shows and the other doesn't, as reconciliation does."""
    ours = {
        str(operation.id): f"{operation.kind} {operation.amount}"
        for operations in books.operations.values()
        for operation in operations
        if operation.state == Operation.State.DONE
    }
    entries = books.world.gateway.entries
    theirs = {entry.reference: f"{entry.kind} {entry.amount}" for entry in entries}
    for reference in sorted(ours.keys() | theirs.keys()):
        said, there = ours.get(reference, "nothing"), theirs.get(reference, "nothing")
        if said != there:
            yield f"Of the wish {reference} payment says {said}, the gateway's books {there}."


def _told(amounts: dict[str, int]) -> str:
    return ", ".join(f"{what} {amount}" for what, amount in amounts.items())
