from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from kernel.bus.testing import twice_and_shuffled
from kernel.mail import FakePost, installed
from simulation.database import Stage, staged
from simulation.people import open_shop
from tests.simulation.rehearsal import Rehearsal


@pytest.fixture
def rehearsal() -> Iterator[Callable[[int], Rehearsal]]:
    """Return what opens a shop in which messages come twice and shuffled, as a seed draws."""
    gateway, documents, post = FakeGateway(), FakeDocumentStore(), FakePost()
    with (
        payment_gateway.installed(gateway),
        invoices_gateway.installed(documents),
        installed(post),
    ):
        yield lambda seed: Rehearsal(
            open_shop(gateway=gateway),
            documents,
            post,
            courier=twice_and_shuffled(seed),
            pauses=random.Random(seed),
        )


@pytest.fixture(scope="module")
def opened(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stage]:
    """Open a shop once for a module's schedules."""
    with django_db_blocker.unblock(), staged() as stage:
        yield stage


@pytest.fixture
def stage(opened: Stage, transactional_db: None) -> Stage:
    """Return the shop as it opened: pytest empties the tables after each real transaction."""
    opened.reset_all()
    return opened
