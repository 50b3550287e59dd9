"""A hundred buyers at once, on real threads with real connections: nobody gets what isn't there."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from rest_framework.test import APIClient

from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.orders.models import Order
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from kernel.bus import inbox
from kernel.bus.models import Delivery
from kernel.bus.testing import in_order, newly_sent
from tests.shop import Shop, kept

pytestmark = pytest.mark.django_db(transaction=True)
BUYERS, STOCK, WORKERS = 100, 10, 8


@pytest.fixture
def shop(client_for: Callable[..., APIClient]) -> Iterator[Shop]:
    gateway = FakeGateway()
    with payment_gateway.installed(gateway), invoices_gateway.installed(FakeDocumentStore()):
        yield Shop(client_for, in_order, gateway)


def on_threads(tasks: list[Callable[[], Any]], *, threads: int) -> list[Any]:
    """Run the tasks on so many threads that begin together; each thread has its own connection."""
    gate = threading.Barrier(threads)

    def run(share: list[Callable[[], Any]]) -> list[Any]:
        gate.wait(30)
        try:
            return [task() for task in share]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        shares = [tasks[index::threads] for index in range(threads)]
        return [result for done in pool.map(run, shares) for result in done]


def work_off() -> None:
    """Let several workers take what waits, over and over, until nothing does."""
    while messages := newly_sent():
        tasks = [lambda m=message: inbox.deliver(m[0], [m[1]]) for message in messages]
        assert all(on_threads(tasks, threads=min(WORKERS, len(tasks))))


def buy_all_at_once(
    shop: Shop, carts: list[dict[uuid.UUID, int]], buyers: list[APIClient]
) -> Counter[int]:
    """Let every buyer place an order in the same moment; return the statuses that they got."""
    bodies = [shop.order_body(cart) for cart in carts]
    tasks = [
        lambda b=buyer, body=body: b.post("/api/v1/orders", body).status_code
        for buyer, body in zip(buyers, bodies, strict=True)
    ]
    return Counter(on_threads(tasks, threads=len(tasks)))


@pytest.fixture
def buyers(client_for: Callable[..., APIClient]) -> list[APIClient]:
    return [client_for() for _ in range(BUYERS)]


@pytest.mark.parametrize(
    "is_refused_early", [True, False], ids=["replica asked", "warehouse alone"]
)
def test_a_hundred_buyers_of_ten_get_ten(
    shop: Shop, buyers: list[APIClient], settings: Any, is_refused_early: bool
) -> None:
    settings.REFUSE_SOLD_OUT = is_refused_early
    lamp = shop.product(stock=STOCK)

    early = buy_all_at_once(shop, [{lamp: 1}] * (BUYERS // 2), buyers[: BUYERS // 2])
    work_off()
    late = buy_all_at_once(shop, [{lamp: 1}] * (BUYERS // 2), buyers[BUYERS // 2 :])
    work_off()

    statuses = early + late
    ends = Counter(Order.objects.values_list("state", "cancel_reason"))
    assert ends["CONFIRMED", ""] == STOCK
    assert ends["CANCELLED", "out_of_stock"] + statuses[409] == BUYERS - STOCK
    assert statuses == ({201: 50, 409: 50} if is_refused_early else {201: 100})
    assert ends.total() == statuses[201]
    assert shop.stock(lamp) == (STOCK, STOCK)
    assert kept(shop.gateway) == STOCK * 1000
    assert not Delivery.objects.exists()


def test_carts_in_opposite_order_do_not_deadlock(
    shop: Shop, buyers: list[APIClient], settings: Any
) -> None:
    settings.REFUSE_SOLD_OUT = False
    lamp, rug = shop.product(stock=STOCK), shop.product(stock=STOCK)
    carts = [{lamp: 1, rug: 1}, {rug: 1, lamp: 1}] * (BUYERS // 2)

    assert buy_all_at_once(shop, carts, buyers) == {201: BUYERS}
    work_off()

    ends = Counter(Order.objects.values_list("state", "cancel_reason"))
    assert ends == {("CONFIRMED", ""): STOCK, ("CANCELLED", "out_of_stock"): BUYERS - STOCK}
    assert (shop.stock(lamp), shop.stock(rug)) == ((STOCK, STOCK), (STOCK, STOCK))
    assert not Delivery.objects.exists()  # a deadlock would have left a failed delivery
