"""Everything that orders can be asked to do."""

from __future__ import annotations

from apps.orders.usecases.answers import (
    note_answer,
    note_capture,
    note_package,
    note_refused_address,
    note_shipment,
)
from apps.orders.usecases.asking import (
    AddressNotChangeable,
    OrderNotCancellable,
    OrderNotFound,
    OtherCountry,
    cancel_order,
    change_address,
    time_out_orders,
)
from apps.orders.usecases.erasure import forget_customer
from apps.orders.usecases.export import gather_personal_data
from apps.orders.usecases.placing import (
    MixedCurrencies,
    QuoteMismatch,
    SoldOut,
    TotalChanged,
    TotalTooHigh,
    UnknownProduct,
    place_order,
)
from apps.orders.usecases.replicas import forget_product, remember_product, remember_stock

__all__ = (
    "AddressNotChangeable",
    "MixedCurrencies",
    "OrderNotCancellable",
    "OrderNotFound",
    "OtherCountry",
    "QuoteMismatch",
    "SoldOut",
    "TotalChanged",
    "TotalTooHigh",
    "UnknownProduct",
    "cancel_order",
    "change_address",
    "forget_customer",
    "forget_product",
    "gather_personal_data",
    "note_answer",
    "note_capture",
    "note_package",
    "note_refused_address",
    "note_shipment",
    "place_order",
    "remember_product",
    "remember_stock",
    "time_out_orders",
)
