"""What someone means to buy, and what they were last shown of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import NamedTuple

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from apps.orders.models.order import Order
from apps.orders.models.replicas import CatalogueItem
from kernel.ids import new_id

MAX_LINES, MAX_QUANTITY = 100, 999


class Holder(NamedTuple):
    """Whose cart it is: a customer's, or that of the guest whom a token names."""

    id: uuid.UUID
    is_guest: bool


class Offer(NamedTuple):
    """What a product costs and how many there are; no price if it isn't for sale."""

    price: int | None
    currency: str
    free: int | None  # None if the warehouse hasn't said

    @classmethod
    def of(cls, item: CatalogueItem | None) -> Offer:
        """Return today's offer."""
        return cls(item.price, item.currency, item.free) if item else cls(None, "", None)

    def has(self, quantity: int) -> bool:
        """Say whether so many can be had."""
        return self.price is not None and (self.free is None or self.free >= quantity)


class Cart(models.Model):
    """What someone means to buy; it is turned into an order at most once."""

    class State(models.TextChoices):
        """What became of a cart."""

        OPEN = "OPEN", "Open"
        ORDERED = "ORDERED", "Ordered"
        MERGED = "MERGED", "Merged into a customer's"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    holder_id = models.UUIDField(help_text="The customer's id, or what a guest's token names.")
    is_guest = models.BooleanField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    coupon_code = models.CharField(max_length=40, blank=True)
    order = models.OneToOneField(
        Order, on_delete=models.CASCADE, null=True, related_name="cart", help_text="What it became."
    )
    # It grows from one cart of a holder to the next: a version names one state of all of them.
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["holder_id"], condition=Q(state="OPEN"), name="orders_cart_one_open"
            ),
            models.CheckConstraint(
                condition=Q(state="ORDERED", order__isnull=False)
                | Q(state__in=["OPEN", "MERGED"], order=None),
                name="orders_cart_state",
            ),
        )
        indexes = (
            models.Index(fields=["holder_id", "-version"], name="orders_cart_holder"),
            models.Index(fields=["is_guest", "updated_at"], name="orders_cart_stale"),
        )

    def __str__(self) -> str:
        return str(self.id)

    @classmethod
    def latest(cls, holder: Holder) -> Cart | None:
        """Return the holder's last cart, be it open or not."""
        return cls.objects.filter(holder_id=holder.id).order_by("-version").first()

    @classmethod
    def locked(cls, holder: Holder) -> Cart | None:
        """Return the same; nobody else changes it before the transaction ends."""
        carts = cls.objects.select_for_update().filter(holder_id=holder.id)
        return carts.order_by("-version").first()

    @classmethod
    def open(cls, holder: Holder, *, after: int, at: dt.datetime) -> uuid.UUID:
        """Begin a cart, unless somebody just did; return the id that it has, or would have."""
        cart = Cart(
            holder_id=holder.id,
            is_guest=holder.is_guest,
            version=after + 1,
            created_at=at,
            updated_at=at,
        )
        Cart.objects.bulk_create([cart], ignore_conflicts=True)
        return cart.id

    @cached_property
    def all_lines(self) -> list[CartLine]:
        """The lines, the first that was put in first."""
        return list(self.lines.order_by("id"))

    @property
    def is_open(self) -> bool:
        """Whether it can be changed and ordered."""
        return self.state == self.State.OPEN

    def touch(self, at: dt.datetime) -> None:
        """Note that something in it is another now."""
        self.version, self.updated_at = self.version + 1, at
        self.__dict__.pop("all_lines", None)
        self.save(update_fields=["version", "updated_at", "state", "order", "coupon_code"])

    def become(self, order: Order, at: dt.datetime) -> None:
        """Note which order it was turned into."""
        self.state, self.order = self.State.ORDERED, order
        self.touch(at)

    def merge_away(self, at: dt.datetime) -> None:
        """Note that its lines are in another cart now."""
        self.state = self.State.MERGED
        self.touch(at)


class CartLine(models.Model):
    """One product in a cart, with the offer that its holder was last shown."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines", db_index=False)
    product_id = models.UUIDField()
    code = models.TextField()
    name = models.TextField()
    quantity = models.PositiveSmallIntegerField()
    seen_price = models.BigIntegerField(
        null=True, help_text="In minor units; empty if it was shown as not for sale."
    )
    seen_currency = models.CharField(max_length=3, blank=True)
    seen_free = models.IntegerField(null=True, help_text="Empty if nothing was known.")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["cart", "product_id"], name="orders_cartline_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY),
                name="orders_cartline_quantity",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} of {self.code}"

    @property
    def seen(self) -> Offer:
        """What was last shown of the product."""
        return Offer(self.seen_price, self.seen_currency, self.seen_free)

    @seen.setter
    def seen(self, offer: Offer) -> None:
        self.seen_price, self.seen_currency, self.seen_free = offer
