"""What time triggers in users."""

from __future__ import annotations

from django.utils import timezone

from apps.users.usecases import logins
from kernel.bus.jobs import every
from kernel.transactions import transaction


@every(minutes=60)
def forget_old_logins() -> None:
    """Clear what old logins left behind."""
    with transaction():
        logins.forget_old(at=timezone.now())
