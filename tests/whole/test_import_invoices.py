"""The example that imports invoices, as it is run from a terminal, against the running shop."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from dev import ROOT
from dev.demo_users import demo_password, email_of
from kernel.ids import new_id
from tests.invoices.legacy import file_of, line
from tests.whole.machine import Machine
from tests.whole.staff import Staff

SCRIPT = ROOT / "examples/invoices/import_invoices.py"
pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def run(
    machine: Machine, *arguments: object, password: str = ""
) -> subprocess.CompletedProcess[str]:
    shop = machine.api.removesuffix("/api/v1")
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments), "--shop", shop],
        env={"SHOP_PASSWORD": password or demo_password(machine.state), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def rows(told: str) -> list[list[str]]:
    """Return the cells of the tables that were printed."""
    lines = [each for each in told.splitlines() if each.startswith("│")]
    return [re.split(r"\s*│\s*", each)[1:-1] for each in lines]


@pytest.fixture
def prefix() -> str:
    """Return what no other file's numbers begin with."""
    return str(new_id())


def test_a_file_is_imported_and_every_line_accounted_for(
    machine: Machine, staff: Staff, tmp_path: Path, prefix: str
) -> None:
    good = [line(f"{prefix}-{number}") for number in range(3_000)]
    bad = [line(f"{prefix}-x", products=[]), line(f"{prefix}-y", customerEmail="[b]"), good[0]]
    (tmp_path / "mixed.jsonl").write_bytes(file_of(*good, *bad))
    (tmp_path / "good.jsonl").write_bytes(file_of(*[line(f"{prefix}+{n}") for n in range(10)]))

    told = run(machine, tmp_path / "mixed.jsonl")

    assert told.returncode == 1, told.stdout + told.stderr + machine.told()
    assert rows(told.stdout) == [
        ["OK", "3,000"],
        ["EMPTY_PRODUCTS_LIST", "1"],
        ["INVALID", "1"],
        ["DUPLICATE", "1"],
        ["3001", "EMPTY_PRODUCTS_LIST", f"{prefix}-x", ""],
        ["3002", "INVALID", "", "customerEmail: it is no e-mail address."],
        ["3003", "DUPLICATE", f"{prefix}-0", ""],
    ]
    [newest, *_] = staff("support").get("/invoices/imports", limit=1)["results"]
    assert (newest["state"], newest["percent"], newest["lines_read"]) == (
        "FILE_PROCESSED",
        100,
        3_003,
    )
    assert run(machine, tmp_path / "good.jsonl").returncode == 0


def test_what_can_not_be_imported_is_told_in_a_sentence(machine: Machine, tmp_path: Path) -> None:
    blank = tmp_path / "blank.jsonl"
    blank.write_bytes(b"\n")

    failed = run(machine, blank)
    absent = run(machine, tmp_path / "absent.jsonl")
    stranger = run(machine, blank, password="not the password")
    customer = run(machine, blank, "--email", email_of("customer"))

    assert [each.returncode for each in (failed, absent, stranger, customer)] == [2] * 4
    assert "Not imported. ERROR: empty_file." in failed.stdout
    assert "Not imported. [Errno 2] No such file" in absent.stdout
    assert "Not imported. 401 " in stranger.stdout
    assert "Not imported. 403 permission_denied" in customer.stdout
    assert "Traceback" not in "".join(each.stderr for each in (failed, absent, stranger, customer))


def test_it_says_how_it_is_used(machine: Machine) -> None:
    told = run(machine, "--help")

    assert told.returncode == 0
    assert "one invoice as JSON on each line" in told.stdout
