"""What time triggers in users."""

from __future__ import annotations

from django.utils import timezone

from apps.users.usecases import exports, letters, logins
from kernel.bus.jobs import every
from kernel.transactions import transaction


@every(minutes=60)
def forget_old_logins() -> None:
    """Clear what old logins left behind."""
    with transaction():
        logins.forget_old(at=timezone.now())


@every(minutes=60)
def forget_old_letters() -> None:
    """Clear mails whose time is over, and with them the addresses that they went to."""
    with transaction():
        letters.forget_old_letters(at=timezone.now())


@every(minutes=60)
def forget_old_exports() -> None:
    """Clear exports whose time is over."""
    with transaction():
        exports.forget_old_exports(at=timezone.now())
