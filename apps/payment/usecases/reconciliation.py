"""Comparing what a gateway did on a day with what we know of it, step by step."""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections import Counter
from collections.abc import Mapping

from django.db.models import Max, Q

from apps.payment import gateway as gateways
from apps.payment.events import ReconciliationDiffered, ReconciliationRequested
from apps.payment.gateway import Accepted, BooksPage, NotFound, Wish
from apps.payment.models import Difference, Finding, Operation, Payment, Reconciliation
from apps.payment.usecases.comparing import compare
from kernel.bus.outbox import publish
from kernel.refusals import Refusal
from kernel.transactions import transaction_required

# So few in one step that a task lives to see its end, however slow the gateway is.
MAX_LOOKED_UP = 4
# A day is compared once its books can be trusted to be whole.
BOOKS_CLOSE = dt.timedelta(hours=2)
# So many days that were missed are made up for.
MAX_DAYS_BACK = 7
# A day with differences that are still open is compared anew each night.
EVERY = dt.timedelta(hours=20)
# One that nobody has touched for so long has lost its process, and its event.
LOST = dt.timedelta(hours=1)

State = Reconciliation.State


class GatewayWithoutBooks(Refusal):
    """The gateway doesn't tell what it did on a day."""


class DayNotBegun(Refusal):
    """Nothing was done yet on a day to come."""


@dataclasses.dataclass(frozen=True)
class ReadBooks:
    """The next step: read a page of the gateway's books."""

    gateway: str
    on: dt.date
    after: str


@dataclasses.dataclass(frozen=True)
class LookUp:
    """The next step: look up what we have done and the day's books don't show."""

    wishes: tuple[Wish, ...]


@transaction_required
def begin_reconciliation(*, gateway: str, on: dt.date, at: dt.datetime) -> Reconciliation:
    """
    Begin to compare a day; of a day that isn't over also what is on its way differs.

    :raises GatewayWithoutBooks, DayNotBegun:
    """
    if gateway not in gateways.with_books():
        raise GatewayWithoutBooks
    if on > at.astimezone(dt.UTC).date():
        raise DayNotBegun
    return Reconciliation.objects.create(gateway=gateway, on=on, begun_at=at, touched_at=at)


@transaction_required
def request_reconciliation(*, gateway: str, on: dt.date, at: dt.datetime) -> Reconciliation:
    """
    Let a worker compare a day.

    :raises GatewayWithoutBooks, DayNotBegun:
    """
    run = begin_reconciliation(gateway=gateway, on=on, at=at)
    _request(run, at=at)
    return run


@transaction_required
def continue_reconciliation(*, reconciliation_id: uuid.UUID, at: dt.datetime) -> None:
    """Let a worker go on with it."""
    _request(Reconciliation.locked(reconciliation_id), at=at)


@transaction_required
def request_due_reconciliations(*, at: dt.datetime) -> int:
    """Let days be compared that are over; return how many are begun, or taken up again."""
    lost = Reconciliation.objects.filter(touched_at__lt=at - LOST).exclude(state=State.DONE)
    runs = list(lost.select_for_update(skip_locked=True))
    for run in runs:
        run.touch(at=at)
        _request(run, at=at)
    due = [(name, on) for name in _used_gateways() for on in _due_days(name, at=at)]
    for gateway, on in due:
        request_reconciliation(gateway=gateway, on=on, at=at)
    return len(runs) + len(due)


@transaction_required
def next_step(*, reconciliation_id: uuid.UUID, at: dt.datetime) -> ReadBooks | LookUp | None:
    """Return what is to be done next outside of any transaction; None when all was compared."""
    run = Reconciliation.locked(reconciliation_id)
    if run.state == State.BOOKS:
        return ReadBooks(run.gateway, run.on, after=run.cursor)
    if run.state == State.OURS:
        if operations := _not_in_the_books(run):
            return LookUp(tuple(map(wish_of, operations)))
        _finish(run, at=at)
    return None


@transaction_required
def note_books(
    *, reconciliation_id: uuid.UUID, asked: ReadBooks, page: BooksPage, at: dt.datetime
) -> None:
    """Compare a page of the gateway's books, unless another process has done so."""
    run = Reconciliation.locked(reconciliation_id)
    if run.is_at(State.BOOKS, asked.after):
        found = compare(gateway=run.gateway, entries=page.entries, at=at)
        for finding in found.findings:
            Difference.note(finding, reconciliation=run, at=at)
        # Last: who takes an answer locks the payment first, and then its operation.
        Operation.objects.filter(id__in=found.seen).update(reconciled_at=at)
        run.note_page(len(page.entries), after=page.after, at=at)


