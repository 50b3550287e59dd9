from __future__ import annotations

import datetime as dt
import itertools
import re

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.orders.events import OrderCancelled
from apps.orders.models import (
    ANSWERS,
    AWAITS_MACHINE,
    DEEDS,
    CatalogueItem,
    Order,
    OrderLine,
    StockItem,
    TimelineEntry,
    wait_of,
)
from apps.orders.models.number import new_number
from apps.orders.models.waiting import Wait
from kernel.ids import new_id
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


YES = ("StockReserved", "PaymentAuthorized")
FACTS = (*YES, "PackageCreated", "DeliveryCompleted", "PaymentCaptured")


def listed(admin: Client, **asked: str) -> list[Order]:
    url = reverse("admin:orders_order_changelist")
    return list(admin.get(url, asked).context["cl"].result_list)


def waits_for(admin: Client) -> str:
    """Return what the list says that its only order waits for."""
    page = admin.get(reverse("admin:orders_order_changelist")).content.decode()
    [cell] = re.findall(r"field-waits_for[^>]*>(.*?)</td>", page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", cell).split())


@pytest.mark.parametrize(
    ("state", "heard", "wait"),
    [
        ("PLACED", [], Wait("payment, stock", is_machine=True)),
        ("PLACED", ["StockReserved"], Wait("payment", is_machine=True)),
        ("PLACED", ["PaymentAuthorized"], Wait("stock", is_machine=True)),
        ("CONFIRMED", [], Wait("packing", is_machine=False)),
        ("CONFIRMED", ["DeliveryCompleted"], Wait("the package", is_machine=True)),
        ("PACKAGED", ["PackageCreated"], Wait("sending", is_machine=False)),
        ("SHIPPED", ["PackageCreated"], Wait("arrival", is_machine=False)),
        ("SHIPPED", ["ShipmentStarted"], Wait("the package", is_machine=True)),
        ("CANCELLING", [], Wait("cancellation", is_machine=True)),
        ("FULFILLED", ["DeliveryCompleted"], Wait("capture", is_machine=True)),
        ("FULFILLED", ["PaymentCaptured"], None),
        ("CANCELLED", [], None),
        ("PACKAGING_FAILED", [], None),
        ("DELIVERY_FAILED", [], None),
    ],
)
def test_an_open_order_waits_for(state: str, heard: list[str], wait: Wait | None) -> None:
    assert wait_of(state=state, heard=heard) == wait


@pytest.mark.parametrize("state", Order.State.values)
def test_the_filters_find_what_the_list_says(state: str, scene: Scene, admin: Client) -> None:
    """In whichever state, with whichever facts known: the database and the code agree."""
    row = Order.objects.values().get()
    reason = {"cancel_reason": "timed_out"} if state == "CANCELLED" else {}
    asked = {"cancel_requested_by": "staff", "cancel_requested_at": NOON}
    reason |= asked if state == "CANCELLING" else {}
    row = {**row, "state": state, **reason}
    sets = [set(facts) for n in range(6) for facts in itertools.combinations(FACTS, n)]
    if state == "PLACED":  # with both yes it is placed no longer
        sets = [facts for facts in sets if not facts >= set(YES)]
    Order.objects.update(state="DELIVERY_FAILED")  # the scene's own waits for nothing
    orders = [
        Order(**{**row, "id": new_id(), "number": new_number(), "heard": sorted(facts)})
        for facts in sets
    ]
    Order.objects.bulk_create(orders)
    expected = {order.id: wait_of(state=state, heard=order.heard) for order in orders}

    machines = set(Order.objects.filter(AWAITS_MACHINE).values_list("id", flat=True))
    assert machines == {id_ for id_, wait in expected.items() if wait and wait.is_machine}
    for what in (*ANSWERS, *DEEDS.values()):
        meant = {"payment", "stock", "payment, stock"} if what == "stock or payment" else {what}
        found = {order.id for order in listed(admin, waits=what)}
        assert found == {id_ for id_, wait in expected.items() if wait and wait.what in meant}


@pytest.mark.parametrize(
    ("silence", "said", "is_stuck"),
    [
        (dt.timedelta(seconds=59), "payment, stock", False),
        (dt.timedelta(minutes=14), "payment, stock, 14 minutes", False),
        (dt.timedelta(minutes=16), "stuck payment, stock, 16 minutes", True),
    ],
)
def test_an_order_that_a_machine_keeps_waiting_is_stuck(
    silence: dt.timedelta, said: str, is_stuck: bool, scene: Scene, admin: Client
) -> None:
    Order.objects.update(updated_at=timezone.now() - silence)

    assert waits_for(admin).replace("\xa0", " ") == said
    assert bool(listed(admin, stuck="yes")) == is_stuck


def test_an_order_that_waits_for_people_is_never_stuck(scene: Scene, admin: Client) -> None:
    scene.hear("StockReserved", "PaymentAuthorized")
    Order.objects.update(updated_at=timezone.now() - dt.timedelta(days=3))

    assert waits_for(admin).replace("\xa0", " ") == "packing, 3 days"
    assert listed(admin, stuck="yes") == []


def test_what_is_stuck_is_found_by_its_index(scene: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    found = Order.objects.filter(AWAITS_MACHINE, updated_at__lt=NOON).order_by("updated_at")

    assert "Index Scan using orders_order_awaits_machine" in found.explain()


def test_an_order_leads_to_its_events(scene: Scene, admin: Client) -> None:
    timeline = reverse("admin:bus_order_timeline", args=[scene.id])
    button = reverse("admin:orders_order_order_events", args=[scene.id])

    assert timeline in admin.get(reverse("admin:orders_order_changelist")).content.decode()
    change = admin.get(reverse("admin:orders_order_change", args=[scene.id])).content.decode()
    assert button in change
    assert admin.get(button)["Location"] == timeline
    assert admin.get(timeline).status_code == 200
