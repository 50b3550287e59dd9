"""Pictures, in the order in which they are shown."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import Q

from apps.products.models.product import Product
from kernel.ids import new_id

MAX_ALT_TEXT = 300


class Picture(models.Model):
    """
    A picture of a product, from being announced to being shown or refused.

    Its files are named by the hash of what was uploaded. Where one stands is told by `position`;
    numbers may be left out.
    """

    class State(models.TextChoices):
        AWAITING = "AWAITING", "Nothing was uploaded yet, as far as we were told"
        PROCESSING = "PROCESSING", "Uploaded, and looked at"
        READY = "READY", "Shown"
        REFUSED = "REFUSED", "Uploaded, and no fit picture"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pictures")
    state = models.CharField(max_length=10, choices=State, default=State.AWAITING)
    content_type = models.CharField(max_length=20, blank=True, help_text="As announced.")
    alt_text = models.CharField(max_length=MAX_ALT_TEXT, blank=True)
    position = models.PositiveIntegerField()
    sizes = models.JSONField(
        default=list, blank=True, help_text="Key, width and height of each, smallest first."
    )
    reason = models.CharField(max_length=40, blank=True, help_text="Why it was refused.")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ("product", "position", "id")
        indexes = (
            models.Index(fields=["product", "position", "id"], name="products_picture_place"),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state__in=["AWAITING", "PROCESSING", "READY", "REFUSED"]),
                name="products_picture_state",
            ),
            models.CheckConstraint(
                condition=Q(state="READY") ^ Q(sizes=[]), name="products_picture_sizes"
            ),
            models.CheckConstraint(
                condition=Q(state="REFUSED") ^ Q(reason=""), name="products_picture_reason"
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"

    @property
    def upload_key(self) -> str:
        """The name of the file that is uploaded for it."""
        return f"pictures/{self.id}"

    def look_at(self) -> bool:
        """Note that it was uploaded; return whether that is new."""
        if self.state != self.State.AWAITING:
            return False
        self.state = self.State.PROCESSING
        self.save(update_fields=["state"])
        return True

    def show(self, sizes: list[dict[str, Any]]) -> None:
        """Show it in these sizes."""
        self.state, self.sizes = self.State.READY, sizes
        self.save(update_fields=["state", "sizes"])

    def refuse(self, reason: str) -> None:
        """Refuse it, for a reason that is told as a code."""
        self.state, self.reason = self.State.REFUSED, reason
        self.save(update_fields=["state", "reason"])

    @classmethod
    def forget_old(cls, *, before: dt.datetime) -> None:
        """Delete those of which nothing came."""
        cls.objects.filter(
            state__in=[cls.State.AWAITING, cls.State.REFUSED], created_at__lt=before
        ).delete()
