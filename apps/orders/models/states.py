"""What an order does on each event in each state."""

from __future__ import annotations

from typing import NamedTuple

from kernel.states import StateTable


class Step(NamedTuple):
    """A state that an order has entered, the version that it thereby has, and where it was."""

    state: str
    version: int
    came_from: str


# Facts that came early stay in `Order.heard`; after each step the order looks at them again, in
# the order of these columns, and goes on as far as they carry it. What can't come in a state,
# since an earlier step of ours is its cause, is remembered where it could still be of use.
ORDER = StateTable.parse(
    "Order",
    """
                 | StockReserved        | StockShort | PaymentAuthorized    | PaymentDeclined
PLACED           | remember > CONFIRMED | CANCELLED  | remember > CONFIRMED | CANCELLED
CONFIRMED        | ignore               | ignore     | ignore               | ignore
PACKAGED         | ignore               | ignore     | ignore               | ignore
SHIPPED          | ignore               | ignore     | ignore               | ignore
FULFILLED        | ignore               | ignore     | ignore               | ignore
CANCELLING       | ignore               | ignore     | ignore               | ignore
CANCELLED        | ignore               | ignore     | ignore               | ignore
PACKAGING_FAILED | ignore               | ignore     | ignore               | ignore
DELIVERY_FAILED  | ignore               | ignore     | ignore               | ignore

                 | PackagingFailed  | PackageCreated       | PackagingCancelled
PLACED           | remember         | remember             | ignore
CONFIRMED        | PACKAGING_FAILED | PACKAGED             | ignore
PACKAGED         | ignore           | ignore               | ignore
SHIPPED          | ignore           | remember > FULFILLED | ignore
FULFILLED        | ignore           | ignore               | ignore
CANCELLING       | PACKAGING_FAILED | remember > FULFILLED | CANCELLED
CANCELLED        | ignore           | ignore               | ignore
PACKAGING_FAILED | ignore           | ignore               | ignore
DELIVERY_FAILED  | ignore           | ignore               | ignore

                 | ShipmentStarted | ShipmentCancelled | DeliveryCompleted    | DeliveryFailed
PLACED           | remember        | ignore            | remember             | remember
CONFIRMED        | SHIPPED         | ignore            | remember > FULFILLED | DELIVERY_FAILED
PACKAGED         | SHIPPED         | ignore            | remember > FULFILLED | DELIVERY_FAILED
SHIPPED          | ignore          | ignore            | remember > FULFILLED | DELIVERY_FAILED
FULFILLED        | remember        | ignore            | ignore               | ignore
CANCELLING       | SHIPPED         | CANCELLED         | remember > FULFILLED | DELIVERY_FAILED
CANCELLED        | ignore          | ignore            | ignore               | ignore
PACKAGING_FAILED | ignore          | ignore            | ignore               | ignore
DELIVERY_FAILED  | remember        | ignore            | ignore               | ignore

                 | AddressChangeRefused | PaymentCaptured
PLACED           | remember             | ignore
CONFIRMED        | remember             | ignore
PACKAGED         | remember             | ignore
SHIPPED          | remember             | remember
FULFILLED        | remember             | remember
CANCELLING       | remember             | ignore
CANCELLED        | ignore               | ignore
PACKAGING_FAILED | ignore               | ignore
DELIVERY_FAILED  | remember             | ignore

                 | customer cancels | staff cancels | time is over | address changes
PLACED           | CANCELLED        | CANCELLED     | CANCELLED    | remember
CONFIRMED        | CANCELLING       | CANCELLING    | ignore       | remember
PACKAGED         | refuse           | CANCELLING    | ignore       | refuse
SHIPPED          | refuse           | refuse        | ignore       | refuse
FULFILLED        | refuse           | refuse        | ignore       | refuse
CANCELLING       | refuse           | refuse        | ignore       | refuse
CANCELLED        | refuse           | refuse        | ignore       | refuse
PACKAGING_FAILED | refuse           | refuse        | ignore       | refuse
DELIVERY_FAILED  | refuse           | refuse        | ignore       | refuse
""",
)
# What is asked of an order, and never remembered for a later state.
ASKS = frozenset({"customer cancels", "staff cancels", "time is over", "address changes"})
# What `remember > STATE` waits for.
WAITS_FOR = {
    "CONFIRMED": {"StockReserved", "PaymentAuthorized"},
    "FULFILLED": {"PackageCreated", "DeliveryCompleted"},
}
