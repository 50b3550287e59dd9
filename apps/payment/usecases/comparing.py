"""One page of a gateway's books beside ours."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterable, Iterator, Sequence

from apps.payment.gateway import BookEntry
from apps.payment.models import (
    Amounts,
    Difference,
    Finding,
    LedgerEntry,
    Operation,
    Payment,
    Remedy,
)
from kernel.transactions import transaction_required

Kind = Difference.Kind


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a page tells: where the books differ, and which of our operations it knows."""

    findings: list[Finding]
    seen: list[uuid.UUID]


@transaction_required
def compare(*, gateway: str, entries: Sequence[BookEntry], at: dt.datetime) -> Comparison:
    """Compare a page with ours; a fee that we were not told yet is entered into the ledger."""
    known = _operations(gateway, entries)
    taken_over, undone = _taken_over(gateway, entries), _undone(gateway, entries)
    findings: list[Finding] = []
    for entry in entries:
        operation = known.get(entry.reference) or taken_over.get(entry.id)
        if operation:
            _learn_fee(operation, entry, at=at)
            findings += _of_known(operation, entry)
        elif entry.reference not in undone:
            findings.append(_missing_here(gateway, entry))
    return Comparison(findings, [each.id for each in (*known.values(), *taken_over.values())])


def _operations(gateway: str, entries: Iterable[BookEntry]) -> dict[str, Operation]:
    ids = [found for entry in entries if (found := uuid_or_none(entry.reference))]
    rows = Operation.objects.filter(id__in=ids, payment__gateway=gateway)
    return {str(row.id): row for row in rows.select_related("payment")}


def _taken_over(gateway: str, entries: Iterable[BookEntry]) -> dict[str, Operation]:
    """Return what the gateway did without us and we have taken over, by its name there."""
    rows = Difference.objects.filter(
        gateway=gateway, entry__in=[entry.id for entry in entries], kind=Kind.MISSING_HERE
    )
    rows = rows.exclude(operation=None).select_related("operation__payment")
    return {row.entry: row.operation for row in rows if row.operation}


def _undone(gateway: str, entries: Iterable[BookEntry]) -> set[str]:
    """Return the references by which we have undone something that wasn't ours."""
    ids = [found for entry in entries if (found := uuid_or_none(entry.reference))]
    rows = Difference.objects.filter(id__in=ids, gateway=gateway, remedy=Remedy.UNDO)
    return set(map(str, rows.values_list("id", flat=True)))


def _of_known(operation: Operation, entry: BookEntry) -> Iterator[Finding]:
    payment = operation.payment
    ours = (operation.kind, operation.amount, payment.currency, payment.token)
    if operation.state != Operation.State.DONE:
        kind = Kind.STATE_DIFFERS
    elif ours != (entry.kind, entry.amount, entry.currency, entry.token):
        kind = Kind.AMOUNT_DIFFERS
    elif operation.fee is not None and entry.fee not in {None, operation.fee}:
        kind = Kind.FEE_DIFFERS
    else:
        return
    yield dataclasses.replace(
        _finding(kind, entry, payment),
        operation=operation,
        our_state=operation.state,
        our_amount=operation.amount,
        our_fee=operation.fee,
    )


def _missing_here(gateway: str, entry: BookEntry) -> Finding:
    payment = Payment.objects.filter(gateway=gateway, token=entry.token).first()
    return _finding(Kind.MISSING_HERE, entry, payment)


def _finding(kind: Kind, entry: BookEntry, payment: Payment | None) -> Finding:
    return Finding(
        kind=kind,
        doing=entry.kind,
        token=entry.token,
        currency=entry.currency,
        entry=entry.id,
        reference=entry.reference,
        payment=payment,
        their_amount=entry.amount,
        their_fee=entry.fee,
        made_at=entry.made_at,
        payment_reference=entry.payment_reference,
    )


def _learn_fee(operation: Operation, entry: BookEntry, *, at: dt.datetime) -> None:
    """Enter a fee that came with no answer: some gateways tell it in their books alone."""
    is_done = operation.state == Operation.State.DONE
    if is_done and operation.fee is None and entry.fee:
        before = Amounts.of(operation.payment)
        after = dataclasses.replace(before, fee=entry.fee)
        LedgerEntry.post(operation, before=before, after=after, at=at)
        operation.learn_fee(entry.fee)


def uuid_or_none(text: str) -> uuid.UUID | None:
    """Return the id that a reference is, if it is one."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
