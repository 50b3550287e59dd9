from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from apps.invoices import gateway
from apps.invoices.gateway import FakeDocumentStore, FakeUploads
from kernel.bus.event import Event
from tests.invoices.scenes import flow, tell


@pytest.fixture(autouse=True)
def store() -> Iterator[FakeDocumentStore]:
    fake = FakeDocumentStore()
    with gateway.installed(fake):
        yield fake


@pytest.fixture
def uploads() -> Iterator[FakeUploads]:
    fake = FakeUploads()
    with gateway.uploads_installed(fake):
        yield fake


@pytest.fixture
def heard(db: None) -> Callable[..., None]:
    """Publish events and let them arrive."""

    def hear(*events: Event) -> None:
        tell(*events)
        flow()

    return hear
