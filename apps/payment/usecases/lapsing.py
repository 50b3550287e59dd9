"""What time does to money that is held: gateways release it after some days, by themselves."""

from __future__ import annotations

import datetime as dt

from apps.payment.events import AuthorizationLapsing, OperationRequested
from apps.payment.models import Operation, Payment
from apps.payment.usecases.wishes import was_refused, write_wish
from kernel.bus.outbox import publish
from kernel.transactions import transaction_required

# Time for staff to send the goods, or to cancel the order.
WARNING = dt.timedelta(days=2)
# Time for a gateway that is away to come back.
MARGIN = dt.timedelta(hours=6)
MAX_AT_ONCE = 500


@transaction_required
def warn_of_lapsing(*, at: dt.datetime) -> int:
    """Tell once of each authorization that lapses soon; return of how many it was told."""
    lapsing = Payment.held_until_before(at + WARNING).filter(warned_at=None)
    payments = list(lapsing.select_for_update(skip_locked=True)[:MAX_AT_ONCE])
    for payment in payments:
        payment.warned_at = at
        payment.store(at=at)
        publish(
            AuthorizationLapsing(
                occurred_at=at,
                order_id=payment.order_id,
                amount=payment.authorized,
                currency=payment.currency,
                held_until=payment.held_until,
            )
        )
    return len(payments)


@transaction_required
def settle_lapsing(*, at: dt.datetime) -> int:
    """
    Capture what is about to lapse if the goods are on their way, else release it; return how many.

    None is renewed: a token holds money once, and a second authorization would hold it twice.
    """
    lapsing = Payment.held_until_before(at + MARGIN).filter(is_lapsing=False)
    payments = list(lapsing.select_for_update(skip_locked=True)[:MAX_AT_ONCE])
    for payment in payments:
        payment.hears("lapsing")
        payment.is_lapsing = True
        payment.store(at=at)
        _ask_for_what_is_due(payment, at=at)
    return len(payments)


def _ask_for_what_is_due(payment: Payment, *, at: dt.datetime) -> None:
    """Ask the gateway, unless it is being asked: what is due then follows by itself."""
    due = payment.due()
    is_open = payment.operations.filter(state=Operation.State.WISHED).exists()
    if due is None or is_open or was_refused(payment=payment, due=due):
        return
    operation = write_wish(
        payment=payment, kind=due.kind, amount=due.amount, reason=due.reason, at=at
    )
    publish(
        OperationRequested(occurred_at=at, order_id=payment.order_id, operation_id=operation.id)
    )
