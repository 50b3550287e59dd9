"""Coupons, and the orders that have used them."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.orders.models.amounts import percent_of
from apps.orders.models.order import Order
from kernel.ids import new_id
from kernel.money import MAX_AMOUNT

CODE = r"^[A-Z0-9][A-Z0-9_-]{2,39}$"


class Coupon(models.Model):
    """A code that takes something off an order."""

    class Kind(models.TextChoices):
        """What it takes off."""

        PERCENT = "percent", "Percent of the goods"
        AMOUNT = "amount", "An amount of the goods"
        FREE_DELIVERY = "free_delivery", "The price of the delivery"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.CharField(
        max_length=40,
        unique=True,
        validators=[RegexValidator(CODE)],
        help_text="In upper case; customers may write it as they like.",
    )
    kind = models.CharField(max_length=20, choices=Kind)
    percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(100)],
        help_text="Of a coupon over percent.",
    )
    amount = models.BigIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_AMOUNT)],
        help_text="Of a coupon over an amount, in minor units.",
    )
    minimum = models.BigIntegerField(
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_AMOUNT)],
        help_text="What the goods must cost at least, in minor units.",
    )
    currency = models.CharField(
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"^[A-Z]{3}$")],
        help_text="Of amount and minimum.",
    )
    valid_from = models.DateTimeField(default=timezone.now)
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Empty: for ever.")
    limit = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many orders may use it. Empty: any number."
    )
    limit_per_customer = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many of one customer. Empty: any number."
    )
    used = models.PositiveIntegerField(default=0, editable=False)
    is_active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    used_by_customer: int  # of `find`

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(code__regex=CODE), name="orders_coupon_code"),
            models.CheckConstraint(
                condition=Q(kind="percent", percent__isnull=False, amount=None)
                | Q(kind="amount", amount__isnull=False, percent=None)
                | Q(kind="free_delivery", percent=None, amount=None),
                name="orders_coupon_value",
                violation_error_message="A coupon has the value of its kind and no other.",
            ),
            models.CheckConstraint(
                condition=Q(amount=None, minimum=0) | Q(currency__regex=r"^[A-Z]{3}$"),
                name="orders_coupon_currency",
                violation_error_message="An amount and a minimum have a currency.",
            ),
            models.CheckConstraint(
                condition=Q(percent=None) | Q(percent__gt=0, percent__lte=100),
                name="orders_coupon_percent",
            ),
            models.CheckConstraint(
                condition=Q(amount=None) | Q(amount__gt=0, amount__lte=MAX_AMOUNT),
                name="orders_coupon_amount",
            ),
            models.CheckConstraint(condition=Q(minimum__gte=0), name="orders_coupon_minimum"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                name="orders_coupon_validity",
                violation_error_message="A coupon is valid until a time after it begins to be.",
            ),
            models.CheckConstraint(
                condition=Q(limit=None) | Q(used__lte=F("limit")),
                name="orders_coupon_limit",
                violation_error_message="The coupon has been used more often than that.",
            ),
        )

    def __str__(self) -> str:
        return self.code

    @classmethod
    def find(cls, code: str, *, customer_id: uuid.UUID | None) -> Coupon | None:
        """Return the coupon, and how often this customer has used it; nobody locks it."""
        if not is_code(code):
            return None
        mine = CouponUse.objects.filter(coupon=OuterRef("id"), returned_at=None)
        mine = mine.filter(customer_id=customer_id) if customer_id else mine.none()
        uses = mine.order_by().values("coupon").annotate(count=Count("*")).values("count")
        counted = cls.objects.annotate(used_by_customer=Coalesce(Subquery(uses), 0))
        coupon: Coupon | None = counted.filter(code=normal(code)).first()
        return coupon

    def goods_discount(self, subtotal: int) -> int:
        """Return what it takes off goods that cost so much; never more than all."""
        if self.percent is not None:
            return percent_of(subtotal, self.percent)
        return min(self.amount or 0, subtotal)

    def delivery_discount(self, delivery_price: int) -> int:
        """Return what it takes off the delivery's price: all or nothing."""
        return delivery_price if self.kind == self.Kind.FREE_DELIVERY else 0

    def take(self) -> bool:
        """
        Count a use, unless the limit is reached; return whether it was counted.

        The coupon stays locked until the transaction ends: whoever comes next waits, and then
        sees the use. An UPDATE with its condition can't count past the limit.
        """
        left = Q(limit=None) | Q(used__lt=F("limit"))
        taken = Coupon.objects.filter(left, id=self.id).update(used=F("used") + 1)
        return taken == 1


class CouponUse(models.Model):
    """That an order has used a coupon; one that came to nothing has given it back."""

    order = models.OneToOneField(
        Order, on_delete=models.CASCADE, primary_key=True, related_name="coupon_use"
    )
    coupon = models.ForeignKey(
        Coupon, on_delete=models.PROTECT, related_name="uses", db_index=False
    )
    customer_id = models.UUIDField(null=True, help_text="Empty for a guest.")
    amount = models.BigIntegerField(help_text="What it took off when placed, in minor units.")
    used_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True, help_text="When the order came to nothing.")

    class Meta:
        db_table = "orders_coupon_use"
        indexes = (
            models.Index(fields=["coupon", "-order"], name="orders_coupon_use_of_coupon"),
            models.Index(
                fields=["coupon", "customer_id"],
                name="orders_coupon_use_of_customer",
                condition=Q(returned_at=None),
            ),
        )
        constraints = (
            models.CheckConstraint(condition=Q(amount__gte=0), name="orders_coupon_use_amount"),
        )

    def __str__(self) -> str:
        return f"{self.coupon_id} by {self.order_id}"

    @classmethod
    def give_back(cls, order_id: uuid.UUID, *, at: dt.datetime) -> None:
        """Let another order have the use that this one had, if it had one; twice is once."""
        uses = cls.objects.filter(order=order_id, returned_at=None)
        if uses.update(returned_at=at):
            Coupon.objects.filter(uses__order=order_id).update(used=F("used") - 1)


def is_code(text: str) -> bool:
    """Say whether a coupon could have this code, however it is written."""
    return bool(re.fullmatch(CODE, normal(text)))


def normal(code: str) -> str:
    """Write a code as it is kept, however the customer wrote it."""
    return code.strip().upper()
