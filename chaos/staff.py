"""The shop's staff: they pack, ship and hand over whatever is there to do."""

from __future__ import annotations

import random
from collections.abc import Iterator

from chaos.client import Body, Client
from chaos.ledger import Ledger
from chaos.threads import Threads
from dev.demo_users import email_of
from dev.shop import Addresses

PAUSE_SECONDS = 0.3  # between two looks at what there is to do
# Of a hundred packages.
PARTLY_PACKED, NOT_PACKED, NOT_DELIVERED = 6, 2, 4
RESTOCK_SECONDS = 20.0
RESTOCKED_UNITS = 4
REASON = "ordered anew"


class Staff:
    """Someone with a role, for one thread."""

    role = ""

    def __init__(
        self, addresses: Addresses, password: str, ledger: Ledger, threads: Threads, *, seed: int
    ) -> None:
        self._ledger, self._threads = ledger, threads
        self._dice = random.Random(f"{self.role} {seed}")
        self._shop = Client(f"{addresses.shop}/api/v1", ledger, threads)
        self._password = password

    def log_in(self) -> None:
        """Begin to work."""
        self._shop.log_in(email_of(self.role), self._password)

    def work(self) -> None:
        """Do what there is to do until the run ends."""
        while True:
            self.look_around()
            self._threads.pause(PAUSE_SECONDS)

    def look_around(self) -> None:
        """Do what there is to do now."""
        raise NotImplementedError

    def _to_do(self, path: str) -> Iterator[Body]:
        """Yield what was begun and never ended, then what is new."""
        for state in ("in_progress", "new"):
            yield from self._shop.get(path, state=state, limit=100)["results"]

    def _draws(self, share: int) -> bool:
        return self._dice.randrange(100) < share


class Packer(Staff):
    """Packs, now and then less than was ordered or nothing at all."""

    role = "warehouse"
    _path = "/warehouse/packaging-requests"

    def look_around(self) -> None:
        """Pack what is confirmed."""
        for request in self._to_do(self._path):
            self._pack(request)

    def stock(self, product_id: str, units: int) -> None:
        """Put goods on the shelf."""
        path = f"/warehouse/stock/{product_id}/adjustments"
        if self._shop.post(path, {"delta": units, "reason": REASON}).is_good:
            self._ledger.stocked[product_id] += units

    def restock(self, product_id: str) -> None:
        """Put a few units of what is scarce on the shelf now and then, until the run ends."""
        while True:
            self._threads.pause(RESTOCK_SECONDS)
            self.stock(product_id, RESTOCKED_UNITS)

    def products(self) -> list[str]:
        """Return what is on the shelf, the scarcest first."""
        rows = self._shop.get("/warehouse/stock", limit=100)["results"]
        return [row["product_id"] for row in sorted(rows, key=lambda row: row["free"])]

    def _pack(self, request: Body) -> None:
        path = f"{self._path}/{request['order_id']}"
        if request["state"] == "NEW" and not self._shop.post(f"{path}/start").is_good:
            return  # cancelled meanwhile
        if self._draws(PARTLY_PACKED):
            self._correct(path, request["lines"][:1])
        elif self._draws(NOT_PACKED):
            self._correct(path, request["lines"])
        if self._shop.post(f"{path}/complete").is_good:
            self._ledger.packed.add(request["order_id"])

    def _correct(self, path: str, lines: list[Body]) -> None:
        for line in lines:
            etag = self._shop.ask("GET", path).etag
            url = f"{path}/lines/{line['product_id']}"
            self._shop.ask("PATCH", url, json={"quantity": 0}, headers={"If-Match": etag})


class Carrier(Staff):
    """Ships and hands over; now and then nobody is at home."""

    role = "delivery"
    _path = "/delivery/shipments"

    def look_around(self) -> None:
        """Deliver what is packed."""
        for shipment in self._to_do(self._path):
            self._deliver(shipment)

    def _deliver(self, shipment: Body) -> None:
        order_id = shipment["order_id"]
        path = f"{self._path}/{order_id}"
        if shipment["state"] == "NEW" and not self._shop.post(f"{path}/start").is_good:
            return  # cancelled meanwhile
        if self._draws(NOT_DELIVERED):
            if self._shop.post(f"{path}/fail", {"reason": "nobody at home"}).is_good:
                self._ledger.returned.add(order_id)
        elif self._shop.post(f"{path}/complete").is_good:
            self._ledger.delivered.add(order_id)
