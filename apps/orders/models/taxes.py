"""What each country takes of what is sold there."""

from __future__ import annotations

from collections.abc import Mapping

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from kernel.ids import new_id


class TaxClass(models.TextChoices):
    """Which of a country's rates a product has, as products tells it."""

    STANDARD = "standard", "Standard"
    REDUCED = "reduced", "Reduced"
    ZERO = "zero", "Zero"


class TaxRate(models.Model):
    """A country's rate for a class of products; where there is no row there is no tax."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    country = models.CharField(
        max_length=2, validators=[RegexValidator(r"^[A-Z]{2}$")], help_text="ISO 3166-1 alpha-2."
    )
    tax_class = models.CharField(max_length=10, choices=TaxClass)
    name = models.CharField(max_length=40, default="VAT", help_text="As it is printed.")
    percent = models.DecimalField(
        max_digits=5, decimal_places=3, validators=[MinValueValidator(0), MaxValueValidator(99)]
    )
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["country", "tax_class"], name="orders_taxrate_once"),
            models.CheckConstraint(
                condition=Q(country__regex=r"^[A-Z]{2}$", tax_class__in=TaxClass.values),
                name="orders_taxrate_of",
            ),
            models.CheckConstraint(condition=Q(percent__gte=0), name="orders_taxrate_percent"),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.percent.normalize():f} % ({self.country}, {self.tax_class})"

    @classmethod
    def in_country(cls, country: str | None) -> Rates:
        """Return a country's rates by class; none where the country isn't known yet."""
        rows = cls.objects.filter(country=country) if country else ()
        return {row.tax_class: row for row in rows}


Rates = Mapping[str, TaxRate]


def rate_for(rates: Rates, tax_class: str) -> TaxRate | None:
    """Return the rate of a class; a country without a reduced rate takes its standard rate."""
    rate = rates.get(tax_class)
    if rate is None and tax_class == TaxClass.REDUCED:
        return rates.get(TaxClass.STANDARD)
    return rate
