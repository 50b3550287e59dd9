"""Customers, each of whom orders three products at a time."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.client import Body, Client
from bench.running import RunningShop
from dev.demo_users import email_of

LINES = 3
ADDRESS = {
    "name": "Ada Lovelace",
    "street_address": "Unter den Linden 7",
    "post_code": "10117",
    "city": "Berlin",
    "country": "DE",
    "phone_number": "+493012345678",
}
QUOTE_SECONDS = 600  # shorter than a quote is good for


class Customers:
    """Places orders; each thread that does is a customer with a login and a connection."""

    def __init__(self, shop: RunningShop) -> None:
        self._shop = shop
        self._own = threading.local()
        self._tokens: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._asked: Body = {}
        self._quote, self._quoted_at = "", float("-inf")

    def prepare(self, orders: int) -> None:
        """
        Put the goods for so many orders on the shelf, and have the cards preauthorised.

        The tokens are written into payment_3p's books as /preauth writes them: what customers
        and their bank do before they order is no work of the shop's.
        """
        self._asked = self._asked or {"lines": self._goods(), "address": ADDRESS}
        self._stock_up(orders)
        gateway = self._shop.plan.migrate_gateway().environment
        answer = self._shop.ask(
            "bench.inside.tokens",
            asked=orders,
            environment={**gateway, "DJANGO_SETTINGS_MODULE": "payment_3p.settings"},
        )
        for token in answer["tokens"]:
            self._tokens.put(token)

    def place(self) -> str:
        """Place an order that was prepared for, and return its id."""
        order: str = self.client.post("/orders", self.body())["id"]
        return order

    def place_many(
        self, orders: int, *, threads: int, each: Callable[[], object] = lambda: None
    ) -> list[str]:
        """Place orders as fast as so many customers can; call `each` after each of them."""

        def place(_: int) -> str:
            order = self.place()
            each()
            return order

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(place, range(orders)))

    def body(self) -> Body:
        """Return the body of one more order."""
        return {
            **self._asked,
            "delivery_quote": self._good_quote(),
            "payment_token": self._tokens.get_nowait(),
        }

    @property
    def client(self) -> Client:
        """This thread's customer."""
        if not hasattr(self._own, "client"):
            self._own.client = self._registered()
        client: Client = self._own.client
        return client

    def _registered(self) -> Client:
        client = Client(self._shop.plan.addresses.shop)
        email, password = f"{secrets.token_hex(6)}@example.com", secrets.token_urlsafe(12)
        client.post("/users", {"email": email, "password": password, "name": ADDRESS["name"]})
        return client.log_in(email, password)

    def _good_quote(self) -> str:
        with self._lock:
            if time.monotonic() > self._quoted_at + QUOTE_SECONDS:
                self._quote = self.client.post("/delivery/quotes", self._asked)["quote"]
                self._quoted_at = time.monotonic()
            return self._quote

    def _goods(self) -> list[dict[str, Any]]:
        stock = self._warehouse().get("/warehouse/stock", limit=LINES)["results"]
        return [{"product_id": row["product_id"], "quantity": 1} for row in stock]

    def _stock_up(self, orders: int) -> None:
        warehouse = self._warehouse()
        for line in self._asked["lines"]:
            url = f"/warehouse/stock/{line['product_id']}/adjustments"
            warehouse.post(url, {"delta": orders, "reason": "for the bench"})

    def _warehouse(self) -> Client:
        client = Client(self._shop.plan.addresses.shop)
        return client.log_in(email_of("warehouse"), self._shop.password)
