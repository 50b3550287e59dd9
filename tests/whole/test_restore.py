"""
A backup is taken, more happens, all is wiped, and the backup restored: docs/runbook.md, rehearsed.

What happened after the backup is lost here, and not at the gateway: reconciliation finds it.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from dev import ROOT
from dev.demo_users import demo_password
from dev.postgres import LocalPostgres, find_binaries
from tests.whole.machine import Machine
from tests.whole.staff import Staff

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def test_a_restored_backup_serves_and_what_it_lacks_is_found(
    machine: Machine, tmp_path: Path
) -> None:
    play(machine)
    kept, backup = orders(machine), tmp_path / "shop.dump"
    run("pg_dump", "--format=custom", f"--file={backup}", owner_url(machine))
    play(machine)
    lost = orders(machine).keys() - kept.keys()
    captured = sum(orders(machine)[number] for number in lost)
    machine.stop()
    wipe_and_restore(machine, backup)
    machine.start()

    assert orders(machine) == kept
    assert "chains hold" in manage(machine, "audit", "verify").stdout
    assert missing_here(machine) == {"AUTHORIZE": captured, "CAPTURE": captured}
    play(machine)
    assert len(orders(machine)) == len(kept) + 1


def wipe_and_restore(machine: Machine, backup: Path) -> None:
    server = LocalPostgres(machine.state / "postgres")
    server.start()
    try:
        run("dropdb", "--force", f"--maintenance-db={server.url('postgres')}", "app")
        server.prepare()  # an empty database, and the roles
        run("pg_restore", "--exit-on-error", f"--dbname={server.url()}", str(backup))
    finally:
        server.stop()


def play(machine: Machine) -> None:
    told = machine.demo("fulfilled")
    assert told.returncode == 0, told.stdout + told.stderr + machine.told()


def orders(machine: Machine) -> dict[str, int]:
    """Return the total of each order, by its number."""
    staff = Staff(machine.addresses, demo_password(machine.state))
    try:
        found = staff("support").get("/orders", limit=100)["results"]
    finally:
        staff.leave()
    return {order["number"]: order["total"]["amount"] for order in found}


def missing_here(machine: Machine) -> dict[str, int]:
    """Return what the gateway did today and we know nothing of, by what it did."""
    today = timezone.now().astimezone(dt.UTC).date().isoformat()
    told = manage(machine, "payment", "reconcile", f"--date={today}", "--json")
    assert told.returncode == 1, told.stderr
    [report] = json.loads(told.stdout)
    found: dict[str, int] = {}
    for each in report["differences"]:
        assert each["kind"] == "MISSING_HERE"
        found[each["doing"]] = found.get(each["doing"], 0) + each["their_amount"]
    return found


def manage(machine: Machine, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dev.manage", *command],
        cwd=ROOT,
        env=machine.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def owner_url(machine: Machine) -> str:
    return LocalPostgres(machine.state / "postgres").url()


def run(program: str, *arguments: str) -> None:
    subprocess.run([find_binaries() / program, *arguments], check=True, timeout=60)
