"""A person is erased: what each module still knows of them, over the whole life of an order."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.invoices import gateway as invoices_gateway
from apps.orders.models import Order
from apps.payment import gateway as payment_gateway
from apps.payment.gateway.fake import FakeGateway
from apps.users.events import UserErased
from apps.users.usecases import accounts
from kernel.bus.testing import in_order, published, twice_and_shuffled
from kernel.transactions import transaction
from tests.shop import ADDRESS, Shop, ok

pytestmark = pytest.mark.django_db
EMAIL = "ann@example.com"
PERSONAL = (EMAIL, *(ADDRESS[name] for name in ("name", "street_address", "phone_number")))


@pytest.fixture(params=["in order", "twice and shuffled"])
def shop(request: pytest.FixtureRequest, client_for: Callable[..., APIClient]) -> Iterator[Shop]:
    courier = in_order if request.param == "in order" else twice_and_shuffled(seed=7)
    fake = FakeGateway()
    with (
        payment_gateway.installed(fake),
        invoices_gateway.installed(invoices_gateway.FakeDocumentStore()),
    ):
        shop = Shop(client_for, courier, fake)
        with transaction():
            accounts.register(
                user_id=shop.customer.user_id,  # type: ignore[attr-defined]
                email=EMAIL,
                password="correct horse battery",
                name=ADDRESS["name"],
                at=timezone.now(),
            )
        shop.flow()
        yield shop


@pytest.fixture
def lamp(shop: Shop) -> uuid.UUID:
    return shop.product(stock=9)


def erase(shop: Shop) -> None:
    me = "/api/v1/users/me"
    ok(shop.customer.delete(me, headers={"If-Match": shop.customer.get(me)["ETag"]}))
    shop.flow()


def tables_that_tell() -> list[str]:
    """Ask every row of every table whether it holds anything of the person."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT json_agg(t)::text FROM "{table}" AS t')
            rows = cursor.fetchone()[0] or ""
            if any(secret in rows for secret in PERSONAL):
                found.append(table)
    return sorted(found)


def addresses(shop: Shop, order_id: uuid.UUID) -> list[object]:
    """Return the address by which orders and delivery know the order, as staff see it."""
    of_order = ok(shop.support.get(f"/api/v1/orders/{order_id}"))["address"]
    of_shipment = ok(shop.delivery.get(f"/api/v1/delivery/shipments/{order_id}"))["address"]
    return [address and address["street_address"] for address in (of_order, of_shipment)]


def test_nothing_is_left_of_who_bought_before_but_the_invoice(shop: Shop, lamp: uuid.UUID) -> None:
    order_id = shop.packed({lamp: 1})
    shop.ship(order_id)
    shop.deliver(order_id)
    shop.flow()
    assert addresses(shop, order_id) == [ADDRESS["street_address"]] * 2
    assert set(tables_that_tell()) > {"orders_order", "delivery_shipment", "users_user"}

    erase(shop)

    assert addresses(shop, order_id) == [None, None]
    assert tables_that_tell() == ["invoices_invoice"]


def test_an_order_under_way_arrives_and_is_forgotten_then(shop: Shop, lamp: uuid.UUID) -> None:
    order_id = shop.packed({lamp: 1})
    erase(shop)
    assert addresses(shop, order_id) == [ADDRESS["street_address"]] * 2
    assert tables_that_tell() == ["delivery_shipment", "orders_order"]

    shop.ship(order_id)
    shop.flow()
    assert addresses(shop, order_id) == [ADDRESS["street_address"]] * 2
    shop.deliver(order_id)
    shop.flow()

    assert addresses(shop, order_id) == [None, None]
    assert shop.states(order_id) == {
        "order": "FULFILLED",
        "payment": "CAPTURED",
        "packaging": "COMPLETED",
        "shipment": "COMPLETED",
        "invoices": [1000],
    }
    assert tables_that_tell() == []


@pytest.mark.parametrize("ending", ["cancelled", "came back"])
def test_an_order_that_ends_otherwise_is_forgotten_too(
    shop: Shop, lamp: uuid.UUID, ending: str
) -> None:
    order_id = shop.packed({lamp: 1})
    erase(shop)
    if ending == "cancelled":
        ok(shop.cancel(order_id, by=shop.support))
    else:
        shop.ship(order_id)
        shop.flow()
        shop.fail_delivery(order_id)
    shop.flow()
    assert (addresses(shop, order_id), tables_that_tell()) == ([None, None], [])


def test_an_order_that_delivery_has_not_heard_of_can_only_be_cancelled(
    shop: Shop, lamp: uuid.UUID
) -> None:
    order_id = shop.order({lamp: 1})
    erase(shop)  # and only then the order's events go out, which no one can read any more
    shop.start_packing(order_id)
    shop.pack(order_id)
    shop.flow()
    answer = shop.delivery.post(f"/api/v1/delivery/shipments/{order_id}/start")
    assert answer.json()["code"] == "address_missing"
    ok(shop.cancel(order_id, by=shop.support))
    shop.flow()
    assert shop.states(order_id)["order"] == "CANCELLED"
    assert tables_that_tell() == []


def test_others_keep_what_is_theirs(
    shop: Shop, lamp: uuid.UUID, client_for: Callable[..., APIClient]
) -> None:
    other = client_for()
    order_id = shop.packed({lamp: 1}, customer=other)
    ok(shop.cancel(order_id, by=shop.support))
    erase(shop)
    assert addresses(shop, order_id) == [ADDRESS["street_address"]] * 2
    assert Order.objects.filter(address=None).count() == 0
    assert len(published(UserErased)) == 1
