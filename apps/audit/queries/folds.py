"""
An order, its payment and its packing, told from events alone: each fold is a pure function.

An event is known by its name and the fields of its payload. Facts count by what they say, and not
by when they came: an order's by their version, the others' by how far they lead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

State = dict[str, Any]


class Fact(NamedTuple):
    """What an event says."""

    name: str
    payload: Mapping[str, Any]


_STATES = {
    "orders.order_placed.v1": "PLACED",
    "orders.order_confirmed.v1": "CONFIRMED",
    "orders.order_packaged.v1": "PACKAGED",
    "orders.order_shipped.v1": "SHIPPED",
    "orders.order_fulfilled.v1": "FULFILLED",
    "orders.order_cancellation_requested.v1": "CANCELLING",
    "orders.order_cancelled.v1": "CANCELLED",
}
_MODIFIED, _FAILED = "orders.order_modified.v1", "orders.order_failed.v1"
_SENT = "delivery.shipment_started.v1"  # who hears it after the arrival says nothing of it
_ENDS = {"orders.order_cancelled.v1": "CANCELLED", _FAILED: "FAILED"}
# How far a payment is, by the last of these that was told.
_PAYMENT = {
    "payment.payment_authorized.v1": "AUTHORIZED",
    "payment.payment_declined.v1": "DECLINED",
    "payment.payment_capture_failed.v1": "CAPTURE_FAILED",
    "payment.payment_captured.v1": "CAPTURED",
    "payment.payment_voided.v1": "VOIDED",
    "payment.payment_refunded.v1": "REFUNDED",
}
_PACKAGING = {
    "warehouse.stock_reserved.v1": "RESERVED",
    "warehouse.stock_short.v1": "SHORT",
    "orders.order_confirmed.v1": "NEW",
    "warehouse.packaging_started.v1": "IN_PROGRESS",
    "warehouse.package_created.v1": "COMPLETED",
    "warehouse.packaging_failed.v1": "FAILED",
    "warehouse.packaging_cancelled.v1": "CANCELLED",
    **_ENDS,
}


def order(facts: Iterable[Fact]) -> State | None:
    """
    Return the order that these facts leave; None before it was placed.

    Its version is that of the newest event: what an order learns without a word isn't told.
    """
    facts = list(facts)
    own = [fact for fact in facts if fact.name in {*_STATES, _MODIFIED, _FAILED}]
    own.sort(key=lambda fact: int(fact.payload["version"]))
    if not own or own[0].name != "orders.order_placed.v1":
        return None
    placed = own[0].payload
    found = {"number": placed["number"], "customer_id": placed["customer_id"], "reason": None}
    sent = [fact.payload["tracking_number"] for fact in facts if fact.name == _SENT]
    found["tracking_number"] = sent[0] if sent else None
    for fact in own:
        found |= _step(fact)
    return found


def _step(fact: Fact) -> State:
    """Return what a fact changes of an order."""
    told = fact.payload
    found = {"version": told["version"]}
    if fact.name == _FAILED:
        found |= {"state": told["reason"].upper()}
    elif fact.name in _STATES:
        found |= {"state": _STATES[fact.name]}
    found |= {name: told[name] for name in ("reason", "tracking_number") if name in told}
    return found | _terms(told.get("new") or told.get("terms"))


def _terms(terms: Mapping[str, Any] | None) -> State:
    if terms is None:
        return {}
    names = ("product_id", "code", "name", "quantity", "unit_price")
    return {
        "lines": [{name: line[name] for name in names} for line in terms["lines"]],
        "delivery_price": terms["delivery_price"],
        "total": terms["total"],
        "currency": terms["currency"],
    }


def payment(facts: Iterable[Fact]) -> State | None:
    """Return the payment that these facts leave; None before anything is known of one."""
    told = _by_name(facts)
    if not {"orders.order_placed.v1", *_ENDS, *_PAYMENT} & told.keys():
        return None
    state = _furthest(_PAYMENT, told) or ("VOIDED" if _ENDS.keys() & told.keys() else "PENDING")
    amounts = [
        int(payload["amount"])
        for name in ("payment.payment_authorized.v1", "payment.payment_amended.v1")
        for payload in told.get(name, [])
    ]
    is_held = state not in {"PENDING", "DECLINED", "VOIDED"}
    return {
        "state": state,
        "authorized": min(amounts, default=0) if is_held else 0,  # it is only ever lowered
        "captured": _most(told, "payment.payment_captured.v1", "amount"),
        "refunded": _most(told, "payment.payment_refunded.v1", "refunded_total"),
    }


def packaging(facts: Iterable[Fact]) -> State | None:
    """
    Return what the warehouse holds for the order by these facts; None if it knows of none.

    Of an order that ended before the warehouse heard of it, it says no word of its own.
    """
    told = _by_name(facts)
    state = _furthest(_PACKAGING, told)
    if state is None:
        return None
    return {
        "state": state,
        "reserved": _lines(told, "warehouse.stock_reserved.v1"),
        "packed": _lines(told, "warehouse.package_created.v1"),
        "released": _lines(told, "warehouse.stock_released.v1"),
    }


def products(*states: State | None) -> list[str]:
    """Return the products that an order's lines and what was set aside for it speak of."""
    lines = (line for state in states if state for line in state.get("lines", ()))
    held = (
        line
        for state in states
        if state
        for name in ("reserved", "packed", "released")
        if isinstance(state.get(name), list)
        for line in state[name]
    )
    return sorted({line["product_id"] for line in (*lines, *held)})


def _by_name(facts: Iterable[Fact]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for fact in facts:
        found.setdefault(fact.name, []).append(fact.payload)
    return found


def _furthest(states: Mapping[str, str], told: Mapping[str, Any]) -> str | None:
    """Return the state of the last row of a table that was told."""
    known = [state for name, state in states.items() if name in told]
    return known[-1] if known else None


def _most(told: Mapping[str, list[Mapping[str, Any]]], name: str, field: str) -> int:
    return max((int(payload[field]) for payload in told.get(name, [])), default=0)


def _lines(told: Mapping[str, list[Mapping[str, Any]]], name: str) -> list[State]:
    """Return how many of each product the newest such fact speaks of."""
    lines = told[name][-1]["lines"] if name in told else []
    return sorted(
        ({"product_id": line["product_id"], "quantity": line["quantity"]} for line in lines),
        key=lambda line: line["product_id"],
    )
