"""One change of an order: one UPDATE, what the timeline keeps of it, what the others hear."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from apps.orders import events
from apps.orders.models import CouponUse, ErasedPerson, Order, OrderLine, Step, TimelineEntry, What
from kernel.address import Address
from kernel.bus.event import Event
from kernel.bus.outbox import publish

State = Order.State
_MUTABLE = (
    "state",
    "version",
    "heard",
    "address",
    "email",
    "total",
    "tracking_number",
    "cancel_reason",
    "cancel_requested_by",
    "cancel_requested_at",
    "is_cancel_refused",
    "updated_at",
)


class Change:
    """Gathers what follows from one event or request for a locked order, then stores it whole."""

    def __init__(self, order: Order, *, at: dt.datetime) -> None:
        self.order = order
        self.at = at
        self._entries: list[TimelineEntry] = []
        self._events: list[Event] = []

    @classmethod
    def of(cls, order_id: uuid.UUID, *, at: dt.datetime) -> Change:
        """Begin to change an order, locked until the transaction ends."""
        return cls(Order.locked(order_id), at=at)

    def hear(self, event: str) -> None:
        """Let the order take an event, and note each step that follows."""
        for step in self.order.hear(event):
            if step.came_from == State.CANCELLING and self.order.is_cancel_refused:
                self.note(What.CANCELLATION_REFUSED, state=step.state)
            reason = self.order.cancel_reason if step.state == State.CANCELLED else ""
            self.note(_WHAT[step.state], state=step.state, reason=reason)
            self._events.append(_told(self.order, step, self.at))

    def pack(self, quantities: dict[uuid.UUID, int]) -> None:
        """Take over what was really packed, and tell if it is less than agreed."""
        old = self.order.terms
        if self.order.pack(quantities):
            OrderLine.objects.bulk_update(self.order.all_lines, ["quantity", "discount", "tax"])
            self.note(What.LINES_CHANGED)
            where = self.order.destination
            self._tell_modified(old, (where, where), ("lines", "total"))

    def send_to(self, address: Address) -> None:
        """Take over another address, and tell."""
        old = self.order.destination
        if self.order.send_to(address):
            self.note(What.ADDRESS_CHANGED)
            self._tell_modified(self.order.terms, (old, address), ("address",))

    def note(self, what: What, *, state: str | None = None, reason: str = "") -> None:
        """Keep an entry for the timeline."""
        self._entries.append(
            TimelineEntry(
                order=self.order,
                at=self.at,
                what=what,
                state=state or self.order.state,
                reason=reason,
            )
        )

    def store(self) -> None:
        """Write the order and its timeline, and publish."""
        order = self.order
        if order.has_ended and order.address and ErasedPerson.has(order.person_id):
            order.forget_person()
        if order.coupon_code and order.is_void:
            CouponUse.give_back(order.id, at=self.at)
        self.order.updated_at = self.at
        self.order.save(update_fields=_MUTABLE)
        if self._entries:
            TimelineEntry.objects.bulk_create(self._entries)
        if self._events:
            publish(*self._events)

    def _tell_modified(
        self,
        old: events.Terms,
        addresses: tuple[Address | None, Address | None],
        changed: tuple[Any, ...],
    ) -> None:
        self._events.append(
            events.OrderModified(
                occurred_at=self.at,
                order_id=self.order.id,
                version=self.order.version,
                customer_id=self.order.customer_id,
                person_id=self.order.person_id,
                old=old,
                new=self.order.terms,
                old_address=addresses[0],
                new_address=addresses[1],
                changed=changed,
            )
        )


def _told(order: Order, step: Step, at: dt.datetime) -> Event:
    kind, more = _TOLD[step.state]
    return kind(occurred_at=at, order_id=order.id, version=step.version, **more(order))


def _nothing(_: Order) -> dict[str, Any]:
    return {}


def _asked_by(order: Order) -> dict[str, Any]:
    return {"requested_by": order.cancel_requested_by}


def _reason(order: Order) -> dict[str, Any]:
    return {"reason": order.cancel_reason}


def _failure(order: Order) -> dict[str, Any]:
    return {
        "reason": order.state.lower(),
        "total": order.terms.total,
        "currency": order.terms.currency,
    }


def _tracking(order: Order) -> dict[str, Any]:
    return {"tracking_number": order.tracking_number}


def _final(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "customer_id": order.customer_id,
        "person_id": order.person_id,
        "terms": order.terms,
        "address": order.destination,
        "locale": order.locale,
        "email": order.email or None,
    }


_TOLD: dict[str, tuple[type[Event], Callable[[Order], dict[str, Any]]]] = {
    State.CONFIRMED: (events.OrderConfirmed, _nothing),
    State.PACKAGED: (events.OrderPackaged, _nothing),
    State.SHIPPED: (events.OrderShipped, _tracking),
    State.FULFILLED: (events.OrderFulfilled, _final),
    State.CANCELLING: (events.OrderCancellationRequested, _asked_by),
    State.CANCELLED: (events.OrderCancelled, _reason),
    State.PACKAGING_FAILED: (events.OrderFailed, _failure),
    State.DELIVERY_FAILED: (events.OrderFailed, _failure),
}
_WHAT: dict[str, What] = {
    State.CONFIRMED: What.CONFIRMED,
    State.PACKAGED: What.PACKAGED,
    State.SHIPPED: What.SHIPPED,
    State.FULFILLED: What.FULFILLED,
    State.CANCELLING: What.CANCELLATION_REQUESTED,
    State.CANCELLED: What.CANCELLED,
    State.PACKAGING_FAILED: What.PACKAGING_FAILED,
    State.DELIVERY_FAILED: What.DELIVERY_FAILED,
}
