from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from apps.orders.events import OrderCancelled
from apps.orders.models import CatalogueItem, Order, OrderLine, StockItem, TimelineEntry
from tests.orders.scenes import NOON, Scene


@pytest.fixture
def admin(db: None) -> Client:
    user = get_user_model().objects.create(
        email="root@example.com", is_staff=True, is_superuser=True
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize("model", [Order, OrderLine, TimelineEntry, CatalogueItem, StockItem])
def test_every_table_is_shown_and_read_only(scene: Scene, admin: Client, model: type) -> None:
    name = f"admin:orders_{model.__name__.lower()}"
    row = model.objects.first()  # type: ignore[attr-defined]

    assert admin.get(reverse(f"{name}_changelist")).status_code == 200
    assert admin.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
    assert admin.get(reverse(f"{name}_add")).status_code == 403
    assert admin.post(reverse(f"{name}_delete", args=[row.pk])).status_code == 403


def test_an_order_is_found_by_its_number(scene: Scene, admin: Client) -> None:
    url = reverse("admin:orders_order_changelist")

    assert str(scene.id) in admin.get(url, {"q": scene.order.number}).content.decode()
    assert str(scene.id) not in admin.get(url, {"q": "7K3M"}).content.decode()


def cancel(admin: Client, scene: Scene) -> str:
    url = reverse("admin:orders_order_changelist")
    asked = {"action": "cancel", "_selected_action": [str(scene.id)]}
    return admin.post(url, asked, follow=True).content.decode()


def test_the_action_cancels_and_shows_a_refusal(scene: Scene, admin: Client) -> None:
    cancel(admin, scene)
    assert scene.order.state == "CANCELLED"
    assert scene.said()[1:] == [
        OrderCancelled(occurred_at=NOON, order_id=scene.id, version=2, reason="requested")
    ]

    assert "can no longer be cancelled" in cancel(admin, scene)
    assert len(scene.said()) == 2
