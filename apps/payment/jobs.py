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
