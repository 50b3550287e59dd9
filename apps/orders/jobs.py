"""What time triggers in orders."""

from __future__ import annotations

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


def _time_out_some() -> int:
    with transaction():
        return usecases.time_out_orders(at=timezone.now(), limit=BATCH)
