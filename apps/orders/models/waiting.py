"""What an open order waits for: for people, who take their time, or for a machine's answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import Q

from apps.orders.models.states import WAITS_FOR

_FACTS = {"StockReserved": "stock", "PaymentAuthorized": "payment"}
_NO_PACKAGE = ~Q(heard__contains=["PackageCreated"])
_HAS_ARRIVED = Q(heard__contains=["DeliveryCompleted"])

# Each answer comes by itself, within seconds; the database looks at them through one small index.
ANSWERS: dict[str, Q] = {
    "stock or payment": Q(state="PLACED"),
    "the package": Q(state="SHIPPED") & _NO_PACKAGE | Q(state="CONFIRMED") & _HAS_ARRIVED,
    "cancellation": Q(state="CANCELLING"),
    "capture": Q(state="FULFILLED") & ~Q(heard__contains=["PaymentCaptured"]),
}
# What people do, by the state in which they are awaited.
DEEDS = {"CONFIRMED": "packing", "PACKAGED": "sending", "SHIPPED": "arrival"}
AWAITS_MACHINE = (
    ANSWERS["stock or payment"]
    | ANSWERS["the package"]
    | ANSWERS["cancellation"]
    | ANSWERS["capture"]
)


class Wait(NamedTuple):
    """What is awaited, and whether it should have come by itself."""

    what: str
    is_machine: bool


def wait_of(*, state: str, heard: Collection[str]) -> Wait | None:
    """Return what an order in this state, with these facts known, waits for; None if it ended."""
    match state:
        case "PLACED":
            missing = WAITS_FOR["CONFIRMED"] - set(heard)
            return Wait(", ".join(sorted(_FACTS[fact] for fact in missing)), is_machine=True)
        case "CANCELLING":
            return Wait("cancellation", is_machine=True)
        case "FULFILLED":
            return None if "PaymentCaptured" in heard else Wait("capture", is_machine=True)
    if _awaits_package(state, heard):
        return Wait("the package", is_machine=True)
    return Wait(DEEDS[state], is_machine=False) if state in DEEDS else None


def _awaits_package(state: str, heard: Collection[str]) -> bool:
    if state == "SHIPPED":
        return "PackageCreated" not in heard
    return state == "CONFIRMED" and "DeliveryCompleted" in heard
