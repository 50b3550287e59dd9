"""Staff who pack and deliver over HTTP whatever is ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import LiteralString

from bench.client import Client
from bench.log import INVOICED, STALLED_SECONDS, Stalled
from bench.running import RunningShop
from dev.demo_users import email_of

PAUSE_SECONDS = 0.05
# The warehouse has a request to pack once it has heard of the confirmation.
_TO_PACK = """
SELECT order_id FROM bus_outbox JOIN bus_inbox USING (event_id)
WHERE name = 'orders.order_confirmed.v1' AND handler = 'warehouse.confirm_order'
    AND order_id = ANY(%s)
"""
_SAID = "SELECT order_id FROM bus_outbox WHERE name = %s AND order_id = ANY(%s)"


class Staff:
    """Warehouse and delivery. They see in the log what to do, which costs the shop nothing."""

    def __init__(self, shop: RunningShop) -> None:
        self._database = shop.database
        address, password = shop.plan.addresses.shop, shop.password
        self._warehouse = Client(address).log_in(email_of("warehouse"), password)
        self._delivery = Client(address).log_in(email_of("delivery"), password)
        self._failure: Exception | None = None

    def fulfil(self, placed: Sequence[str], orders: int, each: Callable[[], object]) -> None:
        """Work off `placed`, which grows to so many, until each order is invoiced; for a thread."""
        try:
            self._fulfil(placed, orders, each)
        except Exception as failure:  # noqa: BLE001 -- raised by `demand_done`
            self._failure = failure

    def demand_done(self) -> None:
        """
        Return if all was fulfilled.

        :raises Stalled, Refused: if it wasn't.
        """
        if self._failure:
            raise self._failure

    def _fulfil(self, placed: Sequence[str], orders: int, each: Callable[[], object]) -> None:
        steps = (
            _Step(_TO_PACK, (), self._pack),
            _Step(_SAID, ("delivery.shipment_created.v1",), self._take_along),
            _Step(_SAID, ("orders.order_shipped.v1",), self._hand_over),
            _Step(_SAID, (INVOICED,), lambda _: each()),
        )
        moved_at = time.monotonic()
        while len(steps[-1].done) < orders:
            if sum(self._take(step, placed) for step in steps):
                moved_at = time.monotonic()
            elif time.monotonic() > moved_at + STALLED_SECONDS:
                raise Stalled(f"{len(steps[-1].done)} of {orders} orders are invoiced.")
            else:
                time.sleep(PAUSE_SECONDS)

    def _take(self, step: _Step, placed: Sequence[str]) -> int:
        open_ = [order for order in placed if order not in step.done]
        found = self._database.execute(step.query, [*step.parameters, open_]).fetchall()
        for (order,) in found:
            step.act(str(order))
            step.done.add(str(order))
        return len(found)

    def _pack(self, order: str) -> None:
        self._warehouse.post(f"/warehouse/packaging-requests/{order}/start")
        self._warehouse.post(f"/warehouse/packaging-requests/{order}/complete")

    def _take_along(self, order: str) -> None:
        self._delivery.post(f"/delivery/shipments/{order}/start")

    def _hand_over(self, order: str) -> None:
        self._delivery.post(f"/delivery/shipments/{order}/complete")


class _Step:
    """What is done with each order of which a query says that it is ready."""

    def __init__(
        self, query: LiteralString, parameters: Sequence[str], act: Callable[[str], object]
    ) -> None:
        self.query, self.parameters, self.act = query, parameters, act
        self.done: set[str] = set()
