"""What the warehouse says is free."""

from __future__ import annotations

import uuid

from django.db import connection, models


class Availability(models.Model):
    """What products remembers of the stock; a change of it is no new version of the product."""

    product_id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField()
    free = models.IntegerField(help_text="On hand and not reserved.")

    class Meta:
        verbose_name_plural = "availability"

    def __str__(self) -> str:
        return f"{self.product_id}: {self.free}"

    @classmethod
    def note(cls, *, product_id: uuid.UUID, version: int, free: int) -> None:
        """Remember the stock of a product, unless something newer is known."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO products_availability AS known (product_id, version, free)
                VALUES (%s, %s, %s)
                ON CONFLICT (product_id) DO UPDATE
                    SET version = excluded.version, free = excluded.free
                    WHERE known.version < excluded.version
                """,
                [product_id, version, free],
            )
