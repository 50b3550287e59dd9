"""What tests of the catalogue need: categories, products, files kept in memory."""

from __future__ import annotations

import copy
import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from PIL import Image
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.products import gateway, usecases
from apps.products.events import Package, ProductState
from kernel.ids import new_id
from kernel.money import Money
from kernel.transactions import transaction
from tests.conftest import NOON

MEMORY = {
    "BACKEND": "django.core.files.storage.InMemoryStorage",
    "OPTIONS": {"base_url": "https://pictures.example/"},
}
LAMP: dict[str, Any] = {
    "code": "LAMP-1",
    "name": "Reading lamp",
    "description": "A lamp to read by.",
    "model": "Lykta 2",
    "category": "lamps",
    "tags": ["brass", "warm"],
    "family": None,
    "attributes": {},
    "package": {"width": 200, "length": 300, "height": 400, "weight": 1500},
    "price": {"amount": 4990, "currency": "EUR"},
    "tax_class": "reduced",
    "is_active": True,
}
STATE = ProductState(
    code="LAMP-1",
    name="Reading lamp",
    description="A lamp to read by.",
    model="Lykta 2",
    category="lamps",
    tags=("brass", "warm"),
    package=Package(width=200, length=300, height=400, weight=1500),
    price=Money(amount=4990, currency="EUR"),
    is_active=True,
    tax_class="reduced",
)


@pytest.fixture(autouse=True)
def files_in_memory(settings: Settings) -> Iterator[None]:
    """Keep files in memory, and forget the address of the storage before."""
    settings.STORAGES = {**copy.deepcopy(django_settings.STORAGES), "default": MEMORY}
    gateway.files._base_url.cache_clear()
    yield
    gateway.files._base_url.cache_clear()


@pytest.fixture
def tree(db: None) -> None:
    """Make home with lamps and chairs below it, and garden."""
    with transaction():
        usecases.create_category(slug="home", name="Home", parent=None)
        usecases.create_category(slug="lamps", name="Lamps", parent="home")
        usecases.create_category(slug="chairs", name="Chairs", parent="home")
        usecases.create_category(slug="garden", name="Garden", parent=None)


@pytest.fixture
def admin(client_for: Callable[..., APIClient]) -> APIClient:
    """Return a client of an administrator."""
    return client_for("admin")


@pytest.fixture
def made(tree: None) -> Callable[..., uuid.UUID]:
    """Return a function that makes a product and returns its id."""

    def make(code: str, **changes: Any) -> uuid.UUID:
        product_id = new_id()
        state = STATE.model_copy(update={"code": code, **changes})
        with transaction():
            usecases.create_product(product_id=product_id, product=state, at=NOON)
        return product_id

    return make


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30), colour: int = 0) -> bytes:
    """Return the bytes of a picture."""
    file = io.BytesIO()
    Image.new("L", size, colour).save(file, kind)
    return file.getvalue()


def codes(client: APIClient, query: str = "") -> list[str]:
    """Return the codes that a list shows."""
    answer = client.get(f"/api/v1/products{query}")
    assert answer.status_code == 200, answer.json()
    return [row["code"] for row in answer.json()["results"]]
