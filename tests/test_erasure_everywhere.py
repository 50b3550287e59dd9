"""After an erasure all is told again: from the log, the queues and the dead letters."""

from __future__ import annotations

import io
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.models import Record
from apps.invoices import gateway as invoices_gateway
from apps.payment import gateway as payment_gateway
from apps.payment.gateway.fake import FakeGateway
from apps.users.usecases import accounts
from ecommerce.celery import app, configuration
from kernel.bus import inbox
from kernel.bus.envelope import from_wire
from kernel.bus.history import Selection
from kernel.bus.models import OutboxEvent
from kernel.bus.relay import Relay, SqsCourier
from kernel.bus.replay import Replay, Tally
from kernel.bus.subscriptions import all_handlers
from kernel.bus.testing import in_order, published
from kernel.transactions import transaction
from tests.aws import Aws, aws, emulator
from tests.shop import ADDRESS, Shop, ok

__all__ = ["aws", "emulator"]
pytestmark = pytest.mark.django_db
EMAIL, PASSWORD = "ann@example.com", "correct horse battery"
NAMES = [name for name in settings.QUEUES if name != "bus"]
PERSONAL = (EMAIL, *(ADDRESS[name] for name in ("name", "street_address", "phone_number")))


@pytest.fixture
def queues(aws: Aws) -> Iterator[Aws]:
    """Give every module its queues, which the relay and this test reach over SQS's protocol."""
    with override_settings(QUEUES=(*NAMES, "bus")):
        for name in NAMES:
            aws.create_queue(name)
        app.conf.update(configuration())
        app.__dict__.pop("amqp", None)
        yield aws


@pytest.fixture
def shop(client_for: Callable[..., APIClient]) -> Iterator[Shop]:
    fake, store = FakeGateway(), invoices_gateway.FakeDocumentStore()
    with payment_gateway.installed(fake), invoices_gateway.installed(store):
        shop = Shop(client_for, in_order, fake)
        with transaction():
            accounts.register(
                user_id=shop.customer.user_id,  # type: ignore[attr-defined]
                email=EMAIL,
                password=PASSWORD,
                name=ADDRESS["name"],
                at=timezone.now(),
            )
        shop.flow()
        yield shop


def live(shop: Shop, staff: Client) -> uuid.UUID:
    """Log in rightly and wrongly, keep an address, ask what is kept, buy, be renamed by staff."""
    me = shop.customer.user_id  # type: ignore[attr-defined]
    for password in (PASSWORD, "wrong"):
        APIClient().post("/api/v1/auth/token", {"email": EMAIL, "password": password})
    saved = {"label": "home", "address": ADDRESS}
    ok(shop.customer.post("/api/v1/users/me/addresses", saved))
    ok(shop.customer.post("/api/v1/users/me/exports"))
    order_id = shop.packed({shop.product(stock=9): 1})
    shop.ship(order_id)
    shop.deliver(order_id)
    shop.flow()
    shop.refund(order_id, amount=100)
    form = {"name": f"{ADDRESS['name']} Jr.", "is_active": "on", "version": 1, "roles": []}
    form |= {"refresh_tokens-TOTAL_FORMS": 0, "refresh_tokens-INITIAL_FORMS": 0}
    assert staff.post(reverse("admin:users_user_change", args=[me]), form).status_code == 302
    shop.flow()
    return order_id


def erase(shop: Shop) -> None:
    me = "/api/v1/users/me"
    ok(shop.customer.delete(me, headers={"If-Match": shop.customer.get(me)["ETag"]}))
    shop.flow()


def tables_that_tell() -> list[str]:
    """Ask every row of every table, as text, whether it holds anything of the person."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT lower(t::text) FROM "{table}" AS t')
            rows = "\n".join(row for (row,) in cursor.fetchall())
            if any(secret.lower() in rows for secret in PERSONAL):
                found.append(table)
    return sorted(found)


def what_can_be_opened() -> list[tuple[str, str]]:
    """Return the personal fields of the log that some key still opens."""
    return [
        (event.name, field)
        for event in published()
        for field in event.personal_fields
        if getattr(event, field) is not None
    ]


def send_all_again() -> None:
    """Let the relay send the whole log to SQS, as if nothing had ever been sent."""
    OutboxEvent.objects.update(sent_at=None, next_try_at=None)
    while OutboxEvent.objects.filter(sent_at=None).exists():
        Relay(SqsCourier()).send_due(at=timezone.now())


def replay_all() -> dict[str, Tally]:
    """Let every handler hear the whole log again, as far as a replay does so unforced."""
    tallies = {}
    for handler in all_handlers():
        replay, tally = Replay.of(handler, Selection()), Tally()
        assert list(replay.run(tally, lambda _: None)) == []
        tallies[handler.name] = tally
    return tallies


def wire(body: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(json.loads(body)["body"])[0][0]
    return events


def test_what_is_told_again_tells_nothing_of_who_was_erased(
    shop: Shop, queues: Aws, admin_client: Client
) -> None:
    order_id = live(shop, admin_client)
    assert {"orders_order", "users_user"} < set(tables_that_tell())
    assert len(what_can_be_opened()) > 3
    send_all_again()  # and nobody takes it before the erasure
    bodies = {name: queues.bodies(name) for name in NAMES}
    for name in NAMES:  # half of what waits dies, and waits in the dead-letter queue
        for body in bodies[name][::2]:
            queues.send(f"{name}-dlq", body)

    erase(shop)

    dead = {name: queues.bodies(f"{name}-dlq") for name in NAMES}
    waiting = [body for each in (*bodies.values(), *dead.values()) for body in each]
    assert len(waiting) > 20
    assert [body for body in waiting if any(secret in body for secret in PERSONAL)] == []

    for name in NAMES:
        for body in (*bodies[name], *dead[name]):
            assert inbox.deliver(name, [from_wire(event) for event in wire(body)])
    tallies = replay_all()
    shop.flow()

    assert sum(tally.again for tally in tallies.values()) > 10
    assert tables_that_tell() == ["invoices_creditnote", "invoices_invoice"]
    assert what_can_be_opened() == []
    out = io.StringIO()
    call_command("audit", "verify", stdout=out, stderr=io.StringIO())
    assert out.getvalue().endswith("chains hold.\n")
    told = shop.support.get(f"/api/v1/audit/orders/{order_id}").json()
    assert (told["order"]["state"], told["payment"]["state"]) == ("FULFILLED", "REFUNDED")
    found = shop.support.get("/api/v1/audit/events", {"email": EMAIL}).json()
    assert found == {"results": [], "next": None}
    assert Record.objects.filter(person_id=shop.customer.user_id).count() > 5  # type: ignore[attr-defined]


def test_the_search_of_the_tables_finds_what_is_there(shop: Shop) -> None:
    assert "users_user" in tables_that_tell()
