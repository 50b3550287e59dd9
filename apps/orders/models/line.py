"""A line of an order."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from apps.orders import events
from apps.orders.models import amounts


class OrderLine(models.Model):
    """One product in an order, at the price agreed."""

    order = models.ForeignKey(
        "orders.Order", on_delete=models.CASCADE, related_name="lines", db_index=False
    )
    product_id = models.UUIDField()
    code = models.TextField()
    name = models.TextField()
    ordered_quantity = models.PositiveIntegerField()
    quantity = models.PositiveIntegerField(help_text="What was really packed, once it was.")
    unit_price = models.BigIntegerField(help_text="In minor units, before any discount.")
    discount = models.BigIntegerField(
        default=0, db_default=0, help_text="Of the whole line, in minor units."
    )
    tax = models.BigIntegerField(
        default=0, db_default=0, help_text="On what is paid for the line, in minor units."
    )
    tax_name = models.CharField(max_length=40, blank=True, default="", db_default="")
    tax_rate = models.DecimalField(max_digits=5, decimal_places=3, null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["order", "product_id"], name="orders_line_once"),
            models.CheckConstraint(
                condition=Q(ordered_quantity__gte=1, quantity__lte=F("ordered_quantity")),
                name="orders_line_quantity",
            ),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="orders_line_price"),
            models.CheckConstraint(
                condition=Q(discount__gte=0, discount__lte=F("quantity") * F("unit_price")),
                name="orders_line_discount",
            ),
            models.CheckConstraint(condition=Q(tax__gte=0), name="orders_line_tax"),
        )

    def __str__(self) -> str:
        return f"{self.quantity} of {self.code}"

    @property
    def price(self) -> int:
        """What the line costs before any discount, in minor units."""
        return self.quantity * self.unit_price

    @property
    def part(self) -> amounts.Part:
        """What is paid for the line, and the tax on that."""
        return amounts.Part(self.price - self.discount, self.tax, self.tax_name, self.tax_rate)

    def pack(self, quantity: int, *, is_contained: bool) -> None:
        """Lower the quantity; what is paid for it is lowered in proportion, never raised."""
        if quantity == self.quantity:
            return
        paid = amounts.ratio(self.part.paid, quantity, self.quantity)
        self.quantity = quantity
        self.discount = self.price - paid
        self.tax = amounts.tax_on(paid, self.tax_rate, is_contained=is_contained)

    @property
    def agreed(self) -> events.OrderLine:
        """The line as it is told to others."""
        return events.OrderLine(
            product_id=self.product_id,
            code=self.code,
            name=self.name,
            quantity=self.quantity,
            unit_price=self.unit_price,
            discount=self.discount,
            tax=self.tax,
            tax_rate_percent=amounts.rate_text(self.tax_rate),
        )
