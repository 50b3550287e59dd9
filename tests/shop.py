"""A customer and the staff, who know nothing but the API; events flow when they are told to."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.test import APIClient

from apps.payment.gateway.fake import GOOD_CARD, FakeGateway
from kernel.bus.testing import Courier, run_until_quiet

ADDRESS = {
    "name": "Ann Archer",
    "street_address": "Storgatan 1",
    "post_code": "111 22",
    "city": "Stockholm",
    "country": "SE",
    "phone_number": "+46701234567",
}
Lines = Mapping[uuid.UUID, int]


class Shop:
    """Plays the people of a shop over its API, in one process."""

    def __init__(
        self, client_for: Callable[..., APIClient], courier: Courier, gateway: FakeGateway
    ) -> None:
        self.client_for = client_for
        self.customer = client_for()
        self.admin = client_for("admin")
        self.warehouse = client_for("warehouse")
        self.delivery = client_for("delivery")
        self.support = client_for("support")
        self._courier = courier
        self.gateway = gateway
        self._codes = itertools.count(1)

    def flow(self) -> None:
        """Let every event arrive."""
        run_until_quiet(self._courier)

    def product(self, *, stock: int, price: int = 1000) -> uuid.UUID:
        """Put a product into the catalogue and so many of it on the shelf."""
        body = {
            "code": f"LAMP-{next(self._codes)}",
            "name": "Lamp",
            "description": "Gives light.",
            "model": "L1",
            "category": self._category(),
            "tags": [],
            "package": {"width": 100, "length": 100, "height": 100, "weight": 500},
            "price": {"amount": price, "currency": "EUR"},
        }
        product_id = uuid.UUID(ok(self.admin.post("/api/v1/products", body))["id"])
        self.flow()
        if stock:
            url = f"/api/v1/warehouse/stock/{product_id}/adjustments"
            ok(self.warehouse.post(url, {"delta": stock, "reason": "delivered by the supplier"}))
            self.flow()
        return product_id

    def order_body(
        self, lines: Lines, *, card: str = GOOD_CARD, customer: APIClient | None = None
    ) -> dict[str, Any]:
        """Ask for a quote, let the gateway give a token for the card, and fill in the order."""
        wanted = [{"product_id": str(id_), "quantity": count} for id_, count in lines.items()]
        asked = {"lines": wanted, "address": ADDRESS}
        quote = ok((customer or self.customer).post("/api/v1/delivery/quotes", asked))
        token = self.gateway.preauth(card, amount=1_000_000)
        return {**asked, "delivery_quote": quote["quote"], "payment_token": token}

    def place(self, lines: Lines, *, customer: APIClient | None = None, **how: Any) -> Any:
        """Place an order; return the answer, whatever it is."""
        body = self.order_body(lines, customer=customer, **how)
        return (customer or self.customer).post("/api/v1/orders", body)

    def order(self, lines: Lines, **how: Any) -> uuid.UUID:
        """Place an order that is accepted, and return its id; its events have not gone out yet."""
        return uuid.UUID(ok(self.place(lines, **how))["id"])

    def confirmed(self, lines: Lines, **how: Any) -> uuid.UUID:
        """Place an order and let it be confirmed."""
        order_id = self.order(lines, **how)
        self.flow()
        return order_id

    def start_packing(self, order_id: uuid.UUID) -> None:
        ok(self.warehouse.post(self._packaging(order_id, "/start")))

    def pack(self, order_id: uuid.UUID, counted: Lines | None = None) -> None:
        """Pack what was really there: `counted` corrects quantities."""
        for product_id, quantity in (counted or {}).items():
            url = self._packaging(order_id, f"/lines/{product_id}")
            tag = self.warehouse.get(self._packaging(order_id))["ETag"]
            ok(self.warehouse.patch(url, {"quantity": quantity}, headers={"If-Match": tag}))
        ok(self.warehouse.post(self._packaging(order_id, "/complete")))

    def packed(self, lines: Lines, counted: Lines | None = None, **how: Any) -> uuid.UUID:
        """Place an order and let it be packed."""
        order_id = self.confirmed(lines, **how)
        self.start_packing(order_id)
        self.pack(order_id, counted)
        self.flow()
        return order_id

    def ship(self, order_id: uuid.UUID) -> None:
        ok(self.delivery.post(self._shipment(order_id, "/start")))

    def deliver(self, order_id: uuid.UUID) -> None:
        ok(self.delivery.post(self._shipment(order_id, "/complete")))

    def fail_delivery(self, order_id: uuid.UUID, reason: str = "nobody at home") -> None:
        ok(self.delivery.post(self._shipment(order_id, "/fail"), {"reason": reason}))

    def cancel(self, order_id: uuid.UUID, *, by: APIClient | None = None) -> Any:
        return (by or self.customer).post(f"/api/v1/orders/{order_id}/cancel")

    def move(self, order_id: uuid.UUID, **changed: str) -> None:
        """Let the customer give another address."""
        url = f"/api/v1/orders/{order_id}"
        tag = self.customer.get(url)["ETag"]
        body = {"address": {**ADDRESS, **changed}}
        ok(self.customer.patch(url, body, headers={"If-Match": tag}))

    def address_of_shipment_after_packing(self, order_id: uuid.UUID) -> Any:
        """Pack the order, and return where delivery will send it."""
        self.start_packing(order_id)
        self.pack(order_id)
        self.flow()
        return ok(self.delivery.get(self._shipment(order_id)))["address"]

    def refund(self, order_id: uuid.UUID, *, amount: int) -> None:
        body = {"amount": amount, "reason": "a scratch"}
        ok(self.support.post(f"/api/v1/payments/{order_id}/refunds", body))

    def credit_notes(self, order_id: uuid.UUID) -> list[int]:
        """Return the amounts that were credited."""
        rows = ok(self.support.get(f"/api/v1/invoices?order={order_id}"))["results"]
        invoice = ok(self.support.get(f"/api/v1/invoices/{rows[0]['id']}"))
        return [note["amount"]["amount"] for note in invoice["credit_notes"]]

    def states(self, order_id: uuid.UUID) -> dict[str, Any]:
        """Return what every module says of the order, by its API; None if it knows none."""
        order = ok(self.support.get(f"/api/v1/orders/{order_id}"))
        payment = self._found(f"/api/v1/payments/{order_id}", self.support)
        packaging = self._found(self._packaging(order_id), self.warehouse)
        shipment = self._found(self._shipment(order_id), self.delivery)
        invoices = ok(self.support.get(f"/api/v1/invoices?order={order_id}"))["results"]
        return {
            "order": order["state"],
            "payment": payment and payment["state"],
            "packaging": packaging and packaging["state"],
            "shipment": shipment and shipment["state"],
            "invoices": [invoice["total"]["amount"] for invoice in invoices],
        }

    def money(self, order_id: uuid.UUID) -> tuple[int, int, int]:
        """Return what payment holds of the order: authorized, captured, refunded."""
        payment = ok(self.support.get(f"/api/v1/payments/{order_id}"))
        return tuple(payment[name]["amount"] for name in ("authorized", "captured", "refunded"))  # type: ignore[return-value]

    def stock(self, product_id: uuid.UUID) -> tuple[int, int]:
        """Return on hand and reserved."""
        rows = ok(self.warehouse.get(f"/api/v1/warehouse/stock?product_id={product_id}"))["results"]
        return rows[0]["on_hand"], rows[0]["reserved"]

    def _category(self) -> str:
        body = {"slug": "lamps", "name": "Lamps"}
        ok(self.admin.post("/api/v1/categories", body, headers={"Idempotency-Key": "lamps"}))
        return "lamps"

    def _packaging(self, order_id: uuid.UUID, rest: str = "") -> str:
        return f"/api/v1/warehouse/packaging-requests/{order_id}{rest}"

    def _shipment(self, order_id: uuid.UUID, rest: str = "") -> str:
        return f"/api/v1/delivery/shipments/{order_id}{rest}"

    def _found(self, url: str, client: APIClient) -> Any:
        answer = client.get(url)
        return None if answer.status_code == 404 else ok(answer)


def ok(answer: Any) -> Any:
    """Return the answer's body, or fail with all that it says."""
    assert 200 <= answer.status_code < 300, answer.content
    return answer.json() if answer.content else None


def books(gateway: FakeGateway) -> list[tuple[str, int, int, int]]:
    """Return what the gateway itself has of each payment: state, held, captured, refunded."""
    return [(a.state, a.held, a.captured, a.refunded) for a in gateway.accounts.values()]


def kept(gateway: FakeGateway) -> int:
    """Return how much the gateway holds or has taken, of all customers together."""
    return sum(a.held + a.captured - a.refunded for a in gateway.accounts.values())
