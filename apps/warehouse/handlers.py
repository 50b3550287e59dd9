"""What the warehouse does when the others speak."""

from __future__ import annotations

from django.utils import timezone

from apps.orders.events import (
    OrderCancellationRequested,
    OrderCancelled,
    OrderConfirmed,
    OrderFailed,
    OrderPlaced,
)
from apps.products.events import ProductCreated, ProductDeleted, ProductUpdated
from apps.warehouse import usecases
from kernel.bus import context
from kernel.bus.subscriptions import handles


@handles(OrderPlaced)
def reserve_stock(event: OrderPlaced) -> None:
    usecases.reserve_stock(
        order_id=event.order_id,
        lines=[(line.product_id, line.quantity) for line in event.terms.lines],
        at=timezone.now(),
    )


@handles(OrderConfirmed)
def confirm_order(event: OrderConfirmed) -> None:
    usecases.confirm_order(order_id=event.order_id, at=timezone.now())


@handles(OrderCancellationRequested)
def stop_packaging(event: OrderCancellationRequested) -> None:
    usecases.stop_packaging(order_id=event.order_id, at=timezone.now())


@handles(OrderCancelled)
def cancel_order(event: OrderCancelled) -> None:
    actor = context.current().actor
    usecases.cancel_order(order_id=event.order_id, actor=actor, at=timezone.now())


@handles(OrderFailed)
def fail_order(event: OrderFailed) -> None:
    actor = context.current().actor
    usecases.fail_order(order_id=event.order_id, actor=actor, at=timezone.now())


@handles(ProductCreated)
def open_stock(event: ProductCreated) -> None:
    usecases.open_stock(product_id=event.product_id, at=timezone.now())


@handles(ProductCreated, replica="Product")
def remember_product(event: ProductCreated) -> None:
    usecases.remember_product(
        product_id=event.product_id,
        version=event.version,
        code=event.product.code,
        name=event.product.name,
    )


@handles(ProductUpdated, replica="Product")
def update_product(event: ProductUpdated) -> None:
    usecases.remember_product(
        product_id=event.product_id,
        version=event.version,
        code=event.new.code,
        name=event.new.name,
    )


@handles(ProductDeleted, replica="Product")
def forget_product(event: ProductDeleted) -> None:
    usecases.forget_product(product_id=event.product_id, version=event.version)
