"""The people of the demo: a new customer, and the staff."""

from __future__ import annotations

import secrets
from typing import Any

from dev.caller import Caller, DemoFailed, Refused, Watcher
from dev.cards import token_of
from dev.demo_users import email_of
from dev.shop import Addresses
from dev.story import Story, money

ADDRESS = {
    "name": "Ada Lovelace",
    "street_address": "Unter den Linden 7",
    "post_code": "10117",
    "city": "Berlin",
    "country": "DE",
    "phone_number": "+493012345678",
}

Body = dict[str, Any]
Lines = list[Body]


class Stage:
    """The people of the play, logged in."""

    def __init__(self, addresses: Addresses, password: str, story: Story) -> None:
        self._addresses, self.story = addresses, story
        self._api = f"{addresses.shop}/api/v1"
        with story.act("staff", "log in: warehouse, delivery and support"):
            self.warehouse = Caller(self._api).log_in(email_of("warehouse"), password)
            self.delivery = Caller(self._api).log_in(email_of("delivery"), password)
            self.support = Caller(self._api).log_in(email_of("support"), password)
        self.customer = Caller(self._api)
        self.email = f"ada.{secrets.token_hex(4)}@example.com"

    def register(self) -> None:
        """Let a new customer open an account and log in."""
        password = secrets.token_urlsafe(12)
        body = {"email": self.email, "password": password, "name": ADDRESS["name"]}
        with self.story.act("customer", f"registers as {self.email} and logs in"):
            self.customer.post("/users", body)
            self.customer.log_in(self.email, password)

    def choose(self, wanted: int) -> Lines:
        """Let the customer pick products of which the shop has some."""
        with self.story.act("customer", "looks at the catalogue") as note:
            found = self.customer.get("/products", limit=100)["results"]
            products = [product for product in found if product["available"]]
            if len(products) < wanted:
                raise DemoFailed(
                    f"The shop has {len(products)} products in stock: {wanted} are needed."
                )
            chosen = secrets.SystemRandom().sample(products, wanted)
            lines = [{"product_id": each["id"], "quantity": 1} for each in chosen]
            lines[0]["quantity"] = 2 if self.free(chosen[0]["id"]) > 1 else 1
            for product, line in zip(chosen, lines, strict=True):
                note(f"{line['quantity']} {product['name']}")
        return lines

    def prepare_order(self, lines: Lines, card: str) -> Body:
        """Get a quote for the delivery and a token for the card; return the body of the order."""
        goods = sum(self._price(line) for line in lines)
        with self.story.act("customer", "asks what the delivery costs") as note:
            quote = self.customer.post("/delivery/quotes", {"lines": lines, "address": ADDRESS})
            note(money(**quote["price"]))
        total = {**quote["price"], "amount": goods + quote["price"]["amount"]}
        with self.story.act("customer", f"preauthorises card …{card[-4:]}") as note:
            token = token_of(card, total, payment=self._addresses.payment_3p)
            note(money(**total))
        return {
            "lines": lines,
            "address": ADDRESS,
            "delivery_quote": quote["quote"],
            "payment_token": token,
            "expected_total": total,
        }

    def place(self, body: Body) -> Body:
        """Let the customer place an order."""
        with self.story.act("customer", "places the order") as note:
            order = self.customer.post("/orders", body)
            note(f"{order['number']} is {order['state']}")
        return order

    def watch(self, order: Body) -> Watcher:
        """Follow what comes of an order."""
        return Watcher(self.support, self.story, order["id"])

    def free(self, product_id: str) -> int:
        """Return how many units of a product are free."""
        free: int = self.stock(product_id)["free"]
        return free

    def stock(self, product_id: str) -> Body:
        """Return what the warehouse has of a product."""
        found: Body = self.warehouse.get("/warehouse/stock", product_id=product_id)["results"][0]
        return found

    def payment(self, order: Body) -> Body:
        """Return what support sees of an order's payment; before there is one, an empty state."""
        rows = self.support.get("/payments", order=order["id"])["results"]
        found: Body = rows[0] if rows else {"state": ""}
        return found

    def _price(self, line: Body) -> int:
        product = self.customer.get(f"/products/{line['product_id']}")
        amount: int = product["price"]["amount"]
        return amount * int(line["quantity"])


def state_or_none(caller: Caller, path: str) -> str | None:
    """Return the state of what is there, or None if there is nothing."""
    try:
        state: str = caller.get(path)["state"]
    except Refused as refusal:
        if refusal.status == 404:
            return None
        raise
    return state
