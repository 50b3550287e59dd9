"""Events of an order in the log, as the bus leaves them, and two handlers that hear them."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Annotated, Any

from kernel.bus import event, subscriptions
from kernel.bus.event import Event, Personal
from kernel.bus.models import Delivery, InboxMark, OutboxEvent
from kernel.bus.subscriptions import Handler, _register
from kernel.ids import new_id

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
PACK, PAY = "testing.pack", "testing.pay"
AUDIT = "audit.record_events"  # hears every event


class Begun(Event, name="testing.begun.v1", subject="order_id", person="person_id"):
    """
    A test's order has begun.

    Nobody needs more of it.
    """

    order_id: uuid.UUID
    person_id: uuid.UUID
    note: str = ""
    gift_token: str = ""
    address: Annotated[str | None, Personal()] = None


event._EVENTS.pop(Begun.name)  # only known while a test wants it


@contextlib.contextmanager
def declared() -> Iterator[None]:
    """Let the bus know the event, and two handlers of it."""
    event._EVENTS[Begun.name] = Begun
    for name in (PACK, PAY):
        _register(Handler(name, "testing", Begun, print))
    try:
        yield
    finally:
        event._EVENTS.pop(Begun.name)
        for name in (PACK, PAY):
            subscriptions.forget(name)


def minutes(number: float) -> dt.timedelta:
    return dt.timedelta(minutes=number)


def told(
    order_id: uuid.UUID | None,
    *,
    after: float = 0,
    cause: OutboxEvent | None = None,
    sent: bool = True,
    taken: tuple[str, ...] = (AUDIT, PACK, PAY),
    **fields: Any,
) -> OutboxEvent:
    """Put an event into the log, so many minutes after noon; some have taken it a second later."""
    at = NOON + minutes(after)
    row = OutboxEvent.objects.create(
        **{
            "event_id": new_id(),
            "name": Begun.name,
            "subject": order_id or new_id(),
            "order_id": order_id,
            "payload": {"order_id": str(order_id), "note": "mind the step"},
            "occurred_at": at,
            "recorded_at": at,
            "actor": "system",
            "correlation_id": "request-1",
            "causation_id": cause and cause.event_id,
            "sent_at": at if sent else None,
            **fields,
        }
    )
    for handler in taken:
        take(row, handler, after=after + 1 / 60)
    return row


def take(row: OutboxEvent, handler: str, *, after: float) -> None:
    InboxMark.objects.create(
        event_id=row.event_id, handler=handler, handled_at=NOON + minutes(after)
    )


def fail(
    row: OutboxEvent, handler: str, state: str = "FAILED", *, attempts: int = 1, after: float = 1
) -> Delivery:
    """Note what a handler did not simply take, so many minutes after noon."""
    return Delivery.objects.create(
        event_id=row.event_id,
        handler=handler,
        name=row.name,
        order_id=row.order_id,
        state=state,
        attempts=attempts,
        error="testing.Broken: as asked",
        traceback='  File "handlers.py", line 7, in pack\n',
        first_failed_at=NOON,
        updated_at=NOON + minutes(after),
    )
