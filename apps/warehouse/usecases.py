"""Everything that the warehouse can be asked to do."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import ClassVar

from apps.warehouse import events
from apps.warehouse.models import (
    Change,
    Level,
    Movement,
    PackagingRequest,
    Product,
    Stock,
)
from kernel.bus.outbox import publish
from kernel.refusals import PreconditionFailed, Refusal
from kernel.transactions import transaction_required

MAX_ON_HAND = 1_000_000_000


class UnknownProduct(Refusal):
    """The warehouse knows no such product."""

    status = 404


class StockTooLow(Refusal):
    """So much can't be taken: the rest would not cover what is set aside for orders."""

    members: ClassVar = {"on_hand": int, "reserved": int}


class StockTooHigh(Refusal):
    """The stock of one product is at most 1000000000."""


class UnknownLine(Refusal):
    """The order has no such product."""

    status = 404


class QuantityTooHigh(Refusal):
    """More of a product can't be packed than was ordered."""

    status = 422
    members: ClassVar = {"ordered": int}


@transaction_required
def remember_product(*, product_id: uuid.UUID, version: int, code: str, name: str) -> None:
    """Take over a product's state, unless a newer one is known."""
    Product.remember(product_id=product_id, version=version, code=code, name=name)


@transaction_required
def open_stock(*, product_id: uuid.UUID, at: dt.datetime) -> None:
    """Begin to count a product's stock, unless it is being counted already."""
    if level := Stock.open(product_id):
        publish(_level_changed(level, at))


@transaction_required
def forget_product(*, product_id: uuid.UUID, version: int) -> None:
    """Note that a product is gone from the catalogue; what is left of it stays in stock."""
    Product.forget(product_id=product_id, version=version)


@transaction_required
def adjust_stock(
    *, product_id: uuid.UUID, delta: int, reason: str, actor: str, at: dt.datetime
) -> Level:
    """
    Add to the stock of a product, or take from it, with a reason for the ledger.

    :raises UnknownProduct: if it is not counted here.
    :raises StockTooLow: if less would remain than is set aside.
    :raises StockTooHigh: if more than a thousand million would lie there.
    """
    stock = Stock.lock([product_id]).get(product_id)
    if stock is None:
        raise UnknownProduct
    if stock.on_hand + delta < stock.reserved:
        raise StockTooLow(on_hand=stock.on_hand, reserved=stock.reserved)
    if stock.on_hand + delta > MAX_ON_HAND:
        raise StockTooHigh
    Movement.objects.create(
        product_id=product_id,
        delta=delta,
        kind=Movement.Kind.ADJUSTED,
        reason=reason,
        actor=actor,
        at=at,
    )
    [level] = Stock.change([Change(product_id, on_hand=delta)])
    publish(_level_changed(level, at))
    return level


@transaction_required
def reserve_stock(
    *, order_id: uuid.UUID, lines: Iterable[tuple[uuid.UUID, int]], at: dt.datetime
) -> None:
    """Set aside all lines of an order, (product, quantity), or none, and say which."""
    request = PackagingRequest.of_order(order_id, at=at)
    if not request.awaits_goods:
        return
    wanted: Counter[uuid.UUID] = Counter()
    for product_id, quantity in lines:
        wanted[product_id] += quantity
    if short := _short_lines(wanted):
        request.fall_short(at=at)
        publish(events.StockShort(occurred_at=at, order_id=order_id, lines=short))
        return
    levels = Stock.change(Change(key, reserved=quantity) for key, quantity in wanted.items())
    request.reserve(wanted, at=at)
    reserved = events.StockReserved(
        occurred_at=at, order_id=order_id, lines=_stock_lines(wanted.items())
    )
    publish(reserved, *(_level_changed(level, at) for level in levels))


