"""Publishing: an event is a row in the transaction that made it true."""

from __future__ import annotations

import uuid

from django.utils import timezone

from kernel.bus import context
from kernel.bus.envelope import payload_of
from kernel.bus.event import Event
from kernel.bus.models import OutboxEvent
from kernel.bus.personal import key_of
from kernel.ids import new_id
from kernel.transactions import demand_transaction


def publish(*events: Event) -> None:
    """
    Store events beside the change that they report; the relay sends them.

    :raises TransactionMissing: outside a transaction.
    """
    demand_transaction("publish")
    OutboxEvent.objects.bulk_create([_row(event) for event in events])


def _row(event: Event) -> OutboxEvent:
    cause = context.current()
    return OutboxEvent(
        event_id=new_id(),
        name=event.name,
        subject=event.subject,
        order_id=event.order_id_or_none,
        payload=payload_of(event, _key(event)),
        occurred_at=event.occurred_at,
        recorded_at=timezone.now(),
        actor=cause.actor,
        correlation_id=cause.correlation_id,
        causation_id=cause.causation_id,
        traceparent=cause.traceparent,
    )


def _key(event: Event) -> bytes | None:
    person: uuid.UUID | None = getattr(event, event.person_field) if event.person_field else None
    return key_of(person) if person and event.personal_fields else None
