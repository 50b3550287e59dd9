"""Queues that are not emptied, and letters that nobody took."""

from __future__ import annotations

from collections.abc import Iterator

from shop.data import Data
from shop.observability.watch import FIVE_MINUTES, MINUTE, Watch
from shop.registry import Registry

# A failed event comes again after up to half an hour, and the queue tells the age of its message.
OLDEST_SECONDS = 45 * 60
WAITING = 1_000


def watches(data: Data, registry: Registry) -> Iterator[Watch]:
    """Return what is watched of each queue."""
    for name in registry.all_queues:
        queue, dead = data.queues.by_name[name], data.queues.dead[name]
        yield Watch(
            name=f"oldest-{name}",
            means=f"A message waits for {name} longer than the whole back-off.",
            heading="a-queue-is-not-emptied",
            metric=queue.metric_approximate_age_of_oldest_message(
                period=MINUTE, statistic="Maximum"
            ),
            threshold=OLDEST_SECONDS,
        )
        yield Watch(
            name=f"waiting-{name}",
            means=f"Messages for {name} come faster than they are taken.",
            heading="a-queue-is-not-emptied",
            metric=queue.metric_approximate_number_of_messages_visible(
                period=FIVE_MINUTES, statistic="Minimum"
            ),
            threshold=WAITING,
        )
        yield Watch(
            name=f"dead-{name}",
            means=f"{name} gave up on a message.",
            heading="dead-deliveries",
            metric=dead.metric_approximate_number_of_messages_visible(
                period=MINUTE, statistic="Maximum"
            ),
            threshold=1,
            periods=1,
        )
