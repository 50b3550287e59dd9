"""The catalogue: categories, families, products, pictures, and what the warehouse says is free."""

from __future__ import annotations

from apps.products.models.availability import Availability
from apps.products.models.category import MAX_DEPTH, SLUG, Category
from apps.products.models.family import MAX_NAME, MAX_OPTIONS, NAME, Family
from apps.products.models.picture import MAX_ALT_TEXT, Picture
from apps.products.models.product import (
    CODE,
    CURRENCY,
    LANGUAGE,
    MAX_ATTRIBUTES,
    MAX_GRAMS,
    MAX_MILLIMETRES,
    MAX_TAG,
    MAX_TAGS,
    MAX_VALUE,
    TAG,
    Product,
    TaxClass,
)
from apps.products.models.word import Word, words_of

__all__ = (
    "CODE",
    "CURRENCY",
    "LANGUAGE",
    "MAX_ALT_TEXT",
    "MAX_ATTRIBUTES",
    "MAX_DEPTH",
    "MAX_GRAMS",
    "MAX_MILLIMETRES",
    "MAX_NAME",
    "MAX_OPTIONS",
    "MAX_TAG",
    "MAX_TAGS",
    "MAX_VALUE",
    "NAME",
    "SLUG",
    "TAG",
    "Availability",
    "Category",
    "Family",
    "Picture",
    "Product",
    "TaxClass",
    "Word",
    "words_of",
)