@transaction_required
def note_lookups(
    *,
    reconciliation_id: uuid.UUID,
    answers: Mapping[uuid.UUID, Accepted | NotFound],
    at: dt.datetime,
) -> None:
    """Take it into account which of our operations the gateway knows after all."""
    run = Reconciliation.locked(reconciliation_id)
    operations = Operation.objects.filter(id__in=answers).select_related("payment").order_by("id")
    for operation in operations if run.state == State.OURS else ():
        if isinstance(answers[operation.id], NotFound):
            Difference.note(_missing_at_gateway(operation), reconciliation=run, at=at)
    found = [key for key, answer in answers.items() if isinstance(answer, Accepted)]
    Operation.objects.filter(id__in=found).update(reconciled_at=at)
    if run.state == State.OURS:
        run.note_lookups(len(answers), after=max(map(str, answers)), at=at)


def wish_of(operation: Operation) -> Wish:
    """Return what was wished, to be looked up before it is asked for again."""
    payment = operation.payment
    return Wish(
        id=operation.id,
        order_id=payment.order_id,
        kind=operation.kind,
        gateway=payment.gateway,
        token=payment.token,
        amount=operation.amount,
        currency=payment.currency,
        reference=payment.reference,
        may_be_forgotten=True,
    )


def _request(run: Reconciliation, *, at: dt.datetime) -> None:
    publish(
        ReconciliationRequested(
            occurred_at=at, reconciliation_id=run.id, gateway=run.gateway, on=run.on
        )
    )


def _used_gateways() -> list[str]:
    """Return the gateways with books at which anything was ever paid."""
    paid = Payment.objects.exclude(token="")
    return [name for name in gateways.with_books() if paid.filter(gateway=name).exists()]


def _due_days(gateway: str, *, at: dt.datetime) -> list[dt.date]:
    """Return the days that were not compared yet, and those whose differences are still open."""
    yesterday = (at - BOOKS_CLOSE).astimezone(dt.UTC).date() - dt.timedelta(days=1)
    runs = Reconciliation.objects.filter(gateway=gateway)
    newest = runs.filter(on__lte=yesterday).aggregate(newest=Max("on"))["newest"]
    missed = min((yesterday - newest).days, MAX_DAYS_BACK) if newest else 1
    days = {yesterday - dt.timedelta(days=number) for number in range(missed)}
    still_open = Difference.objects.filter(gateway=gateway, on__lte=yesterday)
    for on in still_open.filter(state__in=Difference.OPEN).values_list("on", flat=True).distinct():
        if not runs.filter(on=on, begun_at__gt=at - EVERY).exists():
            days.add(on)
    return sorted(days)


def _not_in_the_books(run: Reconciliation) -> list[Operation]:
    done = Operation.objects.filter(
        state=Operation.State.DONE,
        answered_at__gte=run.begins,
        answered_at__lt=run.ends,
        payment__gateway=run.gateway,
    )
    unseen = done.filter(Q(reconciled_at=None) | Q(reconciled_at__lt=run.begun_at))
    # What was taken over has another name there: no gateway can be asked for it by ours.
    unseen = unseen.exclude(difference__kind=Difference.Kind.MISSING_HERE)
    if run.cursor:
        unseen = unseen.filter(id__gt=run.cursor)
    return list(unseen.select_related("payment").order_by("id")[:MAX_LOOKED_UP])


def _missing_at_gateway(operation: Operation) -> Finding:
    payment = operation.payment
    return Finding(
        kind=Difference.Kind.MISSING_AT_GATEWAY,
        doing=operation.kind,
        token=payment.token,
        currency=payment.currency,
        reference=str(operation.id),
        operation=operation,
        payment=payment,
        our_state=operation.state,
        our_amount=operation.amount,
        our_fee=operation.fee,
    )


def _finish(run: Reconciliation, *, at: dt.datetime) -> None:
    """Close what was not found again; raise the alarm over what is open."""
    still = Difference.objects.filter(gateway=run.gateway, on=run.on, state__in=Difference.OPEN)
    still.filter(seen_at__lt=run.begun_at).update(state=Difference.State.GONE)
    kinds = Counter(still.filter(seen_at__gte=run.begun_at).values_list("kind", flat=True))
    run.finish(differences=kinds.total(), at=at)
    if kinds:
        publish(
            ReconciliationDiffered(
                occurred_at=at,
                reconciliation_id=run.id,
                gateway=run.gateway,
                on=run.on,
                differences=dict(sorted(kinds.items())),
            )
        )
