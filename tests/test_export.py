"""A person asks for all that is held of them; each module answers for itself."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from apps.orders import events as orders_events
from apps.orders.usecases import export as orders_export
from apps.users import jobs
from apps.users.events import ExportRequested
from apps.users.models import Export
from apps.users.usecases import note_part
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.testing import published
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.shop import ADDRESS, Shop, ok
from tests.test_erasure import EMAIL, PERSONAL, erase, lamp, shop, tables_that_tell

__all__ = ["lamp", "shop"]
pytestmark = pytest.mark.django_db
EXPORTS = "/api/v1/users/me/exports"
Gathered = orders_events.PersonalDataGathered


def asked(shop: Shop) -> str:
    answer = shop.customer.post(EXPORTS)
    assert answer.status_code == 202
    return str(answer["Location"])


def test_is_gathered_from_every_module(shop: Shop, lamp: uuid.UUID) -> None:
    order_id = shop.packed({lamp: 2})
    shop.ship(order_id)
    shop.deliver(order_id)
    shop.flow()
    where = asked(shop)
    early = ok(shop.customer.get(where))
    assert (early["state"], early["data"]) == ("gathering", None)
    shop.flow()

    export = ok(shop.customer.get(where))
    data = export["data"]
    assert (export["state"], set(data)) == ("complete", {"users", "orders", "delivery", "invoices"})
    assert [each["email"] for each in data["users"]] == [EMAIL]
    (order,), (shipment,), (invoice, *told) = data["orders"], data["delivery"], data["invoices"]
    assert (order["id"], order["lines"][0]["quantity"]) == (str(order_id), 2)
    assert order["address"]["street_address"] == ADDRESS["street_address"]
    assert shipment["address"]["phone_number"] == ADDRESS["phone_number"]
    assert (invoice["buyer"]["email"], invoice["total"]) == (EMAIL, 2000)
    assert [(each["mail"], each["order_number"], each["state"]) for each in told] == [
        (kind, order["number"], "SENT") for kind in ("PLACED", "SHIPPED", "INVOICE")
    ]


def test_comes_in_parts(shop: Shop, lamp: uuid.UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    order_ids = {str(shop.order({lamp: 1})) for _ in range(3)}
    monkeypatch.setattr(orders_export, "PART", 2)
    where = asked(shop)
    shop.flow()
    parts = published(Gathered)
    assert [(each.part, each.parts) for each in parts] == [(1, 2), (2, 2)]  # type: ignore[attr-defined]
    assert {each["id"] for each in ok(shop.customer.get(where))["data"]["orders"]} == order_ids


def test_is_incomplete_while_a_part_is_missing_and_in_order_whichever_comes_last(
    shop: Shop,
) -> None:
    where = asked(shop)
    export_id = Export.objects.get().id

    def said(module: str, part: int, parts: int, *names: str) -> str:
        with transaction():
            rows = [{"id": name} for name in names]
            note_part(export_id=export_id, module=module, part=part, parts=parts, rows=rows)
        return str(ok(shop.customer.get(where))["state"])

    states = [said("delivery", 1, 1), said("invoices", 1, 1), said("orders", 2, 2, "b")]
    assert states == ["gathering"] * 3
    assert said("orders", 1, 2, "a") == "complete"
    assert ok(shop.customer.get(where))["data"]["orders"] == [{"id": "a"}, {"id": "b"}]


def test_lies_sealed_in_the_log(shop: Shop, lamp: uuid.UUID) -> None:
    shop.order({lamp: 1})
    asked(shop)
    shop.flow()
    log = str(list(OutboxEvent.objects.values_list("payload", flat=True)))
    assert [secret for secret in PERSONAL if secret in log] == []


def test_is_its_owners_alone(shop: Shop, client_for: Callable[..., APIClient]) -> None:
    where = asked(shop)
    shop.flow()
    for other in (client_for(), shop.support, shop.admin):
        assert other.get(where).json()["code"] == "export_not_found"


def test_is_asked_for_once_within_the_hour_and_kept_for_a_week(
    shop: Shop, client_for: Callable[..., APIClient]
) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        where = asked(shop)
        clock.shift(dt.timedelta(minutes=20))
        before = published()
        answer: Any = shop.customer.post(EXPORTS)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_exports")
        assert (answer["Retry-After"], published()) == ("2400", before)
        clock.shift(dt.timedelta(minutes=40))
        asked(shop)
        clock.move_to(start + dt.timedelta(days=7))
        later = client_for(user_id=shop.customer.user_id)  # type: ignore[attr-defined]
        assert later.get(where).json()["code"] == "export_not_found"
        jobs.forget_old_exports()
        assert Export.objects.count() == 1


def test_after_an_erasure_proves_that_nothing_is_left(shop: Shop, lamp: uuid.UUID) -> None:
    order_id = shop.packed({lamp: 1})
    shop.ship(order_id)
    shop.deliver(order_id)
    shop.flow()
    asked(shop)
    shop.flow()
    erase(shop)
    assert (Export.objects.count(), tables_that_tell()) == (0, ["invoices_invoice"])
    assert shop.customer.post(EXPORTS).json()["code"] == "user_not_found"

    with transaction():  # as if someone still could
        publish(
            ExportRequested(
                occurred_at=timezone.now(),
                export_id=new_id(),
                user_id=shop.customer.user_id,  # type: ignore[attr-defined]
            )
        )
    shop.flow()
    assert (Export.objects.count(), tables_that_tell()) == (0, ["invoices_invoice"])
    assert {each.rows for each in published(Gathered)} == {None}  # type: ignore[attr-defined]
