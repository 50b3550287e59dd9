"""Who orders without an account, and what the link to the order lets its bearer do."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.orders.events import OrderFulfilled, OrderLinkRequested, OrderPlaced
from apps.orders.models import Order
from kernel.address import Address
from kernel.bus.models import OutboxEvent
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.money import Money
from kernel.signing import sign
from tests.orders.scenes import ADDRESS, ELSEWHERE, KINDS, NOON, ORDERS, Scene, body, on_sale, tell

pytestmark = pytest.mark.django_db
ClientFor = Callable[..., APIClient]
EMAIL = "ann@example.com"


@pytest.fixture
def lamp() -> uuid.UUID:
    return on_sale(code="LAMP", name="Lamp", price=Money(amount=1000, currency="EUR"))


def place(client: APIClient, lamp: uuid.UUID, *, key: str | None = None, **fields: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(ORDERS, body({lamp: 1}, **fields), headers=headers)


def with_token(token: str, **headers: str) -> APIClient:
    return APIClient(headers={"Order-Token": token, **headers})


@pytest.fixture
def order(anyone: APIClient, lamp: uuid.UUID) -> dict[str, Any]:
    answer = place(anyone, lamp, email=EMAIL)
    assert answer.status_code == 201, answer.json()
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture
def guest(order: dict[str, Any]) -> APIClient:
    return with_token(order["guest_link"]["token"])


def url_of(order: dict[str, Any]) -> str:
    return f"{ORDERS}/{order['id']}"


class TestPlacing:
    def test_needs_an_email_address_and_answers_a_link(
        self, anyone: APIClient, lamp: uuid.UUID, settings: Any
    ) -> None:
        settings.STOREFRONT_URL = "https://shop.example"
        answer = place(anyone, lamp, email="Ann@Example.com")

        order = answer.json()
        link = order.pop("guest_link")
        assert (answer.status_code, order["customer_id"], order["email"]) == (201, None, EMAIL)
        assert link == {
            "token": link["token"],
            "url": f"https://shop.example/order#token={link['token']}",
            "expires_at": "2026-05-30T12:00:00Z",
        }
        (placed,) = published(OrderPlaced)
        assert isinstance(placed, OrderPlaced)
        assert (placed.customer_id, placed.person_id) == (None, uuid.UUID(order["id"]))
        assert (placed.email, placed.address) == (EMAIL, Address(**ADDRESS))

    def test_seals_the_address_in_the_log(self, order: dict[str, Any]) -> None:
        payload = OutboxEvent.objects.get(name=OrderPlaced.name).payload

        assert set(payload["email"]) == {"$sealed"}
        assert EMAIL not in str(payload)

    @pytest.mark.parametrize(
        ("email", "code"),
        [
            (None, "null"),
            ("", "blank"),
            ("ann", "invalid"),
            ("ann@example.com\0", "null_characters_not_allowed"),
            (f"{'a' * 250}@example.com", "max_length"),
        ],
    )
    def test_with_a_bad_address_is_refused(
        self, anyone: APIClient, lamp: uuid.UUID, email: str | None, code: str
    ) -> None:
        self.refused(place(anyone, lamp, email=email), code)

    def test_without_an_address_is_refused(self, anyone: APIClient, lamp: uuid.UUID) -> None:
        self.refused(place(anyone, lamp), "required_of_guests")

    def test_as_a_customer_with_an_address_is_refused(
        self, client_for: ClientFor, lamp: uuid.UUID
    ) -> None:
        self.refused(place(client_for(), lamp, email=EMAIL), "not_for_customers")

    def refused(self, answer: Any, code: str) -> None:
        errors = answer.json()["errors"]
        assert (answer.status_code, errors[0]["field"]) == (400, "email")
        assert code in {error["code"] for error in errors}
        assert not Order.objects.exists()
        assert published(OrderPlaced) == []

    def test_as_a_customer_gets_no_link(self, client_for: ClientFor, lamp: uuid.UUID) -> None:
        order = place(client_for(), lamp).json()

        assert ("guest_link" in order, order["email"]) == (False, None)

    def test_with_a_bad_login_is_no_guests_order(self, lamp: uuid.UUID) -> None:
        answer = place(APIClient(headers={"Authorization": "Bearer x"}), lamp, email=EMAIL)

        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
        assert published(OrderPlaced) == []


class TestAnIdempotencyKey:
    def test_brings_the_same_guest_the_same_order(self, lamp: uuid.UUID) -> None:
        first, second = (place(APIClient(), lamp, key="1", email=EMAIL) for _ in range(2))

        assert first.json() == second.json()
        assert second["Idempotent-Replayed"] == "true"
        assert len(published(OrderPlaced)) == 1

    @pytest.mark.parametrize(
        "change", [{"email": "bob@example.com"}, {"payment_token": "tok-2"}], ids=str
    )
    def test_shows_nobody_anothers_order(self, lamp: uuid.UUID, change: dict[str, str]) -> None:
        first = place(APIClient(), lamp, key="1", email=EMAIL)
        second = place(APIClient(), lamp, key="1", **{"email": EMAIL, **change})

        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] != second.json()["id"]
        assert "Idempotent-Replayed" not in second

    def test_of_a_cancellation_is_the_orders_own(
        self, order: dict[str, Any], guest: APIClient, anyone: APIClient
    ) -> None:
        headers = {"Idempotency-Key": "1"}
        cancelled = guest.post(f"{url_of(order)}/cancel", headers=headers)
        stranger = anyone.post(f"{url_of(order)}/cancel", headers=headers)

        assert (cancelled.status_code, stranger.status_code) == (200, 401)


class TestALink:
    def test_shows_the_order_and_its_timeline(
        self, order: dict[str, Any], guest: APIClient
    ) -> None:
        shown = guest.get(url_of(order))

        assert (shown.status_code, shown["ETag"]) == (200, '"v1"')
        assert shown.json() == {k: v for k, v in order.items() if k != "guest_link"}
        timeline = guest.get(f"{url_of(order)}/timeline").json()["results"]
        assert [entry["what"] for entry in timeline] == ["placed"]

    def test_leads_to_the_stream(self, order: dict[str, Any], guest: APIClient) -> None:
        answer = guest.get(f"{url_of(order)}/stream")

        assert answer.status_code == 307
        assert urlsplit(answer["Location"]).path == f"/orders/{order['id']}"

    def test_sends_the_order_elsewhere(self, order: dict[str, Any], guest: APIClient) -> None:
        change, headers = {"address": ELSEWHERE}, {"If-Match": '"v1"'}
        changed = guest.patch(url_of(order), change, headers=headers)

        assert (changed.status_code, changed.json()["address"]) == (200, ELSEWHERE)

    def test_cancels_the_order(self, order: dict[str, Any], guest: APIClient) -> None:
        cancelled = guest.post(f"{url_of(order)}/cancel").json()

        assert cancelled["state"] == "CANCELLED"
        assert cancelled["cancellation"]["requested_by"] == "customer"
        actors = OutboxEvent.objects.order_by("sequence").values_list("actor", flat=True)
        assert list(actors)[-1] == f"guest:{order['id']}"

    def test_is_good_for_ninety_days(self, order: dict[str, Any], guest: APIClient) -> None:
        with time_machine.travel(NOON + dt.timedelta(days=90, seconds=-1), tick=False):
            assert guest.get(url_of(order)).status_code == 200
        with time_machine.travel(NOON + dt.timedelta(days=90), tick=False):
            answers = ask_all(guest, order["id"])
        assert answers == [(401, "order_token_expired")] * 5

    def test_shows_no_list(self, order: dict[str, Any], guest: APIClient) -> None:
        answer = guest.get(ORDERS)

        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def ask_all(client: APIClient, order_id: str) -> list[tuple[int, str]]:
    """Ask for everything that there is of an order; return how it was refused."""
    url = f"{ORDERS}/{order_id}"
    answers: list[Any] = [
        client.get(url),
        client.get(f"{url}/timeline"),
        client.get(f"{url}/stream"),
        client.post(f"{url}/cancel"),
        client.patch(url, {"address": ELSEWHERE}, headers={"If-Match": '"v1"'}),
    ]
    return [(answer.status_code, answer.json()["code"]) for answer in answers]


class TestNobodyElse:
    def test_sees_the_order(self, order: dict[str, Any], client_for: ClientFor) -> None:
        other = place(APIClient(), on_sale(), email=EMAIL).json()
        before = Order.objects.filter(id=order["id"]).values().get()

        assert ask_all(APIClient(), order["id"]) == [(401, "not_authenticated")] * 5
        assert ask_all(client_for(), order["id"]) == [(404, "order_not_found")] * 5
        assert ask_all(client_for("warehouse"), order["id"]) == [(404, "order_not_found")] * 5
        theirs = with_token(other["guest_link"]["token"])
        assert ask_all(theirs, order["id"]) == [(404, "order_not_found")] * 5
        assert Order.objects.filter(id=order["id"]).values().get() == before

    def test_sees_a_customers_order_by_a_link(self, scene: Scene) -> None:
        later = NOON + dt.timedelta(days=1)
        token = sign({"order": str(scene.id)}, purpose="order-link", expires_at=later)

        assert ask_all(with_token(token), str(scene.id)) == [(404, "order_not_found")] * 5

    def test_makes_a_link(self, order: dict[str, Any]) -> None:
        later, value = NOON + dt.timedelta(days=1), {"order": order["id"]}
        ticket = sign(value, purpose="order-stream", expires_at=later)
        for forged in ("", "x", order["guest_link"]["token"][:-1] + "_", ticket):
            refused = ask_all(with_token(forged), order["id"])
            assert refused == [(401, "order_token_not_valid")] * 5

    def test_is_a_guest_while_logged_in(
        self, order: dict[str, Any], scene: Scene, client_for: ClientFor
    ) -> None:
        token = {"Order-Token": order["guest_link"]["token"]}

        assert scene.customer.get(url_of(order), headers=token).status_code == 404
        assert scene.customer.get(scene.url, headers=token).status_code == 200
        assert client_for("support").get(url_of(order), headers=token).status_code == 200


def test_what_a_guest_gave_goes_to_the_invoice(order: dict[str, Any], scene: Scene) -> None:
    scene.id = uuid.UUID(order["id"])
    for name in ("StockReserved", "PaymentAuthorized", "PackageCreated"):
        scene.hear(name)
    tell(KINDS["DeliveryCompleted"](occurred_at=NOON, order_id=scene.id))

    (fulfilled,) = published(OrderFulfilled)
    assert isinstance(fulfilled, OrderFulfilled)
    assert (fulfilled.person_id, fulfilled.customer_id) == (scene.id, None)
    assert (fulfilled.email, fulfilled.address) == (EMAIL, Address(**ADDRESS))


def test_a_strangers_token_is_none(order: dict[str, Any]) -> None:
    later = NOON + dt.timedelta(days=1)
    token = sign({"order": str(new_id())}, purpose="order-link", expires_at=later)

    assert ask_all(with_token(token), order["id"]) == [(404, "order_not_found")] * 5


class TestTheLanguage:
    @pytest.mark.parametrize(
        ("given", "told"), [({}, "en"), ({"locale": "de"}, "de"), ({"locale": "fr-CA"}, "fr-CA")]
    )
    def test_of_mails_is_the_customers(
        self, anyone: APIClient, lamp: uuid.UUID, given: dict[str, str], told: str
    ) -> None:
        assert place(anyone, lamp, email=EMAIL, **given).status_code == 201
        (event,) = published(OrderPlaced)
        assert isinstance(event, OrderPlaced)
        assert event.locale == told

    @pytest.mark.parametrize("locale", ["", "d", "de_DE", "DE", "deutsch", "de-de", "zh-Hant"])
    def test_that_is_none_is_refused(self, anyone: APIClient, lamp: uuid.UUID, locale: str) -> None:
        answer = place(anyone, lamp, email=EMAIL, locale=locale)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "locale")
        assert published(OrderPlaced) == []


class TestALostLink:
    LINKS = f"{ORDERS}/links"

    def ask(self, client: APIClient, **changes: str) -> Any:
        return client.post(self.LINKS, {"email": EMAIL, "number": "?", **changes})

    def asked(self) -> list[uuid.UUID | None]:
        return [event.order_id for event in published(OrderLinkRequested)]  # type: ignore[attr-defined]

    def test_is_asked_for_by_address_and_number(
        self, anyone: APIClient, order: dict[str, Any]
    ) -> None:
        for number in (order["number"], order["number"].lower().replace("-", "")):
            answer = self.ask(anyone, email=EMAIL.upper(), number=number)
            assert (answer.status_code, answer.content) == (202, b"")
        assert self.asked() == [uuid.UUID(order["id"])] * 2

    def test_is_asked_for_in_vain_with_the_same_answer_and_effort(
        self,
        anyone: APIClient,
        order: dict[str, Any],
        scene: Scene,
        django_assert_num_queries: Callable[..., Any],
    ) -> None:
        customers = Order.objects.get(id=scene.id).number
        asked = [
            {"number": order["number"]},
            {"number": order["number"], "email": "bob@example.com"},
            {"number": customers},
            {"number": customers, "email": ""},
            {"number": "no number"},
        ]
        answers = []
        for each in asked:
            with django_assert_num_queries(4 if each.get("email") != "" else 0):
                answer = self.ask(anyone, **each)
            answers.append((answer.status_code, answer.content))
        assert answers[:3] + answers[4:] == [(202, b"")] * 4
        assert answers[3][0] == 400
        assert self.asked() == [uuid.UUID(order["id"]), None, None, None]

    def test_says_nothing_of_the_address_in_the_log(
        self, anyone: APIClient, order: dict[str, Any]
    ) -> None:
        self.ask(anyone, number=order["number"])
        (row,) = OutboxEvent.objects.filter(name="orders.order_link_requested.v1")
        assert EMAIL not in f"{row.payload}{row.actor}"

    def test_is_not_asked_for_too_often(
        self, anyone: APIClient, order: dict[str, Any], settings: Settings
    ) -> None:
        settings.THROTTLE_RATES = {"order_link": "2/hour"}
        codes = [self.ask(anyone, number=order["number"]).status_code for _ in range(3)]
        assert (codes, len(self.asked())) == ([202, 202, 429], 2)
