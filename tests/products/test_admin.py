from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.products import usecases
from apps.products.events import (
    ProductCreated,
    ProductDeleted,
    ProductRejected,
    ProductUpdated,
)
from apps.products.models import Availability, Category, Product, Word
from kernel.bus.testing import published
from kernel.money import Money
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.products.conftest import STATE

pytestmark = pytest.mark.django_db
Made = Callable[..., uuid.UUID]


@pytest.fixture
def admin() -> Client:
    client = Client()
    user = get_user_model().objects.create_superuser("root@example.com", "secret", name="Root")
    client.force_login(user)
    return client


def form(**changes: Any) -> dict[str, Any]:
    lamps = Category.objects.get(slug="lamps")
    return {
        "code": "LAMP-1",
        "name": "Reading lamp",
        "description": "A lamp to read by.",
        "model": "Lykta 2",
        "category": lamps.pk,
        "tags": "brass,warm",
        "width": 200,
        "length": 300,
        "height": 400,
        "weight": 1500,
        "price_amount": 4990,
        "price_currency": "EUR",
        "tax_class": "reduced",
        "is_active": "on",
        "version": 1,
        "pictures-TOTAL_FORMS": 0,
        "pictures-INITIAL_FORMS": 0,
        **changes,
    }


def test_every_list_and_page_shows(admin: Client, made: Made) -> None:
    product_id = made("LAMP-1")
    Availability.note(product_id=product_id, version=1, free=3)
    with transaction():
        picture = usecases.add_picture(
            product_id=product_id,
            sizes=[{"key": "a.webp", "width": 1, "height": 1}],
            alt_text="A lamp",
            at=NOON,
        )
    pages = {
        "product": product_id,
        "category": Category.objects.get(slug="lamps").pk,
        "picture": picture.pk,
        "availability": product_id,
        "word": Word.objects.create(word="reading").pk,
    }
    for model, pk in pages.items():
        listed = admin.get(reverse(f"admin:products_{model}_changelist"), {"q": "a"})
        shown = admin.get(reverse(f"admin:products_{model}_change", args=[pk]))
        assert (listed.status_code, shown.status_code) == (200, 200)
    page = admin.get(reverse("admin:products_product_change", args=[product_id]))
    assert "https://pictures.example/a.webp" in page.content.decode()
    for model in ("product", "category"):
        assert admin.get(reverse(f"admin:products_{model}_add")).status_code == 200


def test_an_operator_changes_the_price_through_the_use_case(admin: Client, made: Made) -> None:
    product_id = made("LAMP-1")
    url = reverse("admin:products_product_change", args=[product_id])
    assert admin.post(url, form(price_amount=3990)).status_code == 302
    event = published()[-1]
    assert event == ProductUpdated(
        occurred_at=event.occurred_at,
        product_id=product_id,
        version=2,
        old=STATE,
        new=STATE.model_copy(update={"price": Money(amount=3990, currency="EUR")}),
        changed=("price",),
    )
    # The form that was opened before that change is refused.
    answer = admin.post(url, form(price_amount=1), follow=True)
    assert "Someone changed this" in answer.content.decode()
    assert Product.objects.get().price_amount == 3990


def test_an_operator_adds_a_product_through_the_use_case(admin: Client, tree: None) -> None:
    assert admin.post(reverse("admin:products_product_add"), form()).status_code == 302
    (event,) = published()
    assert event == ProductCreated(
        occurred_at=event.occurred_at,
        product_id=Product.objects.get().id,
        version=1,
        product=STATE,
    )


def test_a_taken_code_is_shown_and_told(admin: Client, made: Made) -> None:
    taken = made("LAMP-1")
    answer = admin.post(reverse("admin:products_product_add"), form(), follow=True)
    assert "Another product has this code." in answer.content.decode()
    event = published()[-1]
    assert event == ProductRejected(
        occurred_at=event.occurred_at, product_id=taken, code="LAMP-1", reason="code_taken"
    )
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"width": 0}, {"price_amount": -1}, {"price_currency": "e"}, {"code": "a b"}]
)
def test_a_form_that_is_not_good_is_shown_again(
    admin: Client, tree: None, change: dict[str, Any]
) -> None:
    answer = admin.post(reverse("admin:products_product_add"), form(**change))
    assert (answer.status_code, published()) == (200, [])


def act(client: Client, action: str, *chosen: uuid.UUID) -> None:
    body = {"action": action, "_selected_action": [str(product_id) for product_id in chosen]}
    assert client.post(reverse("admin:products_product_changelist"), body).status_code == 302


def test_operators_take_products_off_sale_and_back_and_delete_them(
    admin: Client, made: Made
) -> None:
    first, second = made("A"), made("B")
    act(admin, "hide", first, second)
    act(admin, "show", second)
    act(admin, "delete_chosen", first)
    told = [
        (type(event), event.subject, getattr(event, "changed", None)) for event in published()[2:]
    ]
    assert told == [
        (ProductUpdated, first, ("is_active",)),
        (ProductUpdated, second, ("is_active",)),
        (ProductUpdated, second, ("is_active",)),
        (ProductDeleted, first, None),
    ]
    page = admin.get(reverse("admin:products_product_changelist")).content.decode()
    assert str(second) in page
    assert str(first) not in page


def test_operators_add_categories_through_the_use_case(admin: Client, tree: None) -> None:
    home = Category.objects.get(slug="home")
    url = reverse("admin:products_category_add")
    body = {"parent": home.pk, "slug": "desks", "name": "Desks", "version": 1}
    assert admin.post(url, body).status_code == 302
    assert Category.objects.get(slug="desks").path == "home/desks"


def test_operators_move_categories_through_the_use_case(admin: Client, tree: None) -> None:
    lamps, garden = Category.objects.get(slug="lamps"), Category.objects.get(slug="garden")
    url = reverse("admin:products_category_change", args=[lamps.pk])
    body = {"parent": garden.pk, "name": "Light", "version": 1}
    assert admin.post(url, body).status_code == 302
    assert Category.objects.get(slug="lamps").path == "garden/lamps"
    home = reverse("admin:products_category_change", args=[garden.pk])
    answer = admin.post(home, {"parent": lamps.pk, "name": "G", "version": 1}, follow=True)
    assert "below itself" in answer.content.decode()
