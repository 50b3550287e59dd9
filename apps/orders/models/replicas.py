"""What orders remembers of other modules' things; they own the truth."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import connection, models
from django.db.models import OuterRef, Q, Subquery

from apps.orders.models.taxes import TaxClass
from kernel.money import Money


class CatalogueItem(models.Model):
    """A product as the catalogue last told it; one that is gone stays as a tombstone."""

    product_id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    code = models.TextField(blank=True)
    name = models.TextField(blank=True)
    price = models.BigIntegerField(help_text="In minor units.")
    currency = models.CharField(max_length=3, blank=True)
    tax_class = models.CharField(
        max_length=10, default=TaxClass.STANDARD, db_default=TaxClass.STANDARD
    )
    is_active = models.BooleanField()
    is_deleted = models.BooleanField(default=False)

    free: int | None  # of `wanted`

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(price__gte=0), name="orders_catalogue_price"),
            models.CheckConstraint(
                condition=Q(is_deleted=False) | Q(is_active=False), name="orders_catalogue_deleted"
            ),
        )

    def __str__(self) -> str:
        return self.code or str(self.product_id)

    @classmethod
    def wanted(cls, product_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, CatalogueItem]:
        """Return those of the products that are for sale; `free` is what the stock shows."""
        stock = StockItem.objects.filter(product_id=OuterRef("product_id"))
        items = cls.objects.filter(product_id__in=list(product_ids), is_active=True)
        return {
            item.product_id: item for item in items.annotate(free=Subquery(stock.values("free")))
        }

    @classmethod
    def remember(
        cls,
        *,
        product_id: uuid.UUID,
        version: int,
        code: str,
        name: str,
        price: Money,
        is_active: bool,
        tax_class: str,
    ) -> None:
        """Take over a product's state, unless this or a newer one is known."""
        price_and_class = (price.amount, price.currency, tax_class)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orders_catalogueitem AS known
                    (product_id, version, code, name, price, currency, tax_class, is_active,
                     is_deleted)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, false)
                ON CONFLICT (product_id) DO UPDATE SET version = excluded.version,
                    code = excluded.code, name = excluded.name, price = excluded.price,
                    currency = excluded.currency, tax_class = excluded.tax_class,
                    is_active = excluded.is_active, is_deleted = false
                WHERE known.version < excluded.version
                """,
                [product_id, version, code, name, *price_and_class, is_active],
            )

    @classmethod
    def forget(cls, *, product_id: uuid.UUID, version: int) -> None:
        """Note that a product is gone, unless something newer is known."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orders_catalogueitem AS known
                    (product_id, version, code, name, price, currency, tax_class, is_active,
                     is_deleted)
                VALUES (%s, %s, '', '', 0, '', 'standard', false, true)
                ON CONFLICT (product_id) DO UPDATE SET version = excluded.version,
                    is_active = false, is_deleted = true
                WHERE known.version < excluded.version
                """,
                [product_id, version],
            )


class StockItem(models.Model):
    """How many units of a product were free when the warehouse last said so."""

    product_id = models.UUIDField(primary_key=True)
    version = models.PositiveIntegerField()
    free = models.IntegerField()

    class Meta:
        constraints = (models.CheckConstraint(condition=Q(free__gte=0), name="orders_stock_free"),)

    def __str__(self) -> str:
        return str(self.product_id)

    @classmethod
    def remember(cls, *, product_id: uuid.UUID, version: int, free: int) -> None:
        """Take over a product's stock, unless this or a newer one is known."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO orders_stockitem AS known (product_id, version, free)
                VALUES (%s, %s, %s)
                ON CONFLICT (product_id) DO UPDATE
                SET version = excluded.version, free = excluded.free
                WHERE known.version < excluded.version
                """,
                [product_id, version, free],
            )
