"""Payments for support, over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.payment import events
from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, GOOD_CARD
from kernel.bus.testing import published
from kernel.ids import new_id
from tests.payment.scenes import Order, flow, money, names, say, told

pytestmark = pytest.mark.django_db

ClientFor = Callable[..., APIClient]
PAYMENTS = "/api/v1/payments"


@pytest.fixture
def support(client_for: ClientFor) -> APIClient:
    return client_for("support")


@pytest.fixture
def captured(order: Order) -> Order:
    say(order.placed(), order.fulfilled())
    return order


@pytest.fixture
def uncaptured(fake: FakeGateway) -> Order:
    order = Order(fake, card=CAPTURE_REFUSED_CARD)
    say(order.placed(), order.fulfilled())
    return order


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


def refuses(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)


class TestReading:
    def test_shows_a_payment_with_what_was_asked_of_the_gateway(
        self, support: APIClient, captured: Order
    ) -> None:
        answer = support.get(f"{PAYMENTS}/{captured.id}")

        body = answer.json()
        operations = body.pop("operations")
        assert body == {
            "order_id": str(captured.id),
            "state": "CAPTURED",
            "gateway": "payment_3p",
            "target": eur(1_000),
            "authorized": eur(1_000),
            "captured": eur(1_000),
            "refunded": eur(0),
            "held_until": body["held_until"],
            "reason": "",
            "version": body["version"],
            "created_at": body["created_at"],
            "updated_at": body["updated_at"],
        }
        assert [(o["kind"], o["state"], o["amount"]) for o in operations] == [
            ("CAPTURE", "DONE", 1_000),
            ("AUTHORIZE", "DONE", 1_000),
        ]
        again = support.get(f"{PAYMENTS}/{captured.id}", headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304

    def test_finds_the_payment_of_an_order(
        self, support: APIClient, captured: Order, fake: FakeGateway
    ) -> None:
        say(Order(fake).placed())
        found = support.get(PAYMENTS, {"order": str(captured.id)}).json()
        assert [row["order_id"] for row in found["results"]] == [str(captured.id)]
        assert found["next"] is None
        assert support.get(PAYMENTS, {"order": str(new_id())}).json()["results"] == []

    def test_finds_payments_by_their_state(
        self, support: APIClient, captured: Order, uncaptured: Order
    ) -> None:
        found = support.get(PAYMENTS, {"state": "CAPTURE_FAILED"}).json()["results"]
        assert [(row["order_id"], row["reason"]) for row in found] == [
            (str(uncaptured.id), "capture_refused")
        ]

    @pytest.mark.parametrize("query", [{"order": "nonsense"}, {"state": "LOST"}])
    def test_refuses_a_filter_that_is_none(self, support: APIClient, query: dict[str, str]) -> None:
        refuses(support.get(PAYMENTS, query), 400, "invalid")

    def test_pages_through_all_with_as_many_statements_for_many_as_for_one(
        self, support: APIClient, fake: FakeGateway, django_assert_num_queries: Any
    ) -> None:
        orders = [Order(fake) for _ in range(5)]
        say(orders[0].placed())
        with django_assert_num_queries(1):
            support.get(PAYMENTS)
        say(*(order.placed() for order in orders[1:]))
        with django_assert_num_queries(1):
            page = support.get(PAYMENTS, {"limit": 3}).json()
        rest = support.get(page["next"]).json()
        ids = [row["order_id"] for row in page["results"] + rest["results"]]
        assert ids == sorted((str(order.id) for order in orders), reverse=True)

    def test_of_a_payment_takes_two_statements(
        self, support: APIClient, captured: Order, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(2):
            support.get(f"{PAYMENTS}/{captured.id}")

    def test_says_when_there_is_none(self, support: APIClient) -> None:
        refuses(support.get(f"{PAYMENTS}/{new_id()}"), 404, "payment_not_found")


@pytest.mark.parametrize("roles", [(), ("warehouse",), ("delivery",)])
@pytest.mark.parametrize("path", ["", "/refunds", "/capture-retries", "/retries", "/write-offs"])
def test_only_support_is_let_in(client_for: ClientFor, roles: tuple[str, ...], path: str) -> None:
    client, url = client_for(*roles), f"{PAYMENTS}/{new_id()}{path}"
    answer = client.post(url) if path else client.get(url)
    refuses(answer, 403, "permission_denied")


def test_nobody_is_let_in_without_a_token(anyone: APIClient) -> None:
    assert anyone.get(PAYMENTS).status_code == 401


class TestRefunding:
    def refund(self, client: APIClient, order: Order, amount: int, **headers: str) -> Any:
        body = {"amount": amount, "reason": "broken lamp"}
        return client.post(f"{PAYMENTS}/{order.id}/refunds", body, headers=headers)

    def test_gives_money_back_in_parts(
        self, support: APIClient, captured: Order, fake: FakeGateway
    ) -> None:
        answer = self.refund(support, captured, 300)
        assert answer.status_code == 202
        operation = answer.json()
        assert operation == {
            "id": operation["id"],
            "kind": "REFUND",
            "state": "WISHED",
            "amount": 300,
            "reason": "broken lamp",
            "refusal": "",
            "created_at": operation["created_at"],
            "answered_at": None,
        }
        flow()
        self.refund(support, captured, 700)
        flow()

        assert money(captured.payment) == ("REFUNDED", 1_000, 1_000, 1_000)
        first, second = (event for event in told() if isinstance(event, events.PaymentRefunded))
        assert first == events.PaymentRefunded(
            occurred_at=first.occurred_at,
            order_id=captured.id,
            refund_id=operation["id"],
            amount=300,
            refunded_total=300,
            currency="EUR",
            reason="broken lamp",
        )
        assert (second.amount, second.refunded_total) == (700, 1_000)
        assert fake.accounts[captured.token].refunded == 1_000

    def test_counts_refunds_that_are_not_answered_yet(
        self, support: APIClient, captured: Order
    ) -> None:
        assert self.refund(support, captured, 700).status_code == 202
        log = published()
        answer = self.refund(support, captured, 301)
        refuses(answer, 409, "refund_too_large")
        assert answer.json()["refundable"] == 300
        assert published() == log
        assert self.refund(support, captured, 300).status_code == 202

    def test_with_one_key_happens_once(self, support: APIClient, captured: Order) -> None:
        key = {"Idempotency-Key": "refund-1"}
        first = self.refund(support, captured, 300, **key)
        second = self.refund(support, captured, 300, **key)
        assert first.json() == second.json()
        flow()
        assert captured.payment.refunded == 300

    def test_that_the_gateway_refuses_leaves_the_money_with_us_and_says_why(
        self, support: APIClient, captured: Order, fake: FakeGateway
    ) -> None:
        fake.accounts[captured.token].refunded = 900  # as if someone refunded there
        self.refund(support, captured, 300)
        flow()

        assert money(captured.payment) == ("CAPTURED", 1_000, 1_000, 0)
        shown = support.get(f"{PAYMENTS}/{captured.id}").json()["operations"][0]
        assert (shown["state"], shown["refusal"]) == ("REFUSED", "amount_too_high")
        assert names() == ["authorized", "captured"]

    def test_needs_captured_money(self, support: APIClient, order: Order) -> None:
        say(order.placed())
        log = published()
        refuses(self.refund(support, order, 1), 409, "wrong_payment_state")
        assert published() == log

    def test_needs_a_payment(self, support: APIClient, order: Order) -> None:
        refuses(self.refund(support, order, 1), 404, "payment_not_found")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"reason": "x"}, "amount"),
            ({"amount": 0, "reason": "x"}, "amount"),
            ({"amount": 10**13, "reason": "x"}, "amount"),
            ({"amount": 1}, "reason"),
            ({"amount": 1, "reason": ""}, "reason"),
            ({"amount": 1, "reason": "x" * 501}, "reason"),
            ({"amount": 1, "reason": "x", "currency": "EUR"}, "currency"),
        ],
    )
    def test_refuses_what_is_not_valid(
        self, support: APIClient, captured: Order, body: dict[str, Any], field: str
    ) -> None:
        answer = support.post(f"{PAYMENTS}/{captured.id}/refunds", body)
        refuses(answer, 400, "invalid")
        assert [error["field"] for error in answer.json()["errors"]] == [field]


class TestAFailedCapture:
    def test_is_retried(self, support: APIClient, uncaptured: Order, fake: FakeGateway) -> None:
        fake.accounts[uncaptured.token].card = GOOD_CARD
        answer = support.post(f"{PAYMENTS}/{uncaptured.id}/capture-retries")
        assert (answer.status_code, answer.json()["kind"]) == (202, "CAPTURE")
        flow()
        assert money(uncaptured.payment) == ("CAPTURED", 1_000, 1_000, 0)
        assert names() == ["authorized", "capture_failed", "captured"]

    def test_can_fail_again(self, support: APIClient, uncaptured: Order) -> None:
        support.post(f"{PAYMENTS}/{uncaptured.id}/capture-retries")
        flow()
        assert uncaptured.payment.state == "CAPTURE_FAILED"
        assert names() == ["authorized", "capture_failed", "capture_failed"]

    def test_is_written_off(self, support: APIClient, uncaptured: Order, fake: FakeGateway) -> None:
        body = {"reason": "the card is gone"}
        answer = support.post(f"{PAYMENTS}/{uncaptured.id}/write-offs", body)
        assert (answer.status_code, answer.json()["reason"]) == (202, "the card is gone")
        flow()
        assert money(uncaptured.payment) == ("VOIDED", 0, 0, 0)
        assert fake.accounts[uncaptured.token].held == 0
        assert names() == ["authorized", "capture_failed", "written_off", "voided"]

    def test_of_money_that_should_be_free_lets_it_go(
        self, support: APIClient, order: Order, fake: FakeGateway
    ) -> None:
        say(order.placed())
        account = fake.accounts.pop(order.token)  # the gateway knows nothing of it
        say(order.cancelled())
        fake.accounts[order.token] = account

        answer = support.post(f"{PAYMENTS}/{order.id}/retries")
        assert (answer.status_code, answer.json()["kind"]) == (202, "VOID")
        refuses(support.post(f"{PAYMENTS}/{order.id}/retries"), 409, "operation_in_progress")
        flow()

        assert money(order.payment) == ("VOIDED", 0, 0, 0)
        refuses(support.post(f"{PAYMENTS}/{order.id}/retries"), 409, "nothing_refused")

    @pytest.mark.parametrize(
        ("path", "body"), [("capture-retries", None), ("write-offs", {"reason": "x"})]
    )
    def test_waits_for_what_was_asked_before(
        self, support: APIClient, uncaptured: Order, path: str, body: dict[str, str] | None
    ) -> None:
        support.post(f"{PAYMENTS}/{uncaptured.id}/capture-retries")
        log = published()
        answer = support.post(f"{PAYMENTS}/{uncaptured.id}/{path}", body)
        refuses(answer, 409, "operation_in_progress")
        assert published() == log
