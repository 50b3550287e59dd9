"""One shop in which there is a thing for every path, in a state that lets it be asked for."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import uuid
from collections.abc import Collection
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from apps.invoices import gateway
from apps.invoices.models import Logo, Mail
from apps.orders.models import Coupon
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, FakeGateway
from apps.payment.usecases import request_reconciliation
from apps.products.models import Picture
from apps.users.models import Export
from apps.users.usecases import accounts
from kernel.bus.testing import in_order
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.invoices.legacy import numbered, uploaded
from tests.invoices.ses import bounce, envelope, signed
from tests.shop import ADDRESS, Lines, Shop, ok
from tests.users.mails import tokens

API = "/api/v1"
PASSWORD = "correct horse battery"
OUTSIDERS = ("customer", "stranger", "erased", "closed")
STAFF = ("warehouse", "delivery", "support", "admin")
RUG = {
    "name": "Rug",
    "category": "lamps",
    "tags": ["wool"],
    "package": {"width": 10, "length": 10, "height": 10, "weight": 10},
    "price": {"amount": 900, "currency": "EUR"},
}


class World:
    """
    The people of a shop, and what they own; all that can be owned is the customer's.

    `things` holds by name what paths and bodies are made of. A guest has two orders of their own,
    each behind its link: whoever holds them asks for these instead (`of_guest`).
    """

    def __init__(self, payments: FakeGateway) -> None:
        self._ids: dict[str, uuid.UUID] = {}
        self.people = {
            "anonymous": APIClient(),
            **{name: self._person(name) for name in OUTSIDERS},
            **{role: self._person(role, role) for role in STAFF},
        }
        # Were these believed, they could do everything.
        all_rights = {"user_id": self.id_of("customer"), "roles": ("admin",)}
        self.people["expired"] = _client(_token(**all_rights, minutes=-1))
        self.people["garbage"] = _client(_token(**all_rights, minutes=60) + "x")
        self.shop = Shop(self._known, in_order, payments)
        self.shop.flow()
        self.of_guest: dict[str, str] = {}
        self._links: dict[str, str] = {}
        self.things: dict[str, Any] = {
            "verify_token": tokens()[0],
            "gateway": "payment_3p",
            "category": "lamps",
            "coupon": "TENTH",
            "country": "SE",
            "month": f"{timezone.now():%Y-%m}",
            "tax class": "standard",
            "empty category": "sofas",
        }
        Logo.keep(b"<svg/>", is_svg=True, at=timezone.now())
        self._fill_the_catalogue()
        self._cancel_what_the_gateway_keeps()
        self._sell()
        self.things |= _report_of(uuid.UUID(self.of_guest["fulfilled"]))
        self._use_the_account()
        self._fill_carts()
        self.things["import"] = str(uploaded(gateway.uploads(), numbered(100)).id)
        self._lose_accounts()
        self.shop.flow()
        self._compare_books(payments)

    def id_of(self, name: str) -> uuid.UUID:
        return self._ids[name]

    def client(self, name: str, things: Collection[str]) -> APIClient:
        """Return a person's client; of a guest's links, the one that leads to these things."""
        if name == "link":
            return _holder(self._links["placed" if "placed" in things else "fulfilled"])
        return self.people[name]

    def thing(self, name: str, *, by: str) -> Any:
        """Return what a name means to someone."""
        return self.of_guest.get(name, self.things[name]) if by == "link" else self.things[name]

    def _known(self, *roles: str) -> APIClient:
        return self.people[roles[0] if roles else "customer"]

    def _person(self, name: str, *roles: str) -> APIClient:
        self._ids[name] = user_id = new_id()
        fields = {"email": f"{name}@example.com", "password": PASSWORD, "name": name}
        with transaction():
            accounts.register(user_id=user_id, **fields, at=timezone.now())
            if roles:
                accounts.set_roles(user_id=user_id, roles=roles, at=timezone.now())
        return _client(_token(user_id=user_id, roles=roles, minutes=60))

    def _compare_books(self, payments: FakeGateway) -> None:
        """Let the gateway say something else of what it did last, and find that."""
        last = payments.entries[-1]
        payments.entries[-1] = dataclasses.replace(last, amount=last.amount + 1)
        now = timezone.now()
        with transaction():
            request_reconciliation(gateway="payment_3p", on=now.date(), at=now)
        self.shop.flow()

    def _fill_the_catalogue(self) -> None:
        admin, warehouse = self.people["admin"], self.people["warehouse"]
        lamp = self.shop.product(stock=99)
        below = {"slug": "sofas", "name": "Sofas", "parent": "lamps"}
        ok(admin.post(f"{API}/categories", below))
        family = ok(admin.post(f"{API}/families", {"name": "Rugs", "options": ["size"]}))["id"]
        body = {**RUG, "code": "RUG-L", "family": family, "attributes": {"size": "L"}}
        rug = ok(admin.post(f"{API}/products", body))["id"]
        shown, announced = _picture(rug, "READY"), _picture(lamp, "AWAITING")
        self.shop.flow()
        adjusted = {"delta": 99, "reason": "delivered by the supplier"}
        ok(warehouse.post(f"{API}/warehouse/stock/{rug}/adjustments", adjusted))
        self.shop.flow()
        self.things |= {"lamp": str(lamp), "rug": rug, "family": family}
        self.things |= {"picture": shown, "announced": announced}
        Coupon.objects.create(code="TENTH", kind="percent", percent=10)

    def _sell(self) -> None:
        shop, lines = self.shop, {self.things[name]: 2 for name in ("lamp", "rug")}
        orders = {
            name: shop.confirmed(lines)
            for name in ("confirmed", "packing", "packed", "shipped", "fulfilled")
        }
        orders["unpaid"] = shop.confirmed(lines, card=CAPTURE_REFUSED_CARD)
        orders["of guest"] = self._sell_to_a_guest("fulfilled", lines)
        shop.flow()
        ended = ("fulfilled", "unpaid", "of guest")
        for name in ("packing", "packed", "shipped", *ended):
            shop.start_packing(orders[name])
        for name in ("packed", "shipped", *ended):
            shop.pack(orders[name])
        shop.flow()
        for name in ("shipped", *ended):
            shop.ship(orders[name])
        for name in ended:
            shop.deliver(orders[name])
        shop.flow()
        for name in ("fulfilled", "of guest"):
            shop.refund(orders[name], amount=100)
        shop.flow()
        self._sell_to_a_guest("placed", lines)
        with_coupon = {**shop.order_body(lines), "coupon": "TENTH"}
        orders["placed"] = ok(self.people["customer"].post(f"{API}/orders", with_coupon))["id"]
        self.things |= {name: str(order_id) for name, order_id in orders.items()}
        self.things["order_body"] = shop.order_body(lines)
        webhook, signed = shop.gateway.webhook(shop.gateway.calls[-1], at=timezone.now())
        self.things |= {"webhook_body": webhook, "webhook_headers": signed}
        url = f"{API}/delivery/shipments/{orders['shipped']}"
        self.things["tracking_number"] = ok(self.people["delivery"].get(url))["tracking_number"]
        self.things |= self._documents(orders["fulfilled"])
        self.of_guest |= self._documents(orders["of guest"])

    def _cancel_what_the_gateway_keeps(self) -> None:
        order_id, accounts = (
            self.shop.confirmed({self.things["lamp"]: 1}),
            self.shop.gateway.accounts,
        )
        self.shop.flow()
        accounts[next(reversed(accounts))].state = "CAPTURED"  # as if someone took it there
        ok(self.people["support"].post(f"{API}/orders/{order_id}/cancel"))
        self.shop.flow()
        self.things["unreleased"] = str(order_id)

    def _sell_to_a_guest(self, name: str, lines: Lines) -> uuid.UUID:
        body = {**self.shop.order_body(lines), "email": "guest@example.com"}
        order = ok(self.people["anonymous"].post(f"{API}/orders", body))
        self.of_guest[name], self._links[name] = order["id"], order["guest_link"]["token"]
        self.things["number"] = order["number"]
        self.people |= {"link": APIClient(), "other link": _holder(self._links[name])}
        return uuid.UUID(order["id"])

    def _documents(self, order_id: uuid.UUID) -> dict[str, str]:
        rows = ok(self.people["support"].get(f"{API}/invoices?order={order_id}"))["results"]
        return {"invoice": rows[0]["id"], "credit_note": rows[0]["credit_notes"][0]["id"]}

    def _use_the_account(self) -> None:
        customer, anyone = self.people["customer"], self.people["anonymous"]
        saved = ok(customer.post(f"{API}/users/me/addresses", {"address": ADDRESS}))
        export = ok(customer.post(f"{API}/users/me/exports"))
        Export.objects.update(created_at=timezone.now() - dt.timedelta(hours=2))  # one an hour
        credentials = {"email": "customer@example.com", "password": PASSWORD}
        login = ok(anyone.post(f"{API}/auth/token", credentials))
        anyone.post(f"{API}/auth/token", {**credentials, "password": "of someone else"})
        ok(anyone.post(f"{API}/auth/password-reset", {"email": credentials["email"]}))
        self.shop.flow()
        self.things |= {
            "address": saved["id"],
            "export": export["id"],
            "credentials": credentials,
            "refresh": login["refresh"],
            "reset_token": tokens()[-1],
        }

    def _fill_carts(self) -> None:
        """Let everyone want what the world's order is of, a guest with a token too."""
        begun = ok(self.people["anonymous"].post(f"{API}/cart"))["token"]
        self.things["cart_headers"] = {"Cart-Token": begun}
        self.people["cart"] = APIClient(headers=self.things["cart_headers"])
        for name in ("cart", "customer", "stranger", "closed", *STAFF):
            for line in self.things["order_body"]["lines"]:
                url = f"{API}/cart/lines/{line['product_id']}"
                ok(self.people[name].put(url, {"quantity": line["quantity"]}))

    def _lose_accounts(self) -> None:
        """Let two accounts go whose access tokens live on for minutes."""
        erased = self.people["erased"]
        tag = erased.get(f"{API}/users/me")["ETag"]
        ok(erased.delete(f"{API}/users/me", headers={"If-Match": tag}))
        with transaction():
            accounts.deactivate(user_id=self.id_of("closed"), at=timezone.now())


def _picture(product_id: uuid.UUID | str, state: str) -> str:
    sizes = [{"key": "a", "width": 40, "height": 30}] if state == "READY" else []
    fields = {"product_id": product_id, "state": state, "sizes": sizes, "position": len(sizes)}
    return str(Picture.objects.create(**fields, created_at=timezone.now()).id)


def _report_of(order_id: uuid.UUID) -> dict[str, Any]:
    """Return how SES reports that the mail with an order's invoice came back."""
    mail = Mail.objects.get(order_id=order_id, kind="INVOICE")
    body = envelope(bounce(mail.id))
    return {"ses_report": json.dumps(body).encode(), "ses_headers": signed(body)}


def _token(*, user_id: uuid.UUID, roles: tuple[str, ...], minutes: int) -> str:
    token = AccessToken()
    token.set_exp(lifetime=dt.timedelta(minutes=minutes))
    token["user_id"], token["roles"] = str(user_id), list(roles)
    return str(token)


def _client(token: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {token}"})


def _holder(link: str) -> APIClient:
    return APIClient(headers={"Order-Token": link})
