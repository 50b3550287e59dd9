"""What a test needs of the bus: look at what was published, and let it flow."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection

from django.utils import timezone

from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.event import Event, event_class
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.personal import keys_of
from kernel.bus.subscriptions import queues_of

Message = tuple[str, Envelope]
Courier = Callable[[list[Message]], Message]


def envelopes() -> list[Envelope]:
    """Return the log, oldest first."""
    return [Envelope.of(row) for row in OutboxEvent.objects.order_by("sequence")]


def published(*kinds: type[Event]) -> list[Event]:
    """
    Return the events of the log, oldest first; of these kinds only, if any are named.

    That staff did it is told beside what they did: it is left out, unless it is named.
    """
    found = [told for told in envelopes() if kinds or not told.name.startswith("admin.")]
    keys = keys_of(person for envelope in found if (person := envelope.person_id))
    events = [envelope.event(keys) for envelope in found]
    return [event for event in events if not kinds or isinstance(event, kinds)]


def in_order(messages: list[Message]) -> Message:
    """Let messages come as they were sent."""
    return messages.pop(0)


def twice_and_shuffled(seed: int) -> Courier:
    """Let every message come twice, as late and in such an order as the seed draws."""
    dice = random.Random(seed)  # noqa: S311 -- repeatable, not secret
    came_once: set[tuple[str, object]] = set()

    def draw(messages: list[Message]) -> Message:
        queue, envelope = message = messages.pop(dice.randrange(len(messages)))
        if (queue, envelope.event_id) not in came_once:
            came_once.add((queue, envelope.event_id))
            messages.append(message)
        return message

    return draw


def run_until_quiet(
    courier: Courier = in_order, *, only: Collection[str] = (), limit: int = 5_000
) -> None:
    """
    Deliver what was published, and what that causes, until nothing is left.

    With `only`, no other queue than these is served: one module is tested alone.

    :raises AssertionError: if a handler fails (naming its error), or it never ends.
    """
    messages: list[Message] = []
    for _ in range(limit):
        messages += [sent for sent in newly_sent() if not only or sent[0] in only]
        if not messages:
            return
        _deliver(*courier(messages))
    raise AssertionError(f"Still events after {limit} deliveries: is there a loop?")


def newly_sent() -> list[Message]:
    """Return what waits in the outbox as a message for each queue, and note it as sent."""
    rows = list(OutboxEvent.objects.filter(sent_at=None).order_by("sequence"))
    if rows:
        sequences = [row.sequence for row in rows]
        OutboxEvent.objects.filter(sequence__in=sequences).update(sent_at=timezone.now())
    found = [(event_class(row.name), Envelope.of(row)) for row in rows]
    return [(queue, envelope) for cls, envelope in found if cls for queue in queues_of(cls)]


def _deliver(queue: str, envelope: Envelope) -> None:
    if not inbox.deliver(queue, [envelope]):
        failed = Delivery.objects.filter(event_id=envelope.event_id, state="FAILED").first()
        raise AssertionError(f"{failed}: {failed and failed.error}\n{failed and failed.traceback}")
