"""The event, and the one handler that hears it."""

from __future__ import annotations

import uuid

from django.conf import settings

from bench.probe import QUEUE
from kernel.bus.event import Event
from kernel.bus.subscriptions import forget, handles


class Probed(Event, name="testing.probed.v1", subject="probe_id"):
    """As large as most events of an order are."""

    probe_id: uuid.UUID
    order_id: uuid.UUID
    version: int = 1
    reason: str = "because it is measured"


@handles(Probed)
def do_nothing(event: Probed) -> None:
    """Take the event into no effect."""


def hear_alone() -> None:
    """Let this process know our queue; what hears every event must not hear ours."""
    settings.QUEUES = (*settings.QUEUES, QUEUE)
    forget("audit.record_events")
