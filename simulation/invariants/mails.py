"""Customers are told once of each thing that became of their order."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

from simulation.invariants.books import Books

# Which mail tells of which fact.
TOLD_BY = {
    "orders.order_placed.v1": "PLACED",
    "orders.order_shipped.v1": "SHIPPED",
    "orders.order_cancelled.v1": "CANCELLED",
    "orders.order_failed.v1": "FAILED",
    "invoices.invoice_issued.v1": "INVOICE",
    "invoices.credit_note_issued.v1": "CREDIT_NOTE",
}


def mails_tell_what_became_of_orders(books: Books) -> Iterator[str]:
    """Of each fact one mail was sent, under one id; twice at most where a try came to nothing."""
    for order_id in books.orders:
        yield from _of_facts(books, order_id)
    copies = Counter(mail.id for mail in books.world.post.mails)
    for mail in books.mails:
        told, what = copies.pop(mail.id, 0), f"{books.name(mail.order_id)}: {mail.kind}"
        if mail.state != "SENT":
            yield f"{what} is {mail.state}."
        if not 1 <= told <= mail.tries:
            yield f"{what} was sent {told} times in {mail.tries} tries."
    for stranger in sorted(copies):
        yield f"A mail was sent that nobody wished for: {stranger}."


def _of_facts(books: Books, order_id: uuid.UUID) -> Iterator[str]:
    facts = books.facts[order_id]
    happened = Counter({kind: facts[name] for name, kind in TOLD_BY.items() if facts[name]})
    told = Counter(mail.kind for mail in books.mails if mail.order_id == order_id)
    for kind in sorted(happened | told):
        if happened[kind] != told[kind]:
            yield f"{books.name(order_id)} has {told[kind]} mails {kind} of {happened[kind]} facts."
