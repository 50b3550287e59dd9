"""What customers do, and what support may do for them."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from simulation.acts.act import Act, OrderAct, change
from simulation.journal import Placed, Plan
from simulation.people import LARGEST_PAYMENT, ShopClients


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaceOrder(Act):
    """
    Ask for a quote, let the gateway give a token for the card, and order.

    Asked again, it is the same order word for word: with the quote and the token of before.
    """

    order: int
    customer: int
    lines: tuple[tuple[int, int], ...]  # product and quantity
    card: str
    plan: Plan
    coupon: str | None = None
    name: str = "place order"

    def perform(self, shop: ShopClients) -> None:
        """Do it, and note the order's id once it is promised."""
        body = shop.journal.prepared.get(self.key) or self._prepared(shop)
        if not body:
            return
        answer = shop.send(self, "POST", "/orders", body)
        if answer.is_granted:
            order_id = uuid.UUID(answer.body["id"])
            shop.journal.orders[self.order] = Placed(order_id, self.lines, self.plan)

    def _prepared(self, shop: ShopClients) -> dict[str, Any] | None:
        asked = {
            "lines": [
                {"product_id": str(shop.products[index]), "quantity": quantity}
                for index, quantity in self.lines
            ],
            "address": shop.customers[self.customer].address,
        }
        quote = shop.ask(self.who, "/delivery/quotes", asked)
        if quote.status_code != 200:
            return None
        token = shop.gateway.preauth(self.card, amount=LARGEST_PAYMENT)
        body = {
            **asked,
            "delivery_quote": quote.json()["quote"],
            "payment_token": token,
            "coupon": self.coupon,
        }
        return shop.journal.prepared.setdefault(self.key, body)  # another thread was first?


@dataclasses.dataclass(frozen=True, kw_only=True)
class CancelOrder(OrderAct):
    """Want out of an order."""

    name: str = "cancel order"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/orders/{order_id}/cancel")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangeAddress(OrderAct):
    """Have an order sent elsewhere."""

    customer: int
    street: str
    name: str = "change address"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        address = {**shop.customers[self.customer].address, "street_address": self.street}
        change(self, shop, "PATCH", f"/orders/{order_id}", {"address": address})
