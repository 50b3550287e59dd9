"""What a person gets to see of all that is held of them."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any, ClassVar

from django.db import models

from apps.users.models.accounts import User
from kernel.ids import new_id


class Export(models.Model):
    """One request to see it; complete when every module that holds something has said all."""

    HOLDERS: ClassVar[tuple[str, ...]] = ("users", "orders", "delivery", "invoices")
    LIFETIME: ClassVar[dt.timedelta] = dt.timedelta(days=7)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)

    def assembled(self) -> dict[str, list[Any]] | None:
        """Return what each module holds, by its name; None while something is still missing."""
        found: dict[str, list[ExportPart]] = defaultdict(list)
        for part in self.parts.order_by("module", "part"):
            found[part.module].append(part)
        if any(not found[name] or len(found[name]) < found[name][0].parts for name in self.HOLDERS):
            return None
        return {name: [row for part in found[name] for row in part.rows] for name in self.HOLDERS}


class ExportPart(models.Model):
    """Some of what one module holds of the person."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="parts")
    module = models.CharField(max_length=20)
    part = models.PositiveIntegerField()
    parts = models.PositiveIntegerField(help_text="How many there are of this module.")
    rows = models.JSONField()

    class Meta:
        db_table = "users_export_part"
        constraints = (
            models.UniqueConstraint(
                fields=["export", "module", "part"], name="users_export_part_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.module} {self.part}"
