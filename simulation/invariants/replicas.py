"""What a module remembers of another's things is what the other says."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from apps.delivery.models import Product as DeliveredProduct
from apps.orders.models import CatalogueItem, StockItem
from apps.products.models import Availability, Product
from apps.warehouse.models import Product as StockedProduct
from simulation.invariants.books import Books

State = Mapping[uuid.UUID, Any]


def replicas_equal_their_source(books: Books) -> Iterator[str]:
    """Every replica of products and of the stock is at its source's version, and equal to it."""
    products = list(Product.objects.order_by("id"))
    yield from _differences(books, "orders' catalogue", _catalogue(), _offered(products))
    yield from _differences(books, "the warehouse's products", _stocked(), _named(products))
    yield from _differences(books, "delivery's products", _delivered(), _measured(products))
    free = {key: (row.version, row.on_hand - row.reserved) for key, row in books.stocks.items()}
    for name, model in (("orders' stock", StockItem), ("products' availability", Availability)):
        rows = {row.product_id: (row.version, row.free) for row in model.objects.all()}
        yield from _differences(books, name, rows, free)


def _differences(books: Books, name: str, replica: State, source: State) -> Iterator[str]:
    for key in sorted(replica.keys() | source.keys()):
        if replica.get(key) != source.get(key):
            said, truth = replica.get(key), source.get(key)
            yield f"{books.product(key)} is {said} in {name}, and truly {truth}."


def _offered(products: list[Product]) -> State:
    return {
        row.id: (row.version, row.price_amount, row.is_active, bool(row.deleted_at))
        if not row.deleted_at
        else (row.version, row.is_active, True)
        for row in products
    }


def _catalogue() -> State:
    return {
        row.product_id: (row.version, row.price, row.is_active, row.is_deleted)
        if not row.is_deleted
        else (row.version, row.is_active, True)
        for row in CatalogueItem.objects.all()
    }


def _named(products: list[Product]) -> State:
    return {row.id: (row.version, row.code, row.name, bool(row.deleted_at)) for row in products}


def _stocked() -> State:
    rows = StockedProduct.objects.all()
    return {row.id: (row.version, row.code, row.name, row.is_deleted) for row in rows}


def _measured(products: list[Product]) -> State:
    return {
        row.id: (row.version, 0, 0, True)
        if row.deleted_at
        else (row.version, row.width * row.length * row.height, row.weight, False)
        for row in products
    }


def _delivered() -> State:
    return {
        row.id: (row.version, row.width * row.length * row.height, row.weight, row.is_deleted)
        for row in DeliveredProduct.objects.all()
    }
