"""What orders remembers of products and stock."""

from __future__ import annotations

import uuid

from apps.orders.models import CatalogueItem, StockItem
from kernel.money import Money
from kernel.transactions import transaction_required


@transaction_required
def remember_product(
    *,
    product_id: uuid.UUID,
    version: int,
    code: str,
    name: str,
    price: Money,
    is_active: bool,
    tax_class: str,
) -> None:
    """Take over what products tells of a product, unless this or a newer version is known."""
    CatalogueItem.remember(
        product_id=product_id,
        version=version,
        code=code,
        name=name,
        price=price,
        is_active=is_active,
        tax_class=tax_class,
    )


@transaction_required
def forget_product(*, product_id: uuid.UUID, version: int) -> None:
    """Note that a product is gone: it can't be ordered any more."""
    CatalogueItem.forget(product_id=product_id, version=version)


@transaction_required
def remember_stock(*, product_id: uuid.UUID, version: int, free: int) -> None:
    """Take over what the warehouse tells of a product's stock, unless newer is known."""
    StockItem.remember(product_id=product_id, version=version, free=free)
