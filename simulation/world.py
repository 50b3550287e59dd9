"""What a schedule leaves behind for the invariants to look at, beside the database."""

from __future__ import annotations

import dataclasses

from apps.audit.gateway import FakeAnchorStore
from apps.invoices.gateway import FakeDocumentStore
from apps.payment.gateway import FakeGateway
from kernel.mail import FakePost
from simulation.broker import Broker
from simulation.journal import Journal
from simulation.people import ShopClients


@dataclasses.dataclass(frozen=True)
class World:
    """The shop's surroundings once all is quiet."""

    gateway: FakeGateway
    documents: FakeDocumentStore
    anchors: FakeAnchorStore
    post: FakePost
    broker: Broker
    shop: ShopClients

    @property
    def acknowledged(self) -> Journal:
        """What people asked and were promised: each promise must have been kept."""
        return self.shop.journal
