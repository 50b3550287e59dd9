"""The database's last line: what no code may write."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError

from apps.payment.gateway import FakeGateway
from apps.payment.models import Operation, Payment
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.payment.scenes import Order, say

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"captured": 1_001}, "payment_captured_of_authorized"),
        ({"refunded": 1}, "payment_refunded_of_captured"),
        ({"refunded": -1}, "payment_not_negative"),
        ({"target": -1}, "payment_not_negative"),
        ({"state": "VOIDED"}, "payment_nothing_held"),
        ({"state": "DECLINED"}, "payment_nothing_held"),
        ({"state": "PENDING"}, "payment_nothing_held"),
        ({"state": "LOST"}, "payment_known_state"),
    ],
)
def test_a_payment_refuses(order: Order, change: dict[str, Any], constraint: str) -> None:
    say(order.placed())
    with pytest.raises(IntegrityError, match=constraint), transaction():
        Payment.objects.filter(order_id=order.id).update(**change)


def test_a_token_stands_for_one_payment(order: Order, fake: FakeGateway) -> None:
    other = Order(fake)
    say(order.placed(), other.placed())
    with pytest.raises(IntegrityError, match="payment_token_once"), transaction():
        Payment.objects.filter(order_id=other.id).update(token=order.token)


def wish(order: Order, kind: str, amount: int = 1) -> Operation:
    return Operation.objects.create(
        payment=order.payment, kind=kind, amount=amount, created_at=NOON, next_ask_at=NOON
    )


def test_one_operation_is_open_at_a_time_but_refunds_stand_beside_each_other(order: Order) -> None:
    say(order.placed())
    with transaction():
        wish(order, "REFUND")
        wish(order, "REFUND")
        wish(order, "CAPTURE")
    with pytest.raises(IntegrityError, match="payment_one_open_operation"), transaction():
        wish(order, "VOID")


def test_an_operation_has_no_negative_amount(order: Order) -> None:
    say(order.placed())
    with pytest.raises(IntegrityError, match="payment_operation_not_negative"), transaction():
        wish(order, "REFUND", -1)


def test_an_answer_takes_an_answered_operation_only(order: Order) -> None:
    say(order.placed())
    with pytest.raises(IntegrityError, match="payment_operation_answered"), transaction():
        order.payment.operations.update(answered_at=None)
