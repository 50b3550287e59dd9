"""What it costs to import a file of products: lines in a second, and the most memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.program import Details, Measurement, Size, main
from bench.report import Figure, Report, Target
from bench.running import COURIERS, RunningShop
from dev import ROOT

# Of the smaller file first: what grows with the file shows in the difference.
PART = 10


def measure(shop: RunningShop, report: Report, *, lines: int) -> Details:
    """Import a tenth of a file, then all of it, each with codes of its own."""
    with shop.standing_still(*COURIERS):
        _, small = _imported(shop, "S", lines // PART)
        seconds, large = _imported(shop, "L", lines)
    report.say(f"{lines // PART:,} lines took {small:.0f} MB, {lines:,} lines {large:.0f} MB")
    report.add(
        Figure(
            f"import of {lines:,} products", Target(100, "lines/s", is_least=True), lines / seconds
        )
    )
    report.add(
        Figure(
            "… memory, of that for a tenth of the file",
            Target(1.1, "times"),
            large / small,
            f"{large:.0f} MB",
        )
    )
    return {"seconds": seconds, "megabytes": {"a tenth": small, "all": large}}


def _imported(shop: RunningShop, prefix: str, lines: int) -> tuple[float, float]:
    """Return the seconds and the megabytes that an import takes."""
    file = shop.state / f"{prefix}.jsonl"
    _write(file, prefix, lines)
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "catalogue", "import", str(file)],
        env={**os.environ, **shop.environment},
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"The import ended with status {process.returncode}.")
    return time.monotonic() - begun, used.ru_maxrss / 1024


def _write(file: Path, prefix: str, lines: int) -> None:
    with file.open("w", encoding="utf-8") as target:
        for number in range(lines):
            product = {
                "code": f"{prefix}-{number}",
                "name": f"Lamp {number} of the import",
                "description": "To read by, and to look at. " * 10,
                "category": "lighting",
                "tags": ["warm", f"tag-{number % 500}"],
                "attributes": {"colour": "red", "size": "L"},
                **dict.fromkeys(("width", "length", "height", "weight"), 100),
                "price_amount": 1000 + number,
                "price_currency": "EUR",
            }
            target.write(json.dumps(product) + "\n")


MEASUREMENT = Measurement(
    "imports",
    "An import of products",
    measure,
    {"lines": Size(20_000, quick=2_000, full=100_000, help="lines of the file")},
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
