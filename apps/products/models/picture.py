"""Pictures, in the order in which they are shown."""

from __future__ import annotations

from django.db import models

from apps.products.models.product import Product
from kernel.ids import new_id


class Picture(models.Model):
    """A picture of a product; its file is named by the hash of its content."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="pictures")
    key = models.CharField(max_length=100, help_text="In the bucket of pictures.")
    width = models.PositiveIntegerField(help_text="Pixels.")
    height = models.PositiveIntegerField(help_text="Pixels.")
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ("product", "position")
        constraints = (
            models.UniqueConstraint(fields=["product", "key"], name="products_picture_once"),
            models.UniqueConstraint(fields=["product", "position"], name="products_picture_place"),
        )

    def __str__(self) -> str:
        return self.key
