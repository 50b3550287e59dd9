from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import hashers
from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from pytest_django import DjangoDbBlocker

from apps.invoices import gateway as invoices_gateway
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from apps.products import gateway as products_gateway
from tests.api.catalogue import undone
from tests.api.world import World
from tests.invoices.ses import SECRET
from tests.products.conftest import MEMORY


@pytest.fixture(scope="session")
def schema() -> dict[str, Any]:
    """Return the OpenAPI schema as it is served."""
    return SchemaGenerator().get_schema(public=True)  # type: ignore[no-any-return, no-untyped-call]


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Return a shop in which everything is there; what a test changes, it takes back: `undone`."""
    storages = {**settings.STORAGES, "default": MEMORY}
    gateway, store = FakeGateway(), invoices_gateway.FakeDocumentStore()
    with (
        django_db_blocker.unblock(),
        override_settings(
            STORAGES=storages, ANYMAIL={**settings.ANYMAIL, "WEBHOOK_SECRET": SECRET}
        ),
        cheap_hashes(),
        payment_gateway.installed(gateway),
        invoices_gateway.installed(store),
        invoices_gateway.uploads_installed(invoices_gateway.FakeUploads()),
        undone(),
    ):
        products_gateway.files._base_url.cache_clear()
        yield World(gateway)
    products_gateway.files._base_url.cache_clear()


@contextlib.contextmanager
def cheap_hashes() -> Iterator[None]:
    """Let Argon2 take a thousandth of its memory."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("memory_cost", 100), ("time_cost", 1), ("parallelism", 1)):
            patch.setattr(hashers.Argon2PasswordHasher, name, value)
        yield
