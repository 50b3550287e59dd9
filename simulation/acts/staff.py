"""What staff do: pack, send, pay back, count, price."""

from __future__ import annotations

import dataclasses
import uuid

from simulation.acts.act import Act, OrderAct, change
from simulation.people import ShopClients


@dataclasses.dataclass(frozen=True, kw_only=True)
class StartPackaging(OrderAct):
    """Begin to pack."""

    name: str = "start packaging"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/warehouse/packaging-requests/{order_id}/start")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CorrectLine(OrderAct):
    """Find fewer of a product on the shelf than were ordered."""

    product: int
    quantity: int
    name: str = "correct line"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        request = f"/warehouse/packaging-requests/{order_id}"
        path = f"{request}/lines/{shop.products[self.product]}"
        change(self, shop, "PATCH", path, {"quantity": self.quantity}, seen_at=request)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompletePackaging(OrderAct):
    """Close the package."""

    name: str = "complete packaging"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/warehouse/packaging-requests/{order_id}/complete")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StartShipment(OrderAct):
    """Send the package."""

    name: str = "start shipment"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/delivery/shipments/{order_id}/start")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompleteShipment(OrderAct):
    """Hand the package over."""

    name: str = "complete shipment"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/delivery/shipments/{order_id}/complete")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailShipment(OrderAct):
    """Find nobody at home."""

    name: str = "fail shipment"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        body = {"reason": "nobody at home"}
        shop.send(self, "POST", f"/delivery/shipments/{order_id}/fail", body)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refund(OrderAct):
    """Give back a part of what was paid; the reason tells the act."""

    percent: int
    name: str = "refund"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order, if there is anything to give back."""
        body = shop.journal.prepared.get(self.key)
        if not body:
            payment = shop.read(self.who, f"/payments/{order_id}")
            paid = payment.json()["captured"]["amount"] if payment.status_code == 200 else 0
            body = {"amount": paid * self.percent // 100, "reason": self.key}
        if body["amount"]:
            body = shop.journal.prepared.setdefault(self.key, body)
            shop.send(self, "POST", f"/payments/{order_id}/refunds", body)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryCapture(OrderAct):
    """Ask once more for money that the gateway refused to capture."""

    name: str = "retry capture"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/payments/{order_id}/capture-retries")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteOff(OrderAct):
    """Give up money that can't be captured."""

    name: str = "write off"

    def perform_on(self, order_id: uuid.UUID, shop: ShopClients) -> None:
        """Do it to this order."""
        shop.send(self, "POST", f"/payments/{order_id}/write-offs", {"reason": self.key})


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdjustStock(Act):
    """Count a shelf anew, or fill it; the reason in the ledger tells the act."""

    product: int
    delta: int
    name: str = "adjust stock"

    def perform(self, shop: ShopClients) -> None:
        """Do it."""
        path = f"/warehouse/stock/{shop.products[self.product]}/adjustments"
        shop.send(self, "POST", path, {"delta": self.delta, "reason": self.key})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangePrice(Act):
    """Sell a product for another price from now on."""

    product: int
    price: int
    name: str = "change price"

    def perform(self, shop: ShopClients) -> None:
        """Do it."""
        price = {"amount": self.price, "currency": "EUR"}
        change(self, shop, "PATCH", f"/products/{shop.products[self.product]}", {"price": price})


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteProduct(Act):
    """Sell a product no more."""

    product: int
    name: str = "delete product"

    def perform(self, shop: ShopClients) -> None:
        """Do it."""
        change(self, shop, "DELETE", f"/products/{shop.products[self.product]}")
