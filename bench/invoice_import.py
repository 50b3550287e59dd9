"""What it costs to import a file of invoices: lines in a second, and the worker's memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import RunningShop
from dev import ROOT
from dev.demo_users import email_of

# Of the smaller file first: what grows with the file shows in the difference.
PART = 10
WORKER = "worker-outside"
PROGRAM = ROOT / "examples/invoices/import_invoices.py"
LONGEST_SECONDS = 3 * 3600
_LAST = """
SELECT extract(epoch FROM finished_at - received_at), ok FROM invoices_import
WHERE state = 'FILE_PROCESSED' ORDER BY id DESC LIMIT 1
"""


def measure(shop: RunningShop, report: Report, *, lines: int) -> Details:
    """Import a tenth of a file, then all of it, each with numbers of its own."""
    _imported(shop, "W", 1_000)  # what a process fetches at first
    _, small = _imported(shop, "S", lines // PART)
    seconds, large = _imported(shop, "L", lines)
    report.say(f"{lines // PART:,} lines took {small:.0f} MB at most, {lines:,} {large:.0f} MB")
    report.add(
        Figure(
            f"import of {lines:,} invoices",
            Target(2_000, "lines/s", is_least=True),
            lines / seconds,
        )
    )
    report.add(
        Figure(
            "… the worker's memory at its peak, of that for a tenth of the file",
            Target(1.1, "times"),
            large / small,
            f"{large:.0f} MB",
        )
    )
    return {"seconds": seconds, "megabytes": {"a tenth": small, "all": large}}


def _imported(shop: RunningShop, prefix: str, lines: int) -> tuple[float, float]:
    """Return the seconds that the worker takes for a file, and the megabytes, at the peak."""
    file = shop.state / f"{prefix}.jsonl"
    _write(file, prefix, lines)
    [pid] = shop.roots(WORKER).values()
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the peak until now
    subprocess.run(
        [
            sys.executable, PROGRAM, file,
            "--shop", shop.plan.addresses.shop, "--email", email_of("support"),
        ],
        env={**os.environ, "SHOP_PASSWORD": shop.password},
        stdout=subprocess.DEVNULL,
        timeout=LONGEST_SECONDS,
        check=True,
    )  # fmt: skip
    peak = _peak(pid)
    file.unlink()
    row = shop.database.execute(_LAST).fetchone()
    if row is None or row[1] != lines:
        raise RuntimeError(f"Not all of {lines} lines were imported: {row}.")
    return float(row[0]), peak


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) / 1024


def _write(file: Path, prefix: str, lines: int) -> None:
    with file.open("w", encoding="utf-8") as target:
        for number in range(lines):
            invoice = {
                "customerEmail": f"customer-{number % 50_000}@example.com",
                "invoiceNumber": f"{prefix}-{number:09d}",
                "totalValue": number % 100_000 / 100,
                "products": [{"id": f"product-{number % 900}", "quantity": 1 + number % 3}] * 2,
            }
            target.write(json.dumps(invoice) + "\n")


MEASUREMENT = Measurement(
    "invoice-import",
    "An import of a legacy system's invoices",
    measure,
    {"lines": Size(100_000, quick=10_000, full=1_000_000, help="lines of the file")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
