"""What delivery does when the others speak."""

from __future__ import annotations

from django.utils import timezone

from apps.delivery import usecases
from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderFailed,
    OrderModified,
    OrderPlaced,
)
from apps.products.events import ProductCreated, ProductDeleted, ProductState, ProductUpdated
from apps.users.events import ExportRequested, UserErased
from apps.warehouse.events import PackageCreated
from kernel.bus.subscriptions import handles


@handles(OrderPlaced)
def note_address(event: OrderPlaced) -> None:
    usecases.note_address(
        order_id=event.order_id,
        person_id=event.person_id,
        version=event.version,
        address=event.address,
        at=timezone.now(),
    )


@handles(OrderModified)
def change_address(event: OrderModified) -> None:
    # Every modification carries the address, but only one that changes it can be refused.
    take = usecases.change_address if "address" in event.changed else usecases.note_address
    take(
        order_id=event.order_id,
        person_id=event.person_id,
        version=event.version,
        address=event.new_address,
        at=timezone.now(),
    )


@handles(PackageCreated)
def receive_package(event: PackageCreated) -> None:
    usecases.receive_package(
        order_id=event.order_id,
        lines=[(line.product_id, line.quantity) for line in event.lines],
        at=timezone.now(),
    )


@handles(OrderCancellationRequested)
def stop_shipment(event: OrderCancellationRequested) -> None:
    usecases.stop_shipment(order_id=event.order_id, at=timezone.now())


@handles(OrderCancelled)
def cancel_order(event: OrderCancelled) -> None:
    usecases.cancel_order(order_id=event.order_id, at=timezone.now())


@handles(OrderFailed)
def fail_order(event: OrderFailed) -> None:
    usecases.fail_order(order_id=event.order_id, at=timezone.now())


@handles(UserErased)
def forget_person(event: UserErased) -> None:
    usecases.forget_person(person_id=event.user_id, at=timezone.now())


@handles(ProductCreated, replica="Product")
def remember_product(event: ProductCreated) -> None:
    _remember(event, event.product)


@handles(ProductUpdated, replica="Product")
def update_product(event: ProductUpdated) -> None:
    _remember(event, event.new)


@handles(ProductDeleted, replica="Product")
def forget_product(event: ProductDeleted) -> None:
    usecases.forget_product(product_id=event.product_id, version=event.version)


def _remember(event: ProductCreated | ProductUpdated, product: ProductState) -> None:
    package = product.package
    usecases.remember_product(
        product_id=event.product_id,
        version=event.version,
        code=product.code,
        size=(package.width, package.length, package.height),
        weight=package.weight,
    )


@handles(ExportRequested)
def gather_personal_data(event: ExportRequested) -> None:
    usecases.gather_personal_data(
        export_id=event.export_id, person_id=event.user_id, at=timezone.now()
    )
