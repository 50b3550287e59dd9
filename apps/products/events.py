"""What products tells the others."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, ConfigDict, Field

from kernel.bus.event import Event
from kernel.money import Money


class Package(BaseModel):
    """The outer size of one unit in millimetres, its weight in grams."""

    model_config = ConfigDict(frozen=True)

    width: int
    length: int
    height: int
    weight: int


class ProductState(BaseModel):
    """A product as the others may need to know it."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str
    description: str
    model: str
    category: str
    tags: tuple[str, ...] = ()
    package: Package
    price: Money
    is_active: bool
    family: uuid.UUID | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    tax_class: str = "standard"  # standard, reduced or zero


class ProductCreated(Event, name="products.product_created.v1", subject="product_id"):
    """Something new is in the catalogue."""

    product_id: uuid.UUID
    version: int
    product: ProductState


class ProductUpdated(Event, name="products.product_updated.v1", subject="product_id"):
    """A product changed; its whole old and new state, and the names of the fields that differ."""

    product_id: uuid.UUID
    version: int
    old: ProductState
    new: ProductState
    changed: tuple[str, ...]


class ProductDeleted(Event, name="products.product_deleted.v1", subject="product_id"):
    """A product is gone for good; its version is the last."""

    product_id: uuid.UUID
    version: int


class ProductRejected(
    Event,
    name="products.product_rejected.v1",
    subject="product_id",
    unheard="for the audit and an alarm: someone tried what is not allowed",
):
    """An attempt to create or change a product was refused, such as a code that is taken."""

    product_id: uuid.UUID  # the product that stands in the way, or that was to be changed
    code: str
    reason: str


class PictureUploaded(Event, name="products.picture_uploaded.v1", subject="picture_id"):
    """Someone says that a picture's file was uploaded; it waits to be looked at."""

    picture_id: uuid.UUID
    product_id: uuid.UUID
