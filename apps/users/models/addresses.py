"""The address book."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.users.models.accounts import User
from kernel.ids import new_id


class SavedAddress(models.Model):
    """An address that an account's owner keeps; at most one is the default of each kind."""

    MOST: ClassVar[int] = 20
    """How many one account may keep."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    label = models.CharField(max_length=50, blank=True, help_text="What its owner calls it.")
    address = models.JSONField()
    is_default_shipping = models.BooleanField(default=False)
    is_default_billing = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        db_table = "users_address"
        verbose_name_plural = "saved addresses"
        indexes = (models.Index(fields=["user", "id"], name="users_address_of_user"),)
        constraints = (
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(is_default_shipping=True),
                name="users_address_one_shipping",
            ),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(is_default_billing=True),
                name="users_address_one_billing",
            ),
        )

    def __str__(self) -> str:
        return self.label or str(self.id)
