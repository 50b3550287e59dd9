"""What is read of the catalogue without changing it."""

from __future__ import annotations

from apps.products.queries.categories import BELOW, category, category_tree
from apps.products.queries.counting import facets
from apps.products.queries.families import families, family, variants
from apps.products.queries.pictures import pictures, waiting_picture
from apps.products.queries.products import (
    Wanted,
    active_products,
    exported,
    product,
    products,
)
from apps.products.queries.searching import BEGIN, END, Rows, find

__all__ = (
    "BEGIN",
    "BELOW",
    "END",
    "Rows",
    "Wanted",
    "active_products",
    "category",
    "category_tree",
    "exported",
    "facets",
    "families",
    "family",
    "find",
    "pictures",
    "product",
    "products",
    "variants",
    "waiting_picture",
)