@transaction_required
def confirm_order(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """Let staff pack the order."""
    PackagingRequest.of_order(order_id, at=at).confirm(at=at)


@transaction_required
def stop_packaging(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """Stop packing an order and say so; silence if the package is complete, or never will be."""
    if PackagingRequest.of_order(order_id, at=at).stop(at=at):
        publish(events.PackagingCancelled(occurred_at=at, order_id=order_id))


@transaction_required
def cancel_order(*, order_id: uuid.UUID, actor: str, at: dt.datetime) -> None:
    """End with a cancelled order: its goods are free again, and never reserved later."""
    request = PackagingRequest.of_order(order_id, at=at)
    _free(request, request.cancel(at=at), actor=actor, at=at)


@transaction_required
def fail_order(*, order_id: uuid.UUID, actor: str, at: dt.datetime) -> None:
    """End with a failed order: its goods are free again, and never reserved later."""
    request = PackagingRequest.of_order(order_id, at=at)
    _free(request, request.fail_with_order(at=at), actor=actor, at=at)


@transaction_required
def start_packaging(*, order_id: uuid.UUID, at: dt.datetime) -> None:
    """
    Begin to pack a confirmed order.

    :raises UnknownPackagingRequest: if no such order is confirmed.
    :raises PackagingNotAllowed: unless it is new.
    """
    PackagingRequest.for_staff(order_id).start(at=at)
    publish(events.PackagingStarted(occurred_at=at, order_id=order_id))


@transaction_required
def correct_line(
    *, order_id: uuid.UUID, product_id: uuid.UUID, quantity: int, version: int, at: dt.datetime
) -> None:
    """
    Say how many units of a product are in the package.

    :raises UnknownPackagingRequest: if no such order is confirmed.
    :raises UnknownLine: if the order has no such product.
    :raises PreconditionFailed: if the request is not at this version.
    :raises PackagingNotAllowed: unless it is being packed.
    :raises QuantityTooHigh: for more than was ordered.
    """
    request = PackagingRequest.for_staff(order_id)
    line = request.lines.filter(product_id=product_id).first()
    if line is None:
        raise UnknownLine
    if request.version != version:
        raise PreconditionFailed
    request.correct(at=at)
    if quantity > line.ordered:
        raise QuantityTooHigh(ordered=line.ordered)
    request.lines.filter(product_id=product_id).update(packed=quantity)


@transaction_required
def complete_packaging(*, order_id: uuid.UUID, actor: str, at: dt.datetime) -> None:
    """
    Close the package and say what is in it, or that nothing could be packed.

    :raises UnknownPackagingRequest: if no such order is confirmed.
    :raises PackagingNotAllowed: unless it is being packed.
    """
    request = PackagingRequest.for_staff(order_id)
    lines = list(request.lines.order_by("product_id"))
    if not any(line.packed for line in lines):
        # What is set aside stays so until orders says that the order has failed.
        request.give_up(at=at)
        publish(events.PackagingFailed(occurred_at=at, order_id=order_id))
        return
    request.complete(at=at)
    packed = [(line.product_id, line.packed) for line in lines if line.packed]
    _enter(Movement.Kind.PACKED, [(key, -n) for key, n in packed], order_id, actor, at)
    levels = _change(
        Change(line.product_id, on_hand=-line.packed, reserved=-line.ordered) for line in lines
    )
    created = events.PackageCreated(occurred_at=at, order_id=order_id, lines=_stock_lines(packed))
    publish(created, *(_level_changed(level, at) for level in levels))


def _free(
    request: PackagingRequest, held: PackagingRequest.Goods, *, actor: str, at: dt.datetime
) -> None:
    """Release what was set aside, or take back what was packed."""
    lines = list(request.lines.all())
    if held == PackagingRequest.Goods.RESERVED:
        freed = [(line.product_id, line.ordered) for line in lines]
        levels = _change(Change(key, reserved=-quantity) for key, quantity in freed)
    elif held == PackagingRequest.Goods.PACKED:
        freed = [(line.product_id, line.packed) for line in lines if line.packed]
        _enter(Movement.Kind.RETURNED, freed, request.order_id, actor, at)
        levels = _change(Change(key, on_hand=quantity) for key, quantity in freed)
    else:
        return
    released = events.StockReleased(
        occurred_at=at, order_id=request.order_id, lines=_stock_lines(freed)
    )
    publish(released, *(_level_changed(level, at) for level in levels))


def _short_lines(wanted: Counter[uuid.UUID]) -> tuple[events.ShortLine, ...]:
    """Lock what is wanted and return where it doesn't suffice."""
    stocks = Stock.lock(wanted)
    free = {key: stock.on_hand - stock.reserved for key, stock in stocks.items()}
    return tuple(
        events.ShortLine(product_id=key, wanted=wanted[key], free=free.get(key, 0))
        for key in sorted(wanted)
        if free.get(key, 0) < wanted[key]
    )


def _change(changes: Iterable[Change]) -> list[Level]:
    found = list(changes)
    Stock.lock(change.product_id for change in found)
    return Stock.change(found)


def _enter(
    kind: Movement.Kind,
    deltas: list[tuple[uuid.UUID, int]],
    order_id: uuid.UUID,
    actor: str,
    at: dt.datetime,
) -> None:
    Movement.objects.bulk_create(
        Movement(product_id=key, delta=delta, kind=kind, order_id=order_id, actor=actor, at=at)
        for key, delta in deltas
    )


def _stock_lines(lines: Iterable[tuple[uuid.UUID, int]]) -> tuple[events.StockLine, ...]:
    return tuple(
        events.StockLine(product_id=key, quantity=quantity) for key, quantity in sorted(lines)
    )


def _level_changed(level: Level, at: dt.datetime) -> events.StockLevelChanged:
    return events.StockLevelChanged(
        occurred_at=at,
        product_id=level.product_id,
        version=level.version,
        on_hand=level.on_hand,
        reserved=level.reserved,
        free=level.free,
    )
