"""What orders remembers of products and stock, in whichever order it hears of it."""

from __future__ import annotations

import pytest

from apps.orders.models import CatalogueItem, StockItem
from apps.products.events import ProductCreated, ProductDeleted, ProductUpdated
from kernel.bus.testing import twice_and_shuffled
from kernel.ids import new_id
from kernel.money import Money
from tests.orders.scenes import NOON, product_state, stock_level, tell

pytestmark = pytest.mark.django_db

LAMP = new_id()
OLD = product_state(code="LAMP")
NEW = product_state(
    code="LAMP-2",
    price=Money(amount=1200, currency="EUR"),
    is_active=False,
    tax_class="reduced",
)
CREATED = ProductCreated(occurred_at=NOON, product_id=LAMP, version=1, product=OLD)
UPDATED = ProductUpdated(
    occurred_at=NOON, product_id=LAMP, version=2, old=OLD, new=NEW, changed=("code", "price")
)
DELETED = ProductDeleted(occurred_at=NOON, product_id=LAMP, version=3)


def known() -> dict[str, object]:
    row = CatalogueItem.objects.filter(product_id=LAMP).values().get()
    del row["product_id"]
    return row


class TestTheCatalogue:
    def test_holds_what_was_told_last(self) -> None:
        tell(CREATED)
        assert known() == {
            "version": 1,
            "code": "LAMP",
            "name": "Lamp",
            "price": 1000,
            "currency": "EUR",
            "tax_class": "standard",
            "is_active": True,
            "is_deleted": False,
        }
        tell(UPDATED)
        assert known() == {
            "version": 2,
            "code": "LAMP-2",
            "name": "Lamp",
            "price": 1200,
            "currency": "EUR",
            "tax_class": "reduced",
            "is_active": False,
            "is_deleted": False,
        }

    def test_is_not_changed_by_an_older_update_that_comes_late(self) -> None:
        tell(UPDATED)
        newest = known()

        tell(CREATED)

        assert known() == newest

    def test_is_not_changed_by_a_create_after_its_delete(self) -> None:
        tell(DELETED)
        tombstone = known()

        tell(CREATED, UPDATED)

        assert known() == tombstone
        assert (tombstone["is_deleted"], tombstone["is_active"]) == (True, False)

    @pytest.mark.parametrize("seed", range(6))
    def test_ends_with_the_tombstone_in_any_order(self, seed: int) -> None:
        tell(CREATED, UPDATED, DELETED, courier=twice_and_shuffled(seed))

        item = CatalogueItem.objects.get(product_id=LAMP)
        assert (item.version, item.is_deleted, item.is_active) == (3, True, False)


@pytest.mark.parametrize("seed", range(6))
def test_the_stock_is_the_newest_in_any_order(seed: int) -> None:
    levels = [stock_level(LAMP, free, version) for version, free in ((1, 5), (2, 3), (3, 9))]

    tell(*levels, courier=twice_and_shuffled(seed))

    assert StockItem.objects.filter(product_id=LAMP).values().get() == {
        "product_id": LAMP,
        "version": 3,
        "free": 9,
    }
