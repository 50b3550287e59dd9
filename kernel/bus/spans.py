"""What traces see of an event: that it is published, sent, and heard."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Sequence

from kernel import tracing
from kernel.bus import context
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event
from kernel.bus.models import OutboxEvent
from kernel.bus.subscriptions import Handler
from kernel.ids import new_id


def published(event: Event, event_id: uuid.UUID, *, cause: str) -> str:
    """Note that an event was published, and return what stands for this in what follows."""
    span = tracing.begin(
        f"publish {event.name}",
        "producer",
        cause=cause,
        messaging__operation__type="create",
        messaging__message__id=str(event_id),
        shop__order_id=str(event.order_id_or_none or ""),
    )
    span.end()
    return span.traceparent


def sending(row: OutboxEvent, queues: Sequence[str]) -> tracing.Span:
    """Begin the sending of an event, as far as traces know it: to all queues at once."""
    return tracing.begin(
        f"send {row.name}",
        "producer",
        cause=row.traceparent,
        messaging__system="aws_sqs",
        messaging__operation__type="send",
        messaging__destination__name=", ".join(queues),
        messaging__message__id=str(row.event_id),
        shop__order_id=str(row.order_id or ""),
    )


@contextlib.contextmanager
def hearing(handler: Handler, envelope: Envelope) -> Iterator[None]:
    """Let a handler act in the block, moved by this event, as a part of its trace."""
    span = _hearing(handler, envelope)
    acting = context.Context(
        actor=handler.name,
        correlation_id=envelope.correlation_id,
        causation_id=envelope.event_id,
        traceparent=span.traceparent,
        order_id=envelope.order_id,
    )
    with tracing.ending(span), context.acting(acting):
        yield


@contextlib.contextmanager
def hearing_pack(handler: Handler, envelopes: Sequence[Envelope]) -> Iterator[None]:
    """Let the block be a part of each event's trace; its statements are seen in the last one's."""
    with contextlib.ExitStack() as spans:
        for envelope in envelopes:
            spans.enter_context(tracing.ending(_hearing(handler, envelope)))
        yield


@contextlib.contextmanager
def working(name: str) -> Iterator[None]:
    """Let the block be a trace of its own: what a job or a command does, that nobody asked for."""
    with tracing.span(name, "internal") as span:
        acting = context.Context(
            actor=name, correlation_id=str(new_id()), traceparent=span.traceparent
        )
        with context.acting(acting):
            yield


def _hearing(handler: Handler, envelope: Envelope) -> tracing.Span:
    return tracing.begin(
        handler.name,
        "consumer",
        cause=envelope.traceparent,
        messaging__system="aws_sqs",
        messaging__operation__type="process",
        messaging__destination__name=handler.queue,
        messaging__message__id=str(envelope.event_id),
        shop__event=envelope.name,
        shop__order_id=str(envelope.order_id or ""),
    )
