"""What the carts' tests say to a cart, and how they look at it."""

from __future__ import annotations

import uuid
from typing import Any

from rest_framework.test import APIClient

from apps.products.events import ProductDeleted, ProductUpdated
from kernel.money import Money
from tests.orders.scenes import ADDRESS, NOON, on_sale, product_state, quote, stock_level, tell

CART = "/api/v1/cart"


def euros(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


class Product:
    """A product as the others tell of it."""

    def __init__(self, *, price: int = 1000, stock: int | None = 10, code: str = "LAMP") -> None:
        self.code = code
        self.id = on_sale(
            code=code, name=code.title(), price=Money(amount=price, currency="EUR"), stock=stock
        )
        self._version = 1

    def costs(self, price: int, currency: str = "EUR", **fields: Any) -> None:
        money = Money(amount=price, currency=currency)
        state = product_state(code=self.code, name=self.code.title(), price=money, **fields)
        tell(
            ProductUpdated(
                occurred_at=NOON,
                product_id=self.id,
                version=self._next(),
                old=state,
                new=state,
                changed=("price",),
            )
        )

    def is_deleted(self) -> None:
        tell(ProductDeleted(occurred_at=NOON, product_id=self.id, version=self._next()))

    def has(self, free: int) -> None:
        tell(stock_level(self.id, free, version=self._next()))

    def _next(self) -> int:
        self._version += 1
        return self._version


class Basket:
    """Someone's cart, by the API."""

    def __init__(self, client: APIClient, token: str = "") -> None:
        self.client, self.token = client, token

    @classmethod
    def of_guest(cls) -> Basket:
        answer: Any = APIClient().post(CART)
        assert answer.status_code == 201, answer.json()
        token = answer.json()["token"]
        return cls(APIClient(headers={"Cart-Token": token}), token)

    def get(self, query: str = "", **headers: str) -> Any:
        return self.client.get(f"{CART}{query}", headers=headers)

    def put(self, product: Product | uuid.UUID, quantity: int = 1, **headers: str) -> Any:
        id_ = product.id if isinstance(product, Product) else product
        return self.client.put(f"{CART}/lines/{id_}", {"quantity": quantity}, headers=headers)

    def remove(self, product: Product, **headers: str) -> Any:
        return self.client.delete(f"{CART}/lines/{product.id}", headers=headers)

    def empty(self, **headers: str) -> Any:
        return self.client.delete(CART, headers=headers)

    def coupon(self, code: str, **headers: str) -> Any:
        return self.client.put(f"{CART}/coupon", {"code": code}, headers=headers)

    def merge(self, guest: Basket) -> Any:
        return self.client.post(f"{CART}/merge", headers={"Cart-Token": guest.token})

    def order_body(self, **fields: Any) -> dict[str, Any]:
        lines = {uuid.UUID(id_): quantity for id_, quantity in self.lines.items()}
        return {
            "address": ADDRESS,
            "delivery_quote": quote(lines),
            "payment_token": "tok-1",
            **fields,
        }

    def order(self, body: dict[str, Any] | None = None, **headers: str) -> Any:
        asked = self.order_body() if body is None else body
        return self.client.post(f"{CART}/order", asked, headers=headers)

    @property
    def lines(self) -> dict[str, int]:
        """The quantities by product."""
        return {line["product_id"]: line["quantity"] for line in self.get().json()["lines"]}

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """What is told: the kind, and of old and new what it is about."""
        return told(self.get())


def told(answer: Any) -> list[tuple[str, Any, Any]]:
    return [
        (change["kind"], _told(change["kind"], change["old"]), _told(change["kind"], change["new"]))
        for change in answer.json()["changes"]
    ]


def _told(kind: str, offer: dict[str, Any]) -> Any:
    if kind == "price_changed":
        return offer["unit_price"]["amount"]
    return offer["free"]
