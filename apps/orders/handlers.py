"""What orders does when the others speak."""

from __future__ import annotations

from django.utils import timezone

from apps.delivery.events import (
    AddressChangeRefused,
    DeliveryCompleted,
    DeliveryFailed,
    ShipmentCancelled,
    ShipmentStarted,
)
from apps.orders import usecases
from apps.payment.events import PaymentAuthorized, PaymentCaptured, PaymentDeclined
from apps.products.events import ProductCreated, ProductDeleted, ProductState, ProductUpdated
from apps.users.events import ExportRequested, UserErased
from apps.warehouse.events import (
    PackageCreated,
    PackagingCancelled,
    PackagingFailed,
    StockLevelChanged,
    StockReserved,
    StockShort,
)
from kernel.bus.subscriptions import handles

Answer = (
    StockReserved
    | StockShort
    | PaymentAuthorized
    | PaymentDeclined
    | PackagingFailed
    | PackagingCancelled
    | ShipmentCancelled
    | DeliveryCompleted
    | DeliveryFailed
)


@handles(
    StockReserved,
    StockShort,
    PaymentAuthorized,
    PaymentDeclined,
    PackagingFailed,
    PackagingCancelled,
    ShipmentCancelled,
    DeliveryCompleted,
    DeliveryFailed,
)
def note_answer(event: Answer) -> None:
    usecases.note_answer(order_id=event.order_id, answer=type(event).__name__, at=timezone.now())


@handles(PackageCreated)
def note_package(event: PackageCreated) -> None:
    usecases.note_package(
        order_id=event.order_id,
        quantities={line.product_id: line.quantity for line in event.lines},
        at=timezone.now(),
    )


@handles(ShipmentStarted)
def note_shipment(event: ShipmentStarted) -> None:
    usecases.note_shipment(
        order_id=event.order_id,
        tracking_number=event.tracking_number,
        address=event.address,
        at=timezone.now(),
    )


@handles(AddressChangeRefused)
def note_refused_address(event: AddressChangeRefused) -> None:
    usecases.note_refused_address(
        order_id=event.order_id, shipped_to=event.shipped_to, at=timezone.now()
    )


@handles(PaymentCaptured)
def note_capture(event: PaymentCaptured) -> None:
    usecases.note_capture(order_id=event.order_id, at=timezone.now())


@handles(ProductCreated, ProductUpdated, replica="CatalogueItem")
def remember_product(event: ProductCreated | ProductUpdated) -> None:
    product: ProductState = event.new if isinstance(event, ProductUpdated) else event.product
    usecases.remember_product(
        product_id=event.product_id,
        version=event.version,
        code=product.code,
        name=product.name,
        price=product.price,
        is_active=product.is_active,
        tax_class=product.tax_class,
    )


@handles(ProductDeleted, replica="CatalogueItem")
def forget_product(event: ProductDeleted) -> None:
    usecases.forget_product(product_id=event.product_id, version=event.version)


@handles(StockLevelChanged, replica="StockItem")
def remember_stock(event: StockLevelChanged) -> None:
    usecases.remember_stock(product_id=event.product_id, version=event.version, free=event.free)


@handles(UserErased)
def forget_customer(event: UserErased) -> None:
    usecases.forget_customer(customer_id=event.user_id, at=timezone.now())


@handles(ExportRequested)
def gather_personal_data(event: ExportRequested) -> None:
    usecases.gather_personal_data(
        export_id=event.export_id, customer_id=event.user_id, at=timezone.now()
    )
