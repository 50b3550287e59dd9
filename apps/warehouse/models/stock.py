"""The stock, its ledger, and the replica of products that names it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection, models
from django.db.models import F, Q

from kernel.ids import new_id


class Product(models.Model):
    """What the warehouse remembers of a product: a replica, filled from the catalogue's events."""

    id = models.UUIDField(primary_key=True)
    code = models.TextField(blank=True, db_index=True)
    name = models.TextField(blank=True)
    version = models.PositiveIntegerField()
    is_deleted = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.code or str(self.id)

    @classmethod
    def remember(cls, *, product_id: uuid.UUID, version: int, code: str, name: str) -> None:
        """Take over a product's state, unless a newer one is known."""
        cls._upsert([product_id, code, name, version, False])

    @classmethod
    def forget(cls, *, product_id: uuid.UUID, version: int) -> None:
        """Note that a product is gone, unless something newer is known."""
        cls._upsert([product_id, "", "", version, True])

    @staticmethod
    def _upsert(values: list[Any]) -> None:
        with connection.cursor() as cursor:
            # A tombstone keeps the words: stock that is left over still needs a name.
            cursor.execute(
                """
                INSERT INTO warehouse_product (id, code, name, version, is_deleted)
                VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT (id) DO UPDATE SET
                    code = COALESCE(NULLIF(excluded.code, ''), warehouse_product.code),
                    name = COALESCE(NULLIF(excluded.name, ''), warehouse_product.name),
                    version = excluded.version, is_deleted = excluded.is_deleted
                WHERE warehouse_product.version < excluded.version
                """,
                values,
            )


@dataclasses.dataclass(frozen=True)
class Change:
    """By how much one product's stock is to change."""

    product_id: uuid.UUID
    on_hand: int = 0
    reserved: int = 0


@dataclasses.dataclass(frozen=True)
class Level:
    """One product's stock after a change."""

    product_id: uuid.UUID
    version: int
    on_hand: int
    reserved: int

    @property
    def free(self) -> int:
        """What is on hand and not reserved."""
        return self.on_hand - self.reserved


class Stock(models.Model):
    """How many units of a product lie on the shelves, and how many of them are set aside."""

    product = models.OneToOneField(
        Product, on_delete=models.DO_NOTHING, primary_key=True, db_constraint=False
    )
    on_hand = models.PositiveBigIntegerField(default=0)
    reserved = models.PositiveBigIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "stock"
        constraints = (
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("on_hand")),
                name="warehouse_stock_no_oversell",
            ),
        )

    def __str__(self) -> str:
        return f"Stock of {self.product_id}"

    @classmethod
    def open(cls, product_id: uuid.UUID) -> Level | None:
        """Begin to count a product, at zero; None if it is being counted already."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO warehouse_stock (product_id, on_hand, reserved, version)
                VALUES (%s, 0, 0, 1) ON CONFLICT (product_id) DO NOTHING
                RETURNING product_id, version, on_hand, reserved
                """,
                [product_id],
            )
            row = cursor.fetchone()
        return Level(*row) if row else None

    @classmethod
    def lock(cls, product_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Stock]:
        """Lock these products' rows, in product order so that no two orders wait for each other."""
        rows = cls.objects.select_for_update().filter(product_id__in=list(product_ids))
        return {row.product_id: row for row in rows.order_by("product_id")}

    @classmethod
    def change(cls, changes: Iterable[Change]) -> list[Level]:
        """Change all these rows, which the caller has locked, in one statement."""
        rows = sorted(changes, key=lambda change: change.product_id)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE warehouse_stock AS stock
                SET on_hand = stock.on_hand + delta.on_hand,
                    reserved = stock.reserved + delta.reserved,
                    version = stock.version + 1
                FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[])
                    AS delta (product_id, on_hand, reserved)
                WHERE stock.product_id = delta.product_id
                RETURNING stock.product_id, stock.version, stock.on_hand, stock.reserved
                """,
                [
                    [row.product_id for row in rows],
                    [row.on_hand for row in rows],
                    [row.reserved for row in rows],
                ],
            )
            levels = [Level(*row) for row in cursor.fetchall()]
        return sorted(levels, key=lambda level: level.product_id)


class Movement(models.Model):
    """One entry of the ledger: a product's stock on hand is the sum of its entries."""

    class Kind(models.TextChoices):
        ADJUSTED = "ADJUSTED", "Adjusted by staff"
        PACKED = "PACKED", "Packed for an order"
        RETURNED = "RETURNED", "Taken back from an order"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False)
    delta = models.BigIntegerField(help_text="Units that came (positive) or went (negative).")
    kind = models.CharField(max_length=10, choices=Kind)
    reason = models.CharField(max_length=200, blank=True, help_text="Why staff adjusted it.")
    order_id = models.UUIDField(null=True, blank=True, db_index=True)
    actor = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=(Q(kind="ADJUSTED", order_id=None) & ~Q(delta=0))
                | Q(kind="PACKED", order_id__isnull=False, delta__lt=0)
                | Q(kind="RETURNED", order_id__isnull=False, delta__gt=0),
                name="warehouse_movement_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.delta:+d} of {self.product_id}"
