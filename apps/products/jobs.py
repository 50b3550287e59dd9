"""What time triggers in products."""

from __future__ import annotations

from django.utils import timezone

from apps.products import usecases
from kernel.bus.jobs import every
from kernel.transactions import transaction


@every(minutes=60)
def forget_old_pictures() -> None:
    """Clear pictures that were announced and never uploaded, or refused."""
    with transaction():
        usecases.forget_old_pictures(at=timezone.now())
