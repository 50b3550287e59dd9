"""`make run` and `make demo`: every ending is played, and nothing is left behind."""

from __future__ import annotations

import httpx
import pytest

from tests.whole.machine import STOP_SECONDS, Machine, eventually

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("ending", "spoken"),
    [
        ("fulfilled", ["OrderFulfilled", "PaymentCaptured", "InvoiceIssued", "Invoice "]),
        ("short", ["StockShort", "OrderCancelled", "out of stock"]),
        ("declined", ["PaymentDeclined", "OrderCancelled", "payment declined"]),
    ],
)
def test_an_ending_is_played(machine: Machine, ending: str, spoken: list[str]) -> None:
    told = machine.demo(ending)
    assert told.returncode == 0, told.stdout + told.stderr + machine.told()
    assert "Every module agrees." in told.stdout
    assert [word for word in spoken if word not in told.stdout] == []


def test_who_kills_it_leaves_nothing_running_and_loses_nothing(machine: Machine) -> None:
    before = products(machine)
    assert len(before) >= 60
    assert len(machine.processes()) >= 8
    machine.kill()
    assert eventually(lambda: not machine.processes(), STOP_SECONDS), machine.processes()
    machine.start()
    assert products(machine) == before


def products(machine: Machine) -> list[str]:
    found = httpx.get(f"{machine.api}/products", params={"limit": 100}, timeout=10).json()
    return sorted(product["code"] for product in found["results"])
