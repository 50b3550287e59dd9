"""What orders tells the others."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from kernel.address import Address
from kernel.bus.event import Event, Personal

CancelReason = Literal["out_of_stock", "payment_declined", "timed_out", "requested"]


class Value(BaseModel):
    """A part of an event."""

    model_config = ConfigDict(frozen=True)


class OrderLine(Value):
    """
    One product in an order, at the price agreed, in minor units of the order's currency.

    `quantity * unit_price - discount` is paid for it; `tax` lies on that.
    """

    product_id: uuid.UUID
    code: str
    name: str
    quantity: int
    unit_price: int
    discount: int = 0
    tax: int = 0
    tax_rate_percent: str | None = None  # None where there is no tax


class TaxLine(Value):
    """The tax of one rate on lines and delivery, in minor units; contained in the total."""

    name: str
    rate_percent: str
    amount: int
    net: int = 0  # what it lies on, without it


class Discount(Value):
    """What a coupon takes off, in minor units."""

    code: str
    amount: int


class Terms(Value):
    """
    What is agreed, in minor units; `total` holds delivery, taxes and discounts.

    Lines and delivery less their discounts are the total, if prices include the tax; else the
    taxes are added to that. Each discount is the sum of the lines' and the delivery's.
    """

    lines: tuple[OrderLine, ...]
    delivery_price: int
    tax_lines: tuple[TaxLine, ...] = ()
    discounts: tuple[Discount, ...] = ()
    total: int
    currency: str
    prices_include_tax: bool = True
    delivery_discount: int = 0
    delivery_tax: int = 0
    delivery_tax_rate_percent: str | None = None


class OrderPlaced(Event, name="orders.order_placed.v1", subject="order_id", person="person_id"):
    """A customer placed an order; nothing is reserved or paid yet."""

    order_id: uuid.UUID
    version: int
    number: str
    customer_id: uuid.UUID | None  # None for a guest
    person_id: uuid.UUID  # the customer's id, or the order's for a guest
    terms: Terms
    country: str
    address: Annotated[Address | None, Personal()]
    gateway: str
    payment_token: str  # from the gateway; no card data
    locale: str = "en"
    email: Annotated[str | None, Personal()] = None  # a guest's; a customer's is known to users


class OrderConfirmed(Event, name="orders.order_confirmed.v1", subject="order_id"):
    """The goods are reserved and the money is held: pack it."""

    order_id: uuid.UUID
    version: int


class OrderModified(Event, name="orders.order_modified.v1", subject="order_id", person="person_id"):
    """What is agreed changed: something could not be packed, or the address is another."""

    order_id: uuid.UUID
    version: int
    customer_id: uuid.UUID | None
    person_id: uuid.UUID
    old: Terms
    new: Terms
    old_address: Annotated[Address | None, Personal()]
    new_address: Annotated[Address | None, Personal()]
    changed: tuple[Literal["lines", "total", "address"], ...]


class OrderCancellationRequested(
    Event, name="orders.order_cancellation_requested.v1", subject="order_id"
):
    """Someone wants out of a confirmed order; whoever holds the goods decides."""

    order_id: uuid.UUID
    version: int
    requested_by: Literal["customer", "staff"]


class OrderCancelled(Event, name="orders.order_cancelled.v1", subject="order_id"):
    """The order ends; nothing is kept of goods or money."""

    order_id: uuid.UUID
    version: int
    reason: CancelReason


class OrderPackaged(
    Event,
    name="orders.order_packaged.v1",
    subject="order_id",
    unheard="for storefronts and the audit: delivery hears the warehouse itself",
):
    """The order's package is ready to be sent."""

    order_id: uuid.UUID
    version: int


class OrderShipped(Event, name="orders.order_shipped.v1", subject="order_id"):
    """The order is on its way."""

    order_id: uuid.UUID
    version: int
    tracking_number: str


class OrderFulfilled(
    Event, name="orders.order_fulfilled.v1", subject="order_id", person="person_id"
):
    """The goods have arrived: the final lines and the final total, to be captured and invoiced."""

    order_id: uuid.UUID
    version: int
    number: str
    customer_id: uuid.UUID | None
    person_id: uuid.UUID
    terms: Terms
    address: Annotated[Address | None, Personal()]
    locale: str = "en"
    email: Annotated[str | None, Personal()] = None  # a guest's


class OrderFailed(Event, name="orders.order_failed.v1", subject="order_id"):
    """The order ends without goods: they could not be packed, or not be delivered."""

    order_id: uuid.UUID
    version: int
    reason: Literal["packaging_failed", "delivery_failed"]
    total: int = 0  # what is lost by that, in minor units
    currency: str = ""


class OrderLinkRequested(Event, name="orders.order_link_requested.v1", subject="request_id"):
    """Someone asked for the link to a guest's order; no order: what they named is none."""

    request_id: uuid.UUID
    order_id: uuid.UUID | None


class CouponChanged(
    Event,
    name="orders.coupon_changed.v1",
    subject="coupon_id",
    unheard="for the audit: who made or changed a coupon",
):
    """A coupon was made, or is another now: its whole state, in minor units."""

    coupon_id: uuid.UUID
    version: int
    code: str
    kind: Literal["percent", "amount", "free_delivery"]
    percent: str | None
    amount: int | None
    minimum: int
    currency: str
    valid_from: dt.datetime
    valid_until: dt.datetime | None
    limit: int | None
    limit_per_customer: int | None
    is_active: bool


class TaxRateChanged(
    Event,
    name="orders.tax_rate_changed.v1",
    subject="tax_rate_id",
    unheard="for the audit: who changed a tax rate",
):
    """A country has a new rate for a class of products, or has none any more."""

    tax_rate_id: uuid.UUID
    version: int
    country: str
    tax_class: str
    tax_name: str
    percent: str | None  # None: the rate was taken away


class PersonalDataGathered(
    Event, name="orders.personal_data_gathered.v1", subject="export_id", person="person_id"
):
    """What orders holds of a person, for the export that they asked for: one of so many parts."""

    export_id: uuid.UUID
    person_id: uuid.UUID
    part: int  # from 1 to `parts`
    parts: int
    rows: Annotated[tuple[dict[str, Any], ...] | None, Personal()]
