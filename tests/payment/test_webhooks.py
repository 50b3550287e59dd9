"""What gateways tell over HTTP: who is believed, and what follows from it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from apps.payment.gateway import FakeGateway, Payment3P, Unknown, UntrustedWebhook, Wish
from apps.payment.gateway.fake import SILENT_CARDS, WEBHOOK_SECRET
from apps.payment.gateway.webhooks import SIGNATURE, TIMESTAMP, sign
from apps.payment.jobs import settle_open_wishes
from apps.payment.models import Operation
from kernel.bus import inbox
from kernel.bus.testing import newly_sent
from tests.conftest import NOON
from tests.payment.scenes import (
    OUTSIDE,
    Order,
    assert_books_agree,
    flow,
    money,
    names,
    publish_all,
    say,
)

pytestmark = pytest.mark.django_db
PATH = "/api/v1/payments/webhooks/payment_3p"


@pytest.fixture
def silent(fake: FakeGateway) -> Order:
    """Return an order whose authorization was done, and nobody heard so."""
    order = Order(fake, card=next(iter(SILENT_CARDS)))
    with time_machine.travel(NOON, tick=False):
        publish_all(order.placed())
        for queue, envelope in newly_sent():
            if queue == OUTSIDE:
                assert not inbox.deliver(queue, [envelope])
    assert order.payment.operations.get().state == Operation.State.WISHED
    return order


def hear(fake: FakeGateway, wish: Wish, *, at: dt.datetime, **changed: Any) -> Any:
    body, headers = fake.webhook(wish, at=at)
    with time_machine.travel(at, tick=False):
        return APIClient().generic(
            "POST",
            changed.pop("path", PATH),
            changed.pop("body", body),
            content_type="application/json",
            headers={**headers, **changed},
        )


def later(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def watch(at: dt.datetime) -> None:
    with time_machine.travel(at, tick=False):
        settle_open_wishes()
        flow()


def test_a_webhook_lets_the_gateway_soon_be_asked_what_it_did(
    fake: FakeGateway, silent: Order
) -> None:
    [wish] = fake.calls
    fake.call = lambda _: Unknown("still silent")  # type: ignore[method-assign]
    for minute in (2, 5, 11, 23):  # the watch asks ever more rarely
        watch(later(minute * 60))
    del fake.call  # type: ignore[method-assign]
    watch(later(24 * 60))
    assert silent.payment.state == "PENDING"

    assert hear(fake, wish, at=later(24 * 60)).status_code == 204
    watch(later(25 * 60))

    assert money(silent.payment) == ("AUTHORIZED", 1_000, 0, 0)
    assert names() == ["authorized"]
    assert_books_agree(silent, fake)


def test_a_webhook_before_the_answer_waits_for_it(fake: FakeGateway, silent: Order) -> None:
    [wish] = fake.calls
    hear(fake, wish, at=later(1))

    watch(later(2))
    assert len(fake.calls) == 1
    watch(later(9))
    assert len(fake.calls) == 2
    assert money(silent.payment) == ("AUTHORIZED", 1_000, 0, 0)


def test_a_webhook_never_puts_off_what_would_be_asked_sooner(
    fake: FakeGateway, silent: Order
) -> None:
    [wish] = fake.calls
    before = silent.payment.operations.get().next_ask_at

    hear(fake, wish, at=before + dt.timedelta(seconds=30))

    assert silent.payment.operations.get().next_ask_at == before


def test_a_webhook_of_what_is_answered_changes_nothing(fake: FakeGateway, order: Order) -> None:
    say(order.placed())
    [wish] = fake.calls
    before = vars(order.payment.operations.get())

    assert [hear(fake, wish, at=later(n)).status_code for n in (1, 1, 900)] == [204] * 3

    assert {**vars(order.payment.operations.get()), "_state": 0} == {**before, "_state": 0}


@pytest.mark.parametrize(
    "changed",
    [
        {SIGNATURE: "sha256=0"},
        {SIGNATURE: ""},
        {SIGNATURE: "é"},
        {TIMESTAMP: "0"},
        {TIMESTAMP: "soon"},
        {"body": b"{}"},
        {"path": "/api/v1/payments/webhooks/nobody"},
    ],
    ids=str,
)
def test_whoever_is_not_the_gateway_is_refused(
    fake: FakeGateway, silent: Order, changed: dict[str, Any]
) -> None:
    [wish] = fake.calls
    before = silent.payment.operations.get().next_ask_at

    answer = hear(fake, wish, at=later(9), **changed)

    assert (answer.status_code, answer.json()["code"]) == (401, "untrusted_webhook")
    assert silent.payment.operations.get().next_ask_at == before


def test_a_copy_that_was_kept_is_refused_later(fake: FakeGateway, silent: Order) -> None:
    [wish] = fake.calls
    body, headers = fake.webhook(wish, at=NOON)
    with time_machine.travel(later(301), tick=False):
        answer = APIClient().generic(
            "POST", PATH, body, content_type="application/json", headers=headers
        )

    assert answer.json()["code"] == "untrusted_webhook"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"reference": 7}', b'{"reference": "x"}'])
def test_what_speaks_of_no_wish_is_acknowledged(fake: FakeGateway, body: bytes) -> None:
    with time_machine.travel(NOON, tick=False):
        answer = APIClient().generic(
            "POST",
            PATH,
            body,
            content_type="application/json",
            headers=sign(body, secret=WEBHOOK_SECRET, at=NOON),
        )

    assert answer.status_code == 204


def test_without_a_secret_nobody_is_believed() -> None:
    gateway = Payment3P("http://127.0.0.1:9", api_key="x")
    with pytest.raises(UntrustedWebhook):
        gateway.read_webhook(b"{}", sign(b"{}", secret="", at=NOON), at=NOON)
    gateway.close()
