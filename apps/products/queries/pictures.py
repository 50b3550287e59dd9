"""Pictures as they are read."""

from __future__ import annotations

import uuid

from apps.products.models import Picture


def pictures(product_id: uuid.UUID) -> list[Picture]:
    """Return all pictures of a product in their order, shown or not."""
    return list(Picture.objects.filter(product_id=product_id).order_by("position", "id"))


def waiting_picture(picture_id: uuid.UUID) -> Picture | None:
    """Return a picture that was uploaded and not looked at yet."""
    return Picture.objects.filter(id=picture_id, state=Picture.State.PROCESSING).first()
