"""Staff work an order off in the admin, in a real browser, each with the rights of their role."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import Browser, Page, sync_playwright
from rest_framework.test import APIClient

from apps.delivery.models import Shipment
from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.orders.models import Order
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from apps.users import usecases as users
from kernel.bus.models import Delivery, OutboxEvent
from kernel.bus.testing import in_order, newly_sent
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.shop import Shop

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.needs("chromium", "apt-get install chromium"),
]
PASSWORD = "a long word, and another"


@pytest.fixture
def shop(client_for: Callable[..., APIClient]) -> Iterator[Shop]:
    gateway = FakeGateway()
    with payment_gateway.installed(gateway), invoices_gateway.installed(FakeDocumentStore()):
        yield Shop(client_for, in_order, gateway)


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Run Chromium; Django takes its event loop for an asynchronous caller, which it isn't."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()
        connections.close_all()  # beside a running loop Django opens one more


class Desk:
    """A member of staff at a browser."""

    def __init__(self, browser: Browser, url: str, role: str) -> None:
        with transaction():
            user_id, email = new_id(), f"{role}@shop.example"
            fields = {"email": email, "password": PASSWORD, "name": role, "at": timezone.now()}
            users.register(user_id=user_id, **fields)
            users.set_roles(user_id=user_id, roles=[role], at=timezone.now())
        self._url = f"{url}/admin/"
        self.page: Page = browser.new_context().new_page()
        self.page.goto(self._url)
        self.page.fill("input[name=username]", email)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button[type=submit]")

    def act(self, table: str, action: str) -> str:
        """Choose every row of a table, take an action, and return what the page then says."""
        self.page.goto(self._url + table)
        for box in self.page.query_selector_all("input[name=_selected_action]"):
            box.check()
        self.page.select_option("select[name=action]", label=action)
        with self.page.expect_navigation():
            self.page.click("button[name=index]")
        return self.text()

    def read(self, path: str) -> str:
        """Return what a page says."""
        self.page.goto(self._url + path)
        return self.text()

    def sees(self, text: str) -> bool:
        """Say whether a text comes into view, on this page or the one that is on its way."""
        self.page.wait_for_selector(f"text={text}")
        return True

    def text(self) -> str:
        return self.page.inner_text("body")


def test_an_order_is_packed_and_delivered_in_the_admin(
    shop: Shop, browser: Browser, live_server: Any
) -> None:
    lamp = shop.product(stock=3)
    order_id = shop.confirmed({lamp: 2})

    warehouse = Desk(browser, live_server.url, "warehouse")
    assert f"{order_id}: done." in warehouse.act("warehouse/packagingrequest/", "Start packing")
    assert f"{order_id}: done." in warehouse.act(
        "warehouse/packagingrequest/", "Complete the package"
    )
    shop.flow()
    delivery = Desk(browser, live_server.url, "delivery")
    shipment = Shipment.objects.get(order_id=order_id)
    where = delivery.read(f"delivery/shipment/{shipment.pk}/change/")
    assert re.search(r"street address\s+Storgatan 1\s+post code\s+111 22\s+city\s+Stockholm", where)
    assert f"{order_id}: done." in delivery.act("delivery/shipment/", "Start")
    assert f"{order_id}: done." in delivery.act("delivery/shipment/", "Complete: has arrived")
    shop.flow()

    assert shop.states(order_id)["order"] == "FULFILLED"
    support = Desk(browser, live_server.url, "support")
    order = Order.objects.get(id=order_id)
    page = support.read(f"orders/order/{order_id}/change/")
    assert order.number in page
    assert "Fulfilled" in page
    assert "INV-" in support.read("invoices/invoice/")
    again = delivery.act("delivery/shipment/", "Start")
    assert f"{order_id}: " in again
    assert f"{order_id}: done." not in again


def test_an_operator_finds_what_is_stuck_and_mends_it(
    shop: Shop, browser: Browser, live_server: Any
) -> None:
    order_id = shop.packed({shop.product(stock=3): 2})
    shop.ship(order_id)
    shop.flow()
    shop.deliver(order_id)
    newly_sent()  # and the message is lost
    event = OutboxEvent.objects.get(name="delivery.delivery_completed.v1")
    Delivery.objects.create(
        event_id=event.event_id,
        handler=f"orders.note_answer.{event.name}",
        name=event.name,
        order_id=order_id,
        state="DEAD",
        attempts=6,
        error="django.db.utils.OperationalError",
        first_failed_at=timezone.now(),
        updated_at=timezone.now(),
    )

    desk = Desk(browser, live_server.url, "admin")
    assert "1 dead, 0 failed deliveries" in desk.read("")
    desk.page.click("text=1 dead, 0 failed deliveries")
    desk.page.click("#result_list >> text=timeline")
    assert desk.sees("2 things are still to happen")
    assert "orders has given up on delivery_completed" in desk.text()
    assert "audit has not taken delivery_completed" in desk.text()
    desk.page.click("text=Send again all that is not done")
    assert desk.sees("1 dead delivery redriven.")
    assert "the event is being sent again" in desk.text()
    shop.flow()

    assert shop.states(order_id)["order"] == "FULFILLED"
    desk.page.reload()
    assert "Every module has taken every event" in desk.text()
    assert "in attempt 7" in desk.text()
    assert "Events flow" in desk.read("")


def test_an_operator_discards_only_on_purpose(
    shop: Shop, browser: Browser, live_server: Any
) -> None:
    order_id = shop.order({shop.product(stock=3): 2})
    event = OutboxEvent.objects.get(order_id=order_id)
    row = Delivery.objects.create(
        event_id=event.event_id,
        handler="delivery.note_address",
        name=event.name,
        order_id=order_id,
        state="DEAD",
        first_failed_at=timezone.now(),
        updated_at=timezone.now(),
    )

    desk = Desk(browser, live_server.url, "admin")
    desk.read(f"bus/delivery/{row.pk}/change/")
    assert not desk.page.is_visible("text=Discard for good")
    desk.page.click("text=Discard …")
    assert desk.sees("This can't be taken back.")
    desk.page.click("text=Discard for good")
    assert desk.sees("1 delivery discarded")
    assert Delivery.objects.get().state == "DISCARDED"


def test_a_role_sees_its_own_tables_and_no_others(
    shop: Shop, browser: Browser, live_server: Any
) -> None:
    desk = Desk(browser, live_server.url, "warehouse")

    assert "Packaging requests" in desk.read("")
    assert "Payments" not in desk.read("")
    assert "403" in desk.read("payment/payment/")
