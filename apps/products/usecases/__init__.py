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
from apps.products.usecases.families import FamilyNotFound, change_family, create_family
from apps.products.usecases.imports import Imported, import_products
from apps.products.usecases.products import (
    MAX_FAMILY,
    MAX_PICTURES,
    CodeTaken,
    CurrencyNotSold,
    FamilyFull,
    OptionMissing,
    OptionsTaken,
    ProductNotFound,
    ProductRefusal,
    TooManyPictures,
    UnknownCategory,
    UnknownFamily,
    add_picture,
    change_product,
    create_product,
    delete_product,
    set_active,
    tell_rejection,
)
from apps.products.usecases.stock import note_stock_level

__all__ = (
    "MAX_FAMILY",
    "MAX_PICTURES",
    "BelowItself",
    "CategoryNotFound",
    "CodeTaken",
    "CurrencyNotSold",
    "FamilyFull",
    "FamilyNotFound",
    "Imported",
    "OptionMissing",
    "OptionsTaken",
    "ProductNotFound",
    "ProductRefusal",
    "SlugTaken",
    "TooDeep",
    "TooManyPictures",
    "UnknownCategory",
    "UnknownFamily",
    "UnknownParent",
    "add_picture",
    "change_category",
    "change_family",
    "change_product",
    "create_category",
    "create_family",
    "create_product",
    "delete_product",
    "import_products",
    "note_stock_level",
    "set_active",
    "tell_rejection",
)
