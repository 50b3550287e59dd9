"""Whatever was told has reached everyone who hears it, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kernel.bus.event import event_class
from kernel.bus.models import Delivery, InboxMark
from kernel.bus.subscriptions import hearers_of
from kernel.bus.watchdog import LOST
from simulation.invariants.books import Books

# Why a handler may fail and be tried again: the outside world is away, or PostgreSQL has ended a
# deadlock. Whatever else a handler fails by is a fault of ours, even if it is taken in the end.
_OF_FAULTS = {
    "apps.payment.errands.GatewaySilent",
    "builtins.ConnectionError",
    "django.db.utils.OperationalError",
    LOST.split(":", maxsplit=1)[0],
}


def nothing_is_undelivered(books: Books) -> Iterator[str]:
    """Nothing waits, nothing was given up, and each hearer has one mark for each event."""
    broker = books.world.broker
    if count := len(broker.waiting):
        yield f"{count} messages wait at the broker."
    if count := len(broker.dead):
        yield f"The broker has given up {count} messages."
    for event in books.events:
        if event.sent_at is None:
            reason = f": {event.set_aside}" if event.set_aside else "."
            yield f"{event.name} of {books.subject(event)} was never sent{reason}"
    yield from _deliveries(books)
    yield from _marks(books)


def _deliveries(books: Books) -> Iterator[str]:
    for delivery in Delivery.objects.order_by("id"):
        whose = f" of {books.name(delivery.order_id)}" if delivery.order_id else ""
        what = f"{delivery.name}{whose}"
        if delivery.state != Delivery.State.RECOVERED:
            yield f"{delivery.handler} has not taken {what}: {delivery.state}, {delivery.error}"
        elif delivery.error.split(":")[0] not in _OF_FAULTS:
            yield f"{delivery.handler} failed by itself at {what}: {delivery.error}"


def _marks(books: Books) -> Iterator[str]:
    marks = Counter(InboxMark.objects.values_list("event_id", "handler"))
    for event in books.events:
        cls = event_class(event.name)
        for hearer in hearers_of(cls) if cls else ():
            if not marks.pop((event.event_id, hearer.name), 0):
                yield f"{hearer.name} has not heard {event.name} of {books.subject(event)}."
    for (event_id, handler), _ in sorted(marks.items()):
        yield f"{handler} has heard event {event_id}, which the log doesn't have for it."
