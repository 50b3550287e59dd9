"""Products that differ by their options alone."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from kernel.ids import new_id

NAME = r"^[a-z][a-z0-9_]{0,29}$"  # of an option, and of any attribute
MAX_NAME, MAX_OPTIONS = 30, 3


class Family(models.Model):
    """
    What products that differ only by size, colour and the like have in common.

    `options` names the attributes that tell them apart; they stay, since each product of the
    family is known by its values.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    description = models.TextField(max_length=10_000, blank=True)
    options = ArrayField(models.CharField(max_length=MAX_NAME), size=MAX_OPTIONS)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "families"
        constraints = (
            models.CheckConstraint(
                condition=Q(options__len__gte=1, options__len__lte=MAX_OPTIONS),
                name="products_family_options",
            ),
        )

    def __str__(self) -> str:
        return self.name
