"""What is remembered of the stock."""

from __future__ import annotations

import uuid

from apps.products.models import Availability
from kernel.transactions import transaction_required


@transaction_required
def note_stock_level(*, product_id: uuid.UUID, version: int, free: int) -> None:
    """Remember how much of a product the warehouse has free, unless newer is known."""
    Availability.note(product_id=product_id, version=version, free=free)
