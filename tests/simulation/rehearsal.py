"""A day in the shop in one thread and without faults, so that people can be tested alone."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Sequence

from apps.audit.gateway import FakeAnchorStore
from apps.invoices.gateway import FakeDocumentStore
from kernel.bus import inbox
from kernel.bus.testing import Courier, Message, in_order, newly_sent
from kernel.mail import FakePost
from simulation.acts import Act, closing_acts
from simulation.broker import Broker
from simulation.people import ShopClients
from simulation.world import World

MOST_TRIES = 6
MOST_ROUNDS = 20
PAUSES = (0, 5, 20, 50)  # how many messages arrive before the next act


class EmptyBroker(Broker):
    """A broker that has nothing left."""

    def __init__(self) -> None:
        self.waiting, self.dead = [], []


class Rehearsal:
    """Acts, one after another; without `pauses` all is quiet between them."""

    def __init__(
        self,
        shop: ShopClients,
        documents: FakeDocumentStore,
        post: FakePost,
        *,
        courier: Courier = in_order,
        pauses: random.Random | None = None,
    ) -> None:
        broker = EmptyBroker()
        self.world = World(
            gateway=shop.gateway,
            documents=documents,
            anchors=FakeAnchorStore(),
            post=post,
            broker=broker,
            shop=shop,
        )
        self._courier = courier
        self._pauses = pauses
        self._messages: list[Message] = []
        self._failures: Counter[tuple[str, uuid.UUID]] = Counter()

    def play(self, acts: Sequence[Act]) -> None:
        """Do these acts, then what closing time demands, until all is quiet."""
        for act in acts:
            act.perform(self.world.shop)
            self._deliver(self._pauses and self._pauses.choice(PAUSES))
        self._deliver(None)
        self._close()

    def _close(self) -> None:
        for _ in range(MOST_ROUNDS):
            if not (acts := closing_acts(self.world)):
                return
            for act in acts:
                act.perform(self.world.shop)
                self._deliver(self._pauses and self._pauses.choice(PAUSES))
            self._deliver(None)
        raise AssertionError(f"Closing time never ends: {[str(act) for act in acts]}")

    def _deliver(self, most: int | None) -> None:
        """Deliver so many messages, or all there are and all that they cause."""
        delivered = 0
        while most is None or delivered < most:
            self._messages += newly_sent()
            if not self._messages:
                return
            self._take(self._courier(self._messages))
            delivered += 1

    def _take(self, message: Message) -> None:
        queue, envelope = message
        if not inbox.deliver(queue, [envelope]):
            self._failures[queue, envelope.event_id] += 1
            tries = self._failures[queue, envelope.event_id]
            assert tries < MOST_TRIES, f"{queue} never takes {envelope.name}"
            self._messages.append(message)
