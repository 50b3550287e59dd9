"""Those who work in the running shop, over its API."""

from __future__ import annotations

from typing import Any

import httpx

from dev.caller import Caller, eventually
from dev.demo_users import email_of
from dev.shop import Addresses
from dev.stage import state_or_none


class Staff:
    """Those who work in the running shop."""

    def __init__(self, addresses: Addresses, password: str) -> None:
        self._api, self._password = f"{addresses.shop}/api/v1", password
        self._callers: dict[str, Caller] = {}

    def __call__(self, role: str) -> Caller:
        if role not in self._callers:
            caller = self._callers[role] = Caller(self._api)
            caller.log_in(email_of(role), self._password)
        return self._callers[role]

    def leave(self) -> None:
        for caller in self._callers.values():
            caller.close()

    def send(self, order_id: str) -> None:
        """Pack an order, take it on its way, and hand it over."""
        for role, path in (("warehouse", "packaging-requests"), ("delivery", "shipments")):
            caller, url = self(role), f"/{role}/{path}/{order_id}"
            eventually(url, lambda: state_or_none(caller, url), bool)  # noqa: B023 -- used here
            caller.post(f"{url}/start")
            caller.post(f"{url}/complete")

    def sell(self, code: str, **fields: str) -> dict[str, Any]:
        """Let there be five of a new product, and let everyone know it."""
        product = self("admin").post("/products", product_body(code, **fields))
        warehouse, query = self("warehouse"), {"product_id": product["id"]}
        eventually("The stock", lambda: warehouse.get("/warehouse/stock", **query)["results"], bool)
        body = {"delta": 5, "reason": "Bought"}
        warehouse.post(f"/warehouse/stock/{product['id']}/adjustments", body)
        url = f"/products/{product['id']}"
        eventually("The product", lambda: warehouse.get(url)["available"], bool)
        return product

    def price(self, product: dict[str, Any], amount: int) -> None:
        """Let a product cost something else, and orders know it."""
        admin, url = self("admin")._client, f"/products/{product['id']}"
        body = {"price": {"amount": amount, "currency": "EUR"}}
        tag = admin.get(url).headers["ETag"]
        admin.patch(url, json=body, headers={"If-Match": tag}).raise_for_status()
        with httpx.Client(base_url=self._api) as stranger:
            stranger.headers["Cart-Token"] = stranger.post("/cart").json()["token"]
            line = f"/cart/lines/{product['id']}"

            def price() -> int:
                cart = stranger.put(line, json={"quantity": 1}).json()
                found: int = cart["lines"][0]["unit_price"]["amount"]
                return found

            eventually("The price", price, lambda found: found == amount)


def product_body(code: str, **fields: str) -> dict[str, Any]:
    return {
        "code": code,
        "category": "textiles",
        "price": {"amount": 1990, "currency": "EUR"},
        "package": {"width": 100, "length": 100, "height": 100, "weight": 500},
        **fields,
    }
