"""What the warehouse tells the others."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict

from kernel.bus.event import Event


class StockLine(BaseModel):
    """So many units of a product."""

    model_config = ConfigDict(frozen=True)

    product_id: uuid.UUID
    quantity: int


class ShortLine(BaseModel):
    """A product of which an order wants more than is free."""

    model_config = ConfigDict(frozen=True)

    product_id: uuid.UUID
    wanted: int
    free: int


class StockLevelChanged(Event, name="warehouse.stock_level_changed.v1", subject="product_id"):
    """The stock of a product, whole: `free` is what is on hand and not reserved."""

    product_id: uuid.UUID
    version: int
    on_hand: int
    reserved: int
    free: int


class StockReserved(Event, name="warehouse.stock_reserved.v1", subject="order_id"):
    """Every line of an order is set aside."""

    order_id: uuid.UUID
    lines: tuple[StockLine, ...]


class StockShort(Event, name="warehouse.stock_short.v1", subject="order_id"):
    """An order can't be met; nothing was set aside."""

    order_id: uuid.UUID
    lines: tuple[ShortLine, ...]


class StockReleased(
    Event,
    name="warehouse.stock_released.v1",
    subject="order_id",
    unheard="a fact about the stock: the order has ended already",
):
    """What was set aside or packed for an order is free again."""

    order_id: uuid.UUID
    lines: tuple[StockLine, ...]


class PackagingStarted(
    Event,
    name="warehouse.packaging_started.v1",
    subject="order_id",
    unheard="for the order's timeline and the audit",
):
    """Someone packs the order now."""

    order_id: uuid.UUID


class PackagingCancelled(Event, name="warehouse.packaging_cancelled.v1", subject="order_id"):
    """The packing stopped before it was complete, because a cancellation was asked for."""

    order_id: uuid.UUID


class PackageCreated(Event, name="warehouse.package_created.v1", subject="order_id"):
    """The package is ready; the lines tell what is really in it, which may be less than ordered."""

    order_id: uuid.UUID
    lines: tuple[StockLine, ...]


class PackagingFailed(Event, name="warehouse.packaging_failed.v1", subject="order_id"):
    """Nothing of the order could be packed."""

    order_id: uuid.UUID
