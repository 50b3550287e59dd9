"""What a quote is made of: zones with their fees, and how large products are."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.validators import MaxValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import Q

from kernel.address import COUNTRIES
from kernel.ids import new_id

MAX_FEE = 10_000_000
BOX_VOLUME = 500**3  # cubic millimetres
BOX_WEIGHT = 12_000  # grams


def boxes_for(volume: int, weight: int) -> int:
    """
    Return how many boxes are needed: volume / (500 mm)³ or weight / 12 kg, the larger, rounded up.

    Volume is in cubic millimetres and weight in grams, each the sum over all units.
    """
    return max(-(-volume // BOX_VOLUME), -(-weight // BOX_WEIGHT))


class Zone(models.Model):
    """Countries with one fee for a box. The rest zone serves every country that has none."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=100, unique=True)
    fee_per_box = models.PositiveIntegerField(
        validators=[MaxValueValidator(MAX_FEE)],
        help_text="In minor units of the currency: 1250 is EUR 12.50.",
    )
    currency = models.CharField(
        max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")], help_text="ISO 4217."
    )
    is_rest = models.BooleanField(
        "serves the rest", default=False, help_text="Every country without a zone of its own."
    )

    countries: models.Manager[ZoneCountry]

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["is_rest"], condition=Q(is_rest=True), name="delivery_zone_one_rest"
            ),
            models.CheckConstraint(condition=Q(fee_per_box__lte=MAX_FEE), name="delivery_zone_fee"),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="delivery_zone_currency"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of_country(cls, country: str) -> Zone | None:
        """Return the country's zone, else the rest zone, else None."""
        zones = Zone.objects.filter(Q(countries__country=country) | Q(is_rest=True))
        return zones.order_by("is_rest").first()


class ZoneCountry(models.Model):
    """A country lies in one zone."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    zone = models.ForeignKey(Zone, on_delete=models.CASCADE, related_name="countries")
    country = models.CharField(
        max_length=2,
        unique=True,
        choices=[(code, code) for code in sorted(COUNTRIES)],
        help_text="ISO 3166-1 alpha-2.",
    )

    class Meta:
        verbose_name = "country"
        verbose_name_plural = "countries"
        constraints = (
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$"), name="delivery_zonecountry_code"
            ),
        )

    def __str__(self) -> str:
        return self.country


class Product(models.Model):
    """How large and heavy one packed unit is: a replica, filled from the catalogue's events."""

    id = models.UUIDField(primary_key=True)
    code = models.TextField(blank=True)
    width = models.PositiveIntegerField(default=0, help_text="In millimetres.")
    length = models.PositiveIntegerField(default=0, help_text="In millimetres.")
    height = models.PositiveIntegerField(default=0, help_text="In millimetres.")
    weight = models.PositiveIntegerField(default=0, help_text="In grams.")
    version = models.PositiveIntegerField()
    is_deleted = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.code or str(self.id)

    @classmethod
    def remember(
        cls,
        *,
        product_id: uuid.UUID,
        version: int,
        code: str,
        size: tuple[int, int, int],
        weight: int,
    ) -> None:
        """Take over a product's state, unless a newer one is known."""
        cls._upsert([product_id, code, *size, weight, version, False])

    @classmethod
    def forget(cls, *, product_id: uuid.UUID, version: int) -> None:
        """Note that a product is gone, unless something newer is known."""
        cls._upsert([product_id, "", 0, 0, 0, 0, version, True])

    @staticmethod
    def _upsert(values: list[Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO delivery_product
                    (id, code, width, length, height, weight, version, is_deleted)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
                ON CONFLICT (id) DO UPDATE SET code = excluded.code, width = excluded.width,
                    length = excluded.length, height = excluded.height,
                    weight = excluded.weight, version = excluded.version,
                    is_deleted = excluded.is_deleted
                WHERE delivery_product.version < excluded.version
                """,
                values,
            )
