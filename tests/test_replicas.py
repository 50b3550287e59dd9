"""Every replica of the shop is what the log tells, and can be made so while the shop is open."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from apps.invoices import gateway as invoices_gateway
from apps.orders.models import StockItem
from apps.payment import gateway as payment_gateway
from apps.payment.gateway.fake import FakeGateway
from apps.users.events import UserErased
from apps.users.models import User
from apps.users.usecases import accounts
from kernel.bus import personal
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.bus.rebuild import Rebuild
from kernel.bus.replicas import Replica, replicas
from kernel.bus.shadow import Counts
from kernel.bus.testing import in_order, twice_and_shuffled
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.kernel.bell import elsewhere
from tests.shop import Shop, ok

pytestmark = pytest.mark.django_db(transaction=True)
LAMP = new_id()
ANNA = {"email": "anna@example.com", "password": "correct horse battery", "name": "Anna Ek"}
BEN = {"email": "ben@example.com", "password": "correct horse battery", "name": "Ben Ek"}

Rows = list[dict[str, Any]]


@pytest.fixture(params=["in order", "twice and shuffled"])
def shop(
    request: pytest.FixtureRequest, client_for: Callable[..., APIClient], anyone: APIClient
) -> Iterator[Shop]:
    """A shop in which every kind of event that a replica hears was said, over the API."""
    courier = in_order if request.param == "in order" else twice_and_shuffled(seed=1)
    fake = FakeGateway()
    with (
        payment_gateway.installed(fake),
        invoices_gateway.installed(invoices_gateway.FakeDocumentStore()),
    ):
        shop = Shop(client_for, courier, fake)
        live(shop, anyone)
        yield shop


def live(shop: Shop, anyone: APIClient) -> None:
    lamp, rug, gone = (shop.product(stock=count) for count in (5, 3, 1))
    for price in (1200, 900):
        change(shop, rug, price)
    shop.flow()
    url = f"/api/v1/products/{gone}"
    ok(shop.admin.delete(url, headers={"If-Match": shop.admin.get(url)["ETag"]}))
    for person in (ANNA, BEN):
        ok(anyone.post("/api/v1/users", person))
    anna, ben = (User.objects.get(email=person["email"]) for person in (ANNA, BEN))
    with transaction():
        accounts.deactivate(user_id=anna.id, at=timezone.now())
        publish(UserErased(user_id=ben.id, version=2, occurred_at=timezone.now()))
        personal.erase(person_id=ben.id, at=timezone.now())
    shop.packed({lamp: 2, rug: 1})
    ok(shop.cancel(shop.confirmed({lamp: 1})))
    shop.flow()


def change(shop: Shop, product_id: uuid.UUID, price: int) -> None:
    url = f"/api/v1/products/{product_id}"
    body = {"price": {"amount": price, "currency": "EUR"}}
    ok(shop.admin.patch(url, body, headers={"If-Match": shop.admin.get(url)["ETag"]}))


def rows_of(replica: Replica) -> Rows:
    return list(replica.model._default_manager.order_by("pk").values())


def all_rows() -> dict[str, Rows]:
    return {replica.name: rows_of(replica) for replica in replicas()}


def damage(replica: Replica) -> None:
    """Take the first row away, spoil the second, and add one that no one told of."""
    first, second = replica.model._default_manager.order_by("pk")[:2]
    first.delete()
    replica.model._default_manager.filter(pk=second.pk).update(version=10_000)
    first.pk = new_id()
    first.save(force_insert=True)


def still(steps: int) -> None:
    """Show no progress."""


def test_every_replica_is_made_from_the_log_whatever_became_of_it(shop: Shop) -> None:
    before, log = all_rows(), OutboxEvent.objects.count()
    for replica in replicas():
        damage(replica)
    assert [name for name, rows in all_rows().items() if rows == before[name]] == []

    found = {replica.name: Rebuild(replica).mend(still).counts for replica in replicas()}

    assert all_rows() == before
    assert found == {
        name: Counts(rows=len(rows), missing=1, surplus=1, different=1)
        for name, rows in before.items()
    }
    assert OutboxEvent.objects.count() == log


@pytest.mark.parametrize("shop", ["in order"], indirect=True)
def test_every_replica_is_heard_again_without_a_change(shop: Shop) -> None:
    before, log = all_rows(), OutboxEvent.objects.count()
    for replica in replicas():
        for handler in replica.handlers:
            call_command(
                "bus", "replay", "--handler", handler.name, "--since", "2000-01-01T00:00Z", "--json"
            )

    assert (all_rows(), OutboxEvent.objects.count()) == (before, log)


@pytest.mark.parametrize("shop", ["in order"], indirect=True)
def test_a_replica_is_mended_while_the_shop_sells(shop: Shop) -> None:
    lamp = shop.product(stock=50)
    replica = next(found for found in replicas() if found.name == "orders.StockItem")
    damage(replica)
    sold: list[uuid.UUID] = []

    def sell() -> None:
        sold.append(shop.confirmed({lamp: 1}))

    def sell_one(steps: int) -> None:
        elsewhere(sell).join()

    counts = Rebuild(replica).mend(sell_one).counts

    assert (counts.missing, counts.surplus, counts.different) == (1, 1, 1)
    assert len(sold) >= 1
    assert [shop.states(order)["order"] for order in sold] == ["CONFIRMED"] * len(sold)
    assert StockItem.objects.get(product_id=lamp).free == 50 - len(sold)
    assert Rebuild(replica).compare(still).is_equal


class TestTheCommand:
    def test_lists_the_replicas_with_their_handlers_and_rows(self, capsys: Any) -> None:
        call_command("bus", "rebuild", "--json")

        listed = {row["replica"]: row for row in json.loads(capsys.readouterr().out)}
        assert listed["orders.StockItem"] == {
            "replica": "orders.StockItem",
            "rows": 0,
            "handlers": ["orders.remember_stock"],
        }
        assert list(listed) == [
            "audit.KnownUser",
            "delivery.Product",
            "invoices.KnownUser",
            "orders.CatalogueItem",
            "orders.StockItem",
            "products.Availability",
            "warehouse.Product",
        ]

    def test_tells_differences_without_values_unless_asked_for(self, capsys: Any) -> None:
        StockItem.objects.create(product_id=LAMP, version=1, free=77)
        told = []
        for arguments in (["--dry-run"], ["--dry-run", "--values"]):
            call_command("bus", "rebuild", "orders.StockItem", *arguments, "--json")
            told.append(json.loads(capsys.readouterr().out))

        bare, whole = told
        assert bare == {
            "replica": "orders.StockItem",
            "dry_run": True,
            "events": 0,
            "waiting": 0,
            "rows": 0,
            "missing": 0,
            "surplus": 1,
            "different": 0,
            "differences": [{"kind": "surplus", "key": str(LAMP), "columns": ["version", "free"]}],
        }
        assert whole["differences"] == [
            {
                "kind": "surplus",
                "key": str(LAMP),
                "known": {"version": 1, "free": 77},
                "told": {},
            }
        ]

    def test_says_in_words_what_it_did(self, capsys: Any) -> None:
        StockItem.objects.create(product_id=LAMP, version=1, free=77)
        call_command("bus", "rebuild", "orders.StockItem")
        said = capsys.readouterr().out

        assert said.splitlines()[-2:] == [
            "orders.StockItem: 0 events, 0 rows in the log.",
            "0 missing, 1 surplus, 0 different. Mended.",
        ]
        before, found, after = said.partition(str(LAMP))  # which has any digits
        assert (bool(found), "77" in before + after) == (True, False)

    def test_names_what_is_near_to_a_replica_that_is_none(self) -> None:
        with pytest.raises(CommandError) as refused:
            call_command("bus", "rebuild", "orders.StockItems")

        assert str(refused.value).startswith(
            "No replica is called 'orders.StockItems'. Did you mean orders.StockItem"
        )
