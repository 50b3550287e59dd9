"""What is read of the catalogue without changing it."""

from __future__ import annotations

from apps.products.queries.categories import BELOW, category, category_tree
from apps.products.queries.facets import BUCKETS, facets
from apps.products.queries.families import families, family, variants
from apps.products.queries.products import (
    Wanted,
    active_products,
    exported,
    product,
    products,
)
from apps.products.queries.searching import BEGIN, END, Rows, rank

__all__ = (
    "BEGIN",
    "BELOW",
    "BUCKETS",
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
    "product",
    "products",
    "rank",
    "variants",
)
