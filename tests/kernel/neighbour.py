"""A second module: it hears the event of the probe on its own queue, and keeps only marks."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

from kernel.bus.models import InboxMark, OutboxEvent
from kernel.bus.subscriptions import Handler, _register, forget
from tests.kernel import probe

QUEUE, HANDLER = "neighbour", "neighbour.note"


def note(pinged: probe.Pinged) -> None:
    """Do nothing: the mark tells that it was heard."""


def declare() -> None:
    _register(Handler(HANDLER, QUEUE, probe.Pinged, note))


@contextlib.contextmanager
def declared() -> Iterator[None]:
    """Let the bus know the second handler."""
    declare()
    try:
        yield
    finally:
        forget(HANDLER)


def heard() -> list[uuid.UUID]:
    """Return the pings that it has handled, sorted."""
    marks = InboxMark.objects.filter(handler=HANDLER).values("event_id")
    return sorted(OutboxEvent.objects.filter(event_id__in=marks).values_list("subject", flat=True))
