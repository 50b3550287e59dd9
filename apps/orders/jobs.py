"""What time triggers in orders."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from apps.orders import usecases
from kernel.bus.jobs import every
from kernel.transactions import transaction

BATCH = 100


@every(minutes=1)
def time_out_orders() -> None:
    """Cancel, in small transactions, what has waited too long for stock and payment."""
    while _time_out_some() == BATCH:
        pass


@every(minutes=60)
def prune_carts() -> None:
    """Forget, in small transactions, carts that nobody comes back to."""
    while _prune_some() == BATCH:
        pass


def _prune_some() -> int:
    now = timezone.now()
    with transaction():
        return usecases.prune_carts(
            guests_before=now - settings.GUEST_CART_LIFETIME,
            customers_before=now - settings.CART_LIFETIME,
            limit=BATCH,
        )


def _time_out_some() -> int:
    with transaction():
        return usecases.time_out_orders(at=timezone.now(), limit=BATCH)
