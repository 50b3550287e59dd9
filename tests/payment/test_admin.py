from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.payment.gateway import FakeGateway
from apps.payment.gateway.fake import CAPTURE_REFUSED_CARD, GOOD_CARD
from tests.payment.scenes import Order, flow, money, say

pytestmark = pytest.mark.django_db

PAYMENTS = "admin:payment_payment_changelist"


@pytest.fixture
def uncaptured(fake: FakeGateway) -> Order:
    order = Order(fake, card=CAPTURE_REFUSED_CARD)
    say(order.placed(), order.fulfilled())
    return order


def act(client: Client, action: str, order: Order) -> str:
    body = {"action": action, "_selected_action": [str(order.id)]}
    answer = client.post(reverse(PAYMENTS), body, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_lists_find_payments_and_their_operations(admin_client: Client, uncaptured: Order) -> None:
    for name in ("payment", "operation"):
        url = reverse(f"admin:payment_{name}_changelist")
        page = admin_client.get(url, {"q": str(uncaptured.id)})
        assert str(uncaptured.id) in page.content.decode()
    shown = admin_client.get(reverse("admin:payment_payment_change", args=[uncaptured.id]))
    assert "capture_refused" in shown.content.decode()


def test_amounts_are_shown_as_money(admin_client: Client, uncaptured: Order) -> None:
    listed = admin_client.get(reverse(PAYMENTS)).content.decode()
    shown = admin_client.get(reverse("admin:payment_payment_change", args=[uncaptured.id]))
    page = shown.content.decode()

    assert "€10.00" in listed
    assert page.count("€10.00") >= 5  # target and authorized; of operations and of the ledger
    assert ">1000<" not in page


def test_nothing_is_added_by_hand(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:payment_payment_add")).status_code == 403


def test_a_list_takes_as_many_statements_for_many_as_for_one(
    admin_client: Client, fake: FakeGateway, django_assert_max_num_queries: Any
) -> None:
    say(*(Order(fake).placed() for _ in range(20)))
    for name in ("payment", "operation"):
        with django_assert_max_num_queries(12):
            admin_client.get(reverse(f"admin:payment_{name}_changelist"))


def test_a_capture_is_retried(admin_client: Client, uncaptured: Order, fake: FakeGateway) -> None:
    fake.accounts[uncaptured.token].card = GOOD_CARD
    assert "asked of the gateway" in act(admin_client, "retry_capture", uncaptured)
    flow()
    assert money(uncaptured.payment) == ("CAPTURED", 1_000, 1_000, 0)


def test_a_payment_is_written_off(admin_client: Client, uncaptured: Order) -> None:
    act(admin_client, "write_off", uncaptured)
    flow()
    assert money(uncaptured.payment) == ("VOIDED", 0, 0, 0)


def test_a_refusal_is_shown(admin_client: Client, order: Order) -> None:
    say(order.placed())
    assert "The payment is AUTHORIZED." in act(admin_client, "write_off", order)
    assert order.payment.state == "AUTHORIZED"


def test_money_that_the_gateway_refused_to_release_is_asked_for_again(
    admin_client: Client, order: Order, fake: FakeGateway
) -> None:
    say(order.placed())
    account = fake.accounts.pop(order.token)  # the gateway knows nothing of it
    say(order.cancelled())
    found = admin_client.get(reverse(PAYMENTS), {"hold": "kept"}).content.decode()
    assert str(order.id) in found
    fake.accounts[order.token] = account

    assert "asked of the gateway" in act(admin_client, "retry_refused", order)
    flow()

    assert money(order.payment) == ("VOIDED", 0, 0, 0)
    assert account.held == 0
    found = admin_client.get(reverse(PAYMENTS), {"hold": "kept"}).content.decode()
    assert str(order.id) not in found


def test_what_was_not_refused_is_not_asked_for_again(admin_client: Client, order: Order) -> None:
    say(order.placed())
    assert "refused nothing that is still to be done" in act(admin_client, "retry_refused", order)
    assert order.payment.operations.count() == 1
