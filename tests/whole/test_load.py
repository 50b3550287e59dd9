"""`make load`: buyers who place orders at a steady rate."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dev import ROOT
from tests.whole.machine import Machine
from tests.whole.staff import Staff

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


def load(machine: Machine, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.load", *arguments],
        cwd=ROOT,
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def newest_orders(staff: Staff) -> set[str]:
    return {order["id"] for order in staff("support").get("/orders", limit=100)["results"]}


def test_buyers_place_orders_and_what_was_reached_is_told(machine: Machine, staff: Staff) -> None:
    before = newest_orders(staff)
    told = load(machine, "--rate", "1", "--seconds", "6").stdout
    assert "✓ requests that failed: 0.00%" in told
    assert "orders a second: " in told
    assert len(newest_orders(staff) - before) >= 2


def test_less_than_was_asked_for_is_a_failure(machine: Machine) -> None:
    shop, nowhere = machine.addresses.shop, "http://127.0.0.1:9"
    done = load(machine, "--rate=1", "--seconds=4", f"--shop={shop}", f"--payment={nowhere}")
    assert done.returncode == 1
    assert "✗ orders a second: 0.0 of 1" in done.stdout
