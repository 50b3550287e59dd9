"""Fills an empty database with what the operations speak of, and writes down its ids and tokens."""

from __future__ import annotations

import datetime as dt
import json
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import django

django.setup()

from django.core.management import call_command  # noqa: E402 -- Django must be set up before
from django.utils import timezone  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

from apps.payment import gateway as payment_gateway  # noqa: E402
from apps.payment.gateway import FakeGateway  # noqa: E402
from apps.users.usecases import accounts  # noqa: E402
from kernel.bus.testing import in_order  # noqa: E402
from kernel.ids import new_id  # noqa: E402
from kernel.transactions import transaction  # noqa: E402
from tests.shop import ADDRESS, Shop, ok  # noqa: E402

ROLES = ("support", "warehouse", "delivery", "admin")
PASSWORD = "a-long-and-quiet-afternoon"


class World:
    """A shop with an order in every state, and an account for everyone who may ask."""

    def __init__(self, gateway: FakeGateway) -> None:
        self.tokens: dict[str, str] = {}
        self.shop = Shop(self.client_for, in_order, gateway)
        self.shop.customer = self._account("customer")
        for role in ROLES:
            setattr(self.shop, role, self._account(role, role))
        self._account("leaver")

    def build(self) -> dict[str, Any]:
        """Make everything; return the ids by the names that parameters and fields have."""
        shop = self.shop
        shop.flow()
        products = [shop.product(stock=stock, price=900) for stock in (500, 40, 7, 0)]
        lamp, rug, *_ = products
        family = self._family()
        orders = [
            shop.order({lamp: 1}),
            *(shop.confirmed({lamp: 1, rug: 1}) for _ in range(2)),
            shop.packed({lamp: 2}),
            self._fulfilled({lamp: 1}),
        ]
        shop.flow()
        return {
            "tokens": self.tokens,
            "product_id": [str(each) for each in products],
            "family_id": [family],
            "order_id": [str(each) for each in orders],
            "number": self._tracking_numbers(),
            "slug": ["lamps"],
            "gateway": ["payment_3p"],
            **self._of_the_customer(),
        }

    def client_for(self, *roles: str, user_id: uuid.UUID | None = None) -> APIClient:
        token = AccessToken()
        token.set_exp(lifetime=dt.timedelta(days=1))
        token["user_id"], token["roles"] = str(user_id or new_id()), list(roles)
        self._newest_token = str(token)
        return APIClient(headers={"Authorization": f"Bearer {token}"})

    def _account(self, name: str, *roles: str) -> APIClient:
        user_id = new_id()
        with transaction():
            accounts.register(
                user_id=user_id,
                email=f"{name}@shop.example",
                password=PASSWORD,
                name=name.title(),
                at=timezone.now(),
            )
            if roles:
                accounts.set_roles(user_id=user_id, roles=list(roles), at=timezone.now())
        client = self.client_for(*roles, user_id=user_id)
        self.tokens[name] = self._newest_token
        return client

    def _family(self) -> str:
        body = {"name": "Shirts", "options": ["size"]}
        return str(ok(self.shop.admin.post("/api/v1/families", body))["id"])

    def _fulfilled(self, lines: Mapping[uuid.UUID, int]) -> uuid.UUID:
        order_id = self.shop.packed(lines)
        self.shop.ship(order_id)
        self.shop.deliver(order_id)
        self.shop.flow()
        return order_id

    def _tracking_numbers(self) -> list[str]:
        rows = ok(self.shop.delivery.get("/api/v1/delivery/shipments"))["results"]
        return [row["tracking_number"] for row in rows]

    def _of_the_customer(self) -> dict[str, list[str]]:
        customer = self.shop.customer
        addresses = [
            ok(customer.post("/api/v1/users/me/addresses", {"address": ADDRESS}))["id"]
            for _ in range(2)
        ]
        export = ok(customer.post("/api/v1/users/me/exports"))["id"]
        invoices = ok(customer.get("/api/v1/invoices"))["results"]
        return {
            "address_id": addresses,
            "export_id": [export],
            "invoice_id": [invoice["id"] for invoice in invoices],
        }


def main() -> None:
    call_command("migrate", verbosity=0)
    call_command("create_queues", verbosity=0)
    fake = FakeGateway()
    with payment_gateway.installed(fake):
        Path(sys.argv[1]).write_text(json.dumps(World(fake).build()))


if __name__ == "__main__":
    main()
