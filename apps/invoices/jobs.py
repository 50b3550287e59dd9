"""What time triggers in invoices."""

from __future__ import annotations

from django.utils import timezone

from apps.invoices import usecases
from kernel.bus.jobs import every
from kernel.transactions import transaction

BATCH = 100


@every(minutes=1)
def wake_mails() -> None:
    """Send, in small transactions, what waited for an address that has become known."""
    while _wake_some() == BATCH:
        pass


@every(minutes=60)
def forget_old_mails() -> None:
    """Forget, in small transactions, what was written about orders of long ago."""
    while _forget_some() == BATCH:
        pass


def _wake_some() -> int:
    with transaction():
        return usecases.wake_mails(at=timezone.now(), limit=BATCH)


def _forget_some() -> int:
    with transaction():
        return usecases.forget_old_mails(at=timezone.now(), limit=BATCH)


@every(minutes=1)
def time_out_imports() -> None:
    """Give up waiting for files that never came."""
    with transaction():
        usecases.time_out_imports(at=timezone.now())
