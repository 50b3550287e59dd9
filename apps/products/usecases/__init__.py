"""All that products can be asked to do."""

from __future__ import annotations

from apps.products.usecases.categories import (
    BelowItself,
    CategoryNotFound,
    SlugTaken,
    TooDeep,
    UnknownParent,
    change_category,
    create_category,
)
from apps.products.usecases.products import (
    MAX_PICTURES,
    CodeTaken,
    CurrencyNotSold,
    ProductNotFound,
    ProductRefusal,
    TooManyPictures,
    UnknownCategory,
    add_picture,
    change_product,
    create_product,
    delete_product,
    set_active,
    tell_rejection,
)
from apps.products.usecases.stock import note_stock_level

__all__ = (
    "MAX_PICTURES",
    "BelowItself",
    "CategoryNotFound",
    "CodeTaken",
    "CurrencyNotSold",
    "ProductNotFound",
    "ProductRefusal",
    "SlugTaken",
    "TooDeep",
    "TooManyPictures",
    "UnknownCategory",
    "UnknownParent",
    "add_picture",
    "change_category",
    "change_product",
    "create_category",
    "create_product",
    "delete_product",
    "note_stock_level",
    "set_active",
    "tell_rejection",
)
