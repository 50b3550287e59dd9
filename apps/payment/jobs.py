"""What time triggers."""

from __future__ import annotations

from django.utils import timezone

from apps.payment import usecases
from kernel.bus.jobs import every
from kernel.transactions import transaction


@every(minutes=1)
def settle_open_wishes() -> None:
    """Let what no gateway has answered be asked again, by the workers that call gateways."""
    with transaction():
        usecases.ask_again(at=timezone.now())


@every(minutes=10)
def settle_lapsing_authorizations() -> None:
    """Warn of what won't be held much longer; capture or release it before it lapses by itself."""
    with transaction():
        usecases.warn_of_lapsing(at=timezone.now())
    with transaction():
        usecases.settle_lapsing(at=timezone.now())


@every(minutes=10)
def reconcile_days_that_are_over() -> None:
    """Let workers compare with each gateway's books what was not compared yet."""
    with transaction():
        usecases.request_due_reconciliations(at=timezone.now())
