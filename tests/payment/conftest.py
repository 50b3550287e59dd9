from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.payment.gateway import FakeGateway, installed
from tests.payment.scenes import Order


@pytest.fixture
def fake() -> Iterator[FakeGateway]:
    """Let payment_3p be the fake."""
    gateway = FakeGateway()
    with installed(gateway):
        yield gateway


@pytest.fixture
def order(fake: FakeGateway) -> Order:
    return Order(fake)
