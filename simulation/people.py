"""The people of a simulated shop: who they are, what they ask over the API, what it granted."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from apps.payment.gateway import FakeGateway, Wish
from apps.users.events import UserRegistered
from kernel.bus import inbox
from kernel.bus.envelope import Envelope
from kernel.bus.outbox import publish
from kernel.bus.testing import newly_sent
from kernel.ids import new_id
from kernel.transactions import transaction
from simulation.journal import OPENING, Answer, Asked, Journal

API = "/api/v1"
TOKEN_LIFETIME = dt.timedelta(days=36_500)  # a simulated clock may stand anywhere
LARGEST_PAYMENT = 1_000_000  # what the gateway lets each card hold, in minor units
ROLES = {
    "admin": "admin",
    "support": "support",
    "support 2": "support",
    "warehouse": "warehouse",
    "warehouse 2": "warehouse",
    "delivery": "delivery",
    "delivery 2": "delivery",
}
# One lives where a delivery costs nothing, the others where each box does.
_HOMES = (("Stockholm", "SE", "+46701234567"), ("Berlin", "DE", "+49301234567"))
CUSTOMERS = 3
# What each product costs, in minor units, and how many of it there are: scarce.
PRICES = (1_000, 250, 3_999, 75, 12_000)
STOCKS = (4, 3, 3, 5, 2)
# Two orders of a day may use it at once, which is as many as draw it.
COUPON: Mapping[str, Any] = {
    "code": "LOYAL",
    "kind": "percent",
    "percent": "10",
    "limit": 2,
    "valid_from": "2020-01-01T00:00:00Z",
}


class ServerError(Exception):
    """The API answered 5xx: nobody may ever see that."""


class Asker(Protocol):
    """Whoever asks: an act, by its name, the person who does it, and its Idempotency-Key."""

    @property
    def name(self) -> str:
        """What is done."""

    @property
    def who(self) -> str:
        """Who does it, as `ShopClients` knows them."""

    @property
    def key(self) -> str:
        """The Idempotency-Key."""


@dataclasses.dataclass(frozen=True)
class Customer:
    """Someone who buys: the id in their token, and where they live."""

    id: uuid.UUID
    address: dict[str, str]


class ShopClients:
    """Everyone who knows the shop's API, and the shop's products. Any thread may use it."""

    def __init__(self, gateway: FakeGateway, customers: Sequence[Customer]) -> None:
        self.gateway = gateway
        self.customers = customers
        self.products: list[uuid.UUID] = []
        self.journal = Journal()
        self._tokens = {who: _token(new_id(), role) for who, role in ROLES.items()}
        for index, customer in enumerate(customers):
            self._tokens[f"customer {index}"] = _token(customer.id)

    @property
    def next_opening_key(self) -> str:
        """The key of what is done next before the doors open."""
        return f"{OPENING}{len(self.journal.asked)}"

    def again(self, gateway: FakeGateway) -> ShopClients:
        """Return the same people, as they were when the shop had just been opened."""
        shop = copy.copy(self)
        shop.gateway, shop.journal = gateway, self.journal.of_opening()
        return shop

    def read(self, who: str, path: str) -> Any:
        """
        Return the answer to a GET, whatever it is.

        :raises ServerError: for 5xx.
        """
        return _judged(self._client(who).get(f"{API}{path}"))

    def ask(self, who: str, path: str, body: Mapping[str, Any]) -> Any:
        """
        Return the answer to a POST that changes nothing, whatever it is.

        :raises ServerError: for 5xx.
        """
        return _judged(self._client(who).post(f"{API}{path}", body))

    def send(
        self,
        act: Asker,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        if_match: str = "",
    ) -> Answer:
        """
        Ask for something to be done, under the act's key, and note what is answered.

        :raises ServerError: for 5xx.
        """
        asked = Asked(act.name, act.key, path, body or {})
        self.journal.asked[act.key] = asked
        headers = {"Idempotency-Key": act.key, "X-Request-ID": act.key}
        if if_match:
            headers["If-Match"] = if_match
        call = getattr(self._client(act.who), method.lower())
        response = _judged(call(f"{API}{path}", body, headers=headers))
        answer = Answer(asked, response.status_code, response.json() if response.content else None)
        self.journal.answers[act.key].append(answer)
        return answer

    def hear_webhook(self, wish: Wish) -> None:
        """
        Hear from the gateway over the API, as anyone may try to.

        :raises ServerError: for 5xx.
        """
        body, headers = self.gateway.webhook(wish, at=timezone.now())
        path = f"{API}/payments/webhooks/{wish.gateway}"
        _judged(
            APIClient(raise_request_exception=False).generic(
                "POST",
                path,
                body.decode(),
                content_type="application/json",
                headers=headers,
            )
        )

    def _client(self, who: str) -> APIClient:
        # A client for each call: Django's keeps what happens to it, and threads don't share.
        token = self._tokens[who]
        return APIClient(
            raise_request_exception=False, headers={"Authorization": f"Bearer {token}"}
        )


def open_shop(*, gateway: FakeGateway) -> ShopClients:
    """Fill the catalogue and the shelves over the API, let that be heard, return the people."""
    customers = [
        Customer(new_id(), _address(*_HOMES[index % len(_HOMES)])) for index in range(CUSTOMERS)
    ]
    shop = ShopClients(gateway, customers)
    _fill_catalogue(shop)
    _introduce(customers)
    _deliver_all()
    for index, stock in enumerate(STOCKS):
        path = f"/warehouse/stock/{shop.products[index]}/adjustments"
        body = {"delta": stock, "reason": shop.next_opening_key}
        _opened(shop, "warehouse", "adjust stock", path, body)
    _opened(shop, "admin", "create coupon", "/coupons", COUPON)
    _deliver_all()
    return shop


def _introduce(customers: Sequence[Customer]) -> None:
    """Let it be heard who they are, and where they read their mails."""
    with transaction():
        publish(
            *(
                UserRegistered(
                    occurred_at=timezone.now(),
                    user_id=customer.id,
                    version=1,
                    email=f"customer-{index}@example.com",
                    name_of_user=f"Customer {index}",
                )
                for index, customer in enumerate(customers)
            )
        )


def _fill_catalogue(shop: ShopClients) -> None:
    category = {"slug": "things", "name": "Things"}
    _opened(shop, "admin", "create category", "/categories", category)
    for index, price in enumerate(PRICES):
        made = _opened(shop, "admin", "create product", "/products", _product(index, price))
        shop.products.append(uuid.UUID(made["id"]))


@dataclasses.dataclass(frozen=True)
class _Opening:
    """What is done before the doors open."""

    name: str
    who: str
    key: str


def _opened(shop: ShopClients, who: str, name: str, path: str, body: Mapping[str, Any]) -> Any:
    act = _Opening(name, who, shop.next_opening_key)
    answer = shop.send(act, "POST", path, body)
    if not answer.is_granted:
        raise ServerError(f"{name}: {answer.status} {answer.body}")
    return answer.body


def _deliver_all() -> None:
    """Let all events arrive, at once and in order: a pack for each queue."""
    while messages := newly_sent():
        packs: dict[str, list[Envelope]] = defaultdict(list)
        for queue, envelope in messages:
            packs[queue].append(envelope)
        for queue, pack in packs.items():
            if not inbox.deliver(queue, pack):
                raise ServerError(f"The shop could not be opened: {queue} failed.")


def _judged(response: Any) -> Any:
    if response.status_code >= 500:
        cause = (getattr(response, "exc_info", None) or (None, None))[1]
        raise ServerError(f"{response.status_code}: {cause!r}") from cause
    return response


def _token(user_id: uuid.UUID, *roles: str) -> str:
    token = AccessToken()
    token.set_exp(lifetime=TOKEN_LIFETIME)
    del token.payload["iat"]  # it could lie ahead of a simulated clock
    token["user_id"], token["roles"] = str(user_id), list(roles)
    return str(token)


def _address(city: str, country: str, phone_number: str) -> dict[str, str]:
    return {
        "name": "Ann Archer",
        "street_address": "1 Long Street",
        "post_code": "111 22",
        "city": city,
        "country": country,
        "phone_number": phone_number,
    }


def _product(index: int, price: int) -> dict[str, Any]:
    return {
        "code": f"THING-{index}",
        "name": f"Thing {index}",
        "category": "things",
        "package": {"width": 300, "length": 300, "height": 300, "weight": 2_000 * (index + 1)},
        "price": {"amount": price, "currency": "EUR"},
    }
