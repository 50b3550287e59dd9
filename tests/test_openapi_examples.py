"""The schema's examples are no decoration: requests are sent, answers are held to it."""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from openapi_spec_validator import validate
from rest_framework.test import APIClient

from apps.invoices import gateway as invoices_gateway
from apps.invoices.gateway import FakeDocumentStore
from apps.orders.models import Coupon
from apps.payment import gateway as payment_gateway
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import GOOD_CARD
from apps.users.usecases import accounts
from ecommerce.examples import IDS, OTHER_ID, TEXTS
from kernel.bus.testing import in_order
from kernel.ids import new_id
from kernel.rest.reference import reference
from kernel.transactions import transaction
from tests import answers
from tests.shop import ADDRESS, Shop, ok
from tests.users.mails import tokens

OPERATIONS = {each["operationId"]: key for key, each in answers.operations().items()}
SENT = {
    name: key
    for name, key in OPERATIONS.items()
    if "application/json" in answers.operations()[key].get("requestBody", {}).get("content", {})
}
UNSENT = {
    "hear_gateway",  # its body is the gateway's, and signed
    "hear_of_mails",  # its body is what SNS sends, with headers that no example has
    "change_picture",  # there is none without S3: tests/products/test_pictures.py
}


def test_the_schema_is_one_of_openapi_3_1() -> None:
    schema = reference().schema

    assert schema["openapi"] == "3.1.0"
    validate(schema)


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_wholly_described(name: str) -> None:
    operation = answers.operations()[OPERATIONS[name]]
    refusals = [status for status in operation["responses"] if status >= "400"]

    assert operation["summary"]
    assert all(each["description"] for each in operation.get("parameters", ()))
    assert "500" in refusals
    for status in refusals:
        content = answers.expected(operation, int(status))["content"]  # type: ignore[index]
        codes = content["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]
        assert codes["enum"] == sorted(set(codes["enum"]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_examples_are_what_their_schemas_say(name: str) -> None:
    operation = answers.operations()[OPERATIONS[name]]
    good = [answers.expected(operation, int(s)) for s in operation["responses"] if s < "300"]

    for body in [operation.get("requestBody", {}), *good]:
        for media_type, content in (body or {}).get("content", {}).items():
            if media_type == "application/json":
                assert answers.misfits(content["schema"], content["example"]) == []


class World:
    """A shop in which what the examples speak of is there, under ids of its own."""

    def __init__(self, shop: Shop) -> None:
        self.shop, shop.customer = shop, self._account(shop)
        shop.flow()
        self.product = shop.product(stock=50, price=2000)
        self.order = shop.order({self.product: 1})
        self.names = {
            "order_id": self.order,
            "product_id": self.product,
            "slug": "lamps",
            "country": "SE",
            "tax_class": "standard",
        }
        self.texts = {TEXTS["parent"]: "lamps"}

    def client(self, operation: dict[str, Any]) -> APIClient:
        roles = operation.get("x-roles", [])
        return self.shop.admin if roles else self.shop.customer

    def url(self, path: str) -> str:
        return re.sub(r"{(\w+)}", lambda found: str(self.names[found[1]]), path)

    def body(self, example: Any) -> Any:
        """Return an example with the world's own ids and texts in place of those that it has."""
        text = json.dumps(example)
        for old, new in {IDS["product_id"]: self.product, **self.texts}.items():
            text = text.replace(json.dumps(old), json.dumps(str(new)))
        return json.loads(text)

    def confirm(self) -> None:
        self.shop.flow()

    def start_packing(self) -> None:
        self.confirm()
        self.shop.start_packing(self.order)

    def send(self) -> None:
        self.start_packing()
        self.shop.pack(self.order)
        self.shop.flow()
        self.shop.ship(self.order)

    def be_paid(self) -> None:
        self.send()
        self.shop.deliver(self.order)
        self.shop.flow()

    def have_capture_refused(self) -> None:
        self.order = self.names["order_id"] = self.shop.packed(
            {self.product: 1}, card="4000000000000341"
        )
        self.shop.ship(self.order)
        self.shop.deliver(self.order)
        self.shop.flow()

    def quote(self) -> None:
        lines = [{"product_id": str(self.product), "quantity": 1}]
        asked = {"lines": lines, "address": ADDRESS}
        quote = ok(self.shop.customer.post("/api/v1/delivery/quotes", asked))["quote"]
        token = self.shop.gateway.preauth(GOOD_CARD, amount=1_000_000)
        self.texts |= {TEXTS["delivery_quote"]: quote, TEXTS["payment_token"]: token}

    def quote_with_coupon(self) -> None:
        self.quote()
        self.have_a_coupon()

    def keep_an_address(self) -> None:
        body = {"address": ADDRESS}
        saved = ok(self.shop.customer.post("/api/v1/users/me/addresses", body))
        self.names["address_id"] = saved["id"]

    def fill_a_cart(self) -> None:
        """Put into the customer's cart what is asked a quote for."""
        self.quote()
        url = f"/api/v1/cart/lines/{self.product}"
        tag = self.shop.customer.get("/api/v1/cart")["ETag"]
        ok(self.shop.customer.put(url, {"quantity": 1}, headers={"If-Match": tag}))

    def have_a_coupon(self) -> None:
        self.names["code"] = TEXTS["coupon"]
        yesterday = timezone.now() - dt.timedelta(days=1)
        Coupon.objects.create(
            code=TEXTS["coupon"], kind="percent", percent=Decimal(10), valid_from=yesterday
        )

    def have_a_family(self) -> None:
        body = {"name": "Shirts", "options": ["size"]}
        self.names["family_id"] = ok(self.shop.admin.post("/api/v1/families", body))["id"]

    def be_mailed(self) -> None:
        self.texts[TEXTS["token"]] = tokens()[-1]

    def forget_the_password(self) -> None:
        ok(APIClient().post("/api/v1/auth/password-reset", {"email": TEXTS["email"]}))
        self.shop.flow()
        self.be_mailed()

    def log_in(self) -> None:
        body = {"email": TEXTS["email"], "password": TEXTS["password"]}
        self.texts[TEXTS["refresh"]] = ok(APIClient().post("/api/v1/auth/token", body))["refresh"]

    def _account(self, shop: Shop) -> APIClient:
        user_id = new_id()
        with transaction():
            accounts.register(
                user_id=user_id,
                email=TEXTS["email"],
                password=TEXTS["password"],
                name="Ann Archer",
                at=timezone.now(),
            )
        return shop.client_for(user_id=user_id)


PREPARED: dict[str, Callable[[World], None]] = {
    "place_order": World.quote_with_coupon,
    "order_cart": World.fill_a_cart,
    "put_cart_coupon": World.have_a_coupon,
    "replace_address": World.keep_an_address,
    "change_address": World.keep_an_address,
    "change_coupon": World.have_a_coupon,
    "change_family": World.have_a_family,
    "correct_packaging_line": World.start_packing,
    "fail_shipment": World.send,
    "refund_payment": World.be_paid,
    "write_off_payment": World.have_capture_refused,
    "verify_email": World.be_mailed,
    "reset_password": World.forget_the_password,
    "refresh_tokens": World.log_in,
    "log_out": World.log_in,
}


@pytest.fixture
def world(db: None, client_for: Callable[..., APIClient]) -> Iterator[World]:
    fake = FakeGateway()
    with payment_gateway.installed(fake), invoices_gateway.installed(FakeDocumentStore()):
        yield World(Shop(client_for, in_order, fake))


@pytest.mark.parametrize("name", sorted(SENT.keys() - UNSENT))
def test_a_requests_example_is_accepted(name: str, world: World) -> None:
    path, method = SENT[name]
    operation = answers.operations()[path, method]
    PREPARED.get(name, lambda world: None)(world)
    client, url = world.client(operation), world.url(path)
    names = {each["name"] for each in operation.get("parameters", ())}
    headers = {"If-Match": _tag(client, url)} if "If-Match" in names else {}
    example = operation["requestBody"]["content"]["application/json"]["example"]

    answer = getattr(client, method)(url, world.body(example), headers=headers)

    assert 200 <= answer.status_code < 300, answer.content


def _tag(client: APIClient, url: str) -> str:
    """Return the tag of the resource, or of the one that it is a part of."""
    answer = client.get(re.sub(r"(/lines/[^/]+|(?<=/cart)/(order|coupon))$", "", url))
    assert answer.status_code == 200, answer.content
    return str(answer["ETag"])


def test_an_example_that_is_wrong_is_caught() -> None:
    schema = {"$ref": "#/components/schemas/Money"}

    assert answers.misfits(schema, {"amount": "1250", "currency": "EUR"}) != []
    assert uuid.UUID(OTHER_ID).version == 7
