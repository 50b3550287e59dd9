"""One invoice for each order that was paid, a credit note for each refund, no gap in numbers."""

from __future__ import annotations

import hashlib
import uuid
from collections import defaultdict
from collections.abc import Iterator

from apps.invoices.models import Document, Issued, Series
from apps.payment.models import Kind, Operation, Payment
from simulation.invariants.books import Books

_PAID = {Payment.State.CAPTURED, Payment.State.REFUNDED}


def documents_tell_the_money(books: Books) -> Iterator[str]:
    """Invoices and credit notes tell what was paid and paid back, and their files are stored."""
    yield from _invoices(books)
    yield from _credit_notes(books)
    yield from _numbers(books)
    yield from _files(books)


def _invoices(books: Books) -> Iterator[str]:
    paid = {order.id for order in books.fulfilled() if _is_paid(books, order.id)}
    for order_id in sorted(paid - books.invoices.keys()):
        yield f"{books.name(order_id)} is fulfilled and paid, and has no invoice."
    for order_id in sorted(books.invoices.keys() - paid):
        number = books.invoices[order_id].number
        yield f"{books.name(order_id)} has the invoice {number}, and is not fulfilled and paid."
    for order_id in sorted(paid & books.invoices.keys()):
        order, invoice = books.orders[order_id], books.invoices[order_id]
        lines = [(line["product_id"], line["quantity"]) for line in invoice.terms["lines"]]
        sold = [(str(line.product_id), line.quantity) for line in order.lines.all()]
        if invoice.total != order.total:
            yield f"{books.name(order_id)} costs {order.total}; its invoice says {invoice.total}."
        if lines != [(product, quantity) for product, quantity in sold if quantity]:
            yield f"{books.name(order_id)} consists of {sold}; its invoice says {lines}."


def _is_paid(books: Books, order_id: uuid.UUID) -> bool:
    payment = books.payments.get(order_id)
    return bool(payment and payment.state in _PAID)


def _credit_notes(books: Books) -> Iterator[str]:
    refunds = {
        operation.id: (order_id, operation.amount)
        for order_id, operations in books.operations.items()
        for operation in operations
        if operation.kind == Kind.REFUND and operation.state == Operation.State.DONE
    }
    credited = {note.refund_id: (note.invoice.order_id, note.amount) for note in books.credit_notes}
    for refund_id in sorted(refunds.keys() | credited.keys()):
        refund, note = refunds.get(refund_id), credited.get(refund_id)
        if refund != note:
            order_id, _ = refund or note or (refund_id, 0)
            paid, told = (found[1] if found else "nothing" for found in (refund, note))
            yield f"{books.name(order_id)}: {paid} was refunded, and {told} credited."


def _numbers(books: Books) -> Iterator[str]:
    taken: dict[str, list[int]] = defaultdict(list)
    issued: list[Issued] = [*books.invoices.values(), *books.credit_notes]
    for document in issued:
        taken[document.series_id].append(document.position)
    for series in Series.objects.order_by("code"):
        positions = sorted(taken.pop(series.code, []))
        if positions != list(range(1, series.last_position + 1)):
            yield f"{series.code} has given {series.last_position} numbers; used are {positions}."
    for code, positions in taken.items():
        yield f"{code} is no series, and has the numbers {positions}."


def _files(books: Books) -> Iterator[str]:
    stored = books.world.documents.documents
    numbers = {document.key: _issued(document) for document in books.documents}
    for document in books.documents:
        issued, content = numbers[document.key], stored.get(document.key)
        if content is None or not document.stored_at:
            yield f"The file of {issued.number} is not stored."
        elif hashlib.sha256(content).hexdigest() != issued.sha256:
            yield f"The file of {issued.number} has another hash than was issued."
    for key in sorted(stored.keys() - numbers.keys()):
        yield f"The file {key} is stored and belongs to nothing."
    count = len(books.invoices) + len(books.credit_notes)
    if len(books.documents) != count:
        yield f"{count} invoices and credit notes have {len(books.documents)} files."


def _issued(document: Document) -> Issued:
    found = document.invoice or document.credit_note
    if found is None:
        raise TypeError(f"{document.key} belongs to nothing, which the database forbids.")
    return found
