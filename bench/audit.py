"""What the audit's queries cost with ten million records: each filter, first and deep pages."""

from __future__ import annotations

import base64
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import orjson
import psycopg

from bench.program import Details, Measurement, Size, main
from bench.records import fill
from bench.report import Figure, Report, Target
from bench.running import RunningShop
from dev import ROOT

DATABASE = "audited"
Asked = dict[str, list[str]]


def measure(shop: RunningShop, report: Report, *, records: int, requests: int) -> Details:
    """Fill a database of its own with records, ask for them, and look at every plan."""
    assert shop.plan.postgres  # noqa: S101 -- the bench's own is always embedded
    url = shop.plan.postgres.url(DATABASE)
    shop.plan.postgres.prepare(DATABASE)
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    environment = {**os.environ, **shop.environment, "DATABASE_URL": url}
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    with psycopg.connect(url, autocommit=True) as owner:
        fill(owner, records, report.say)
        asked = _asked(owner, requests)
    found = shop.ask("bench.inside.audit", asked=asked, environment={"DATABASE_URL": url})
    _tell(report, found)
    return {"audit": found}


def _asked(database: psycopg.Connection, requests: int) -> Asked:
    """Return what to ask of each kind, of other things each time."""
    dice = random.Random(1)  # noqa: S311 -- repeatable, not secret
    sample = "SELECT event_id, subject, order_id, request_id, occurred_at, email"
    sample += " FROM audit_record TABLESAMPLE bernoulli (%s)"
    sample += " JOIN audit_knownuser ON audit_knownuser.id = person_id"
    sample += " WHERE order_id IS NOT NULL LIMIT 10000"
    count = database.execute("SELECT sum(last_seq) FROM audit_chain").fetchone()
    assert count  # noqa: S101
    share = min(100.0, 100 * 20_000 / int(count[0]))
    rows = database.execute(sample, [share]).fetchall()
    path = "/audit/events"
    kinds = {
        "newest": lambda row: path,
        "oldest": lambda row: f"{path}?ordering=asc",
        "a deep page": lambda row: f"{path}?cursor={_cursor(row)}",
        "since and until": lambda row: f"{path}?since={_text(row[4])}&until=2026-12-24T00:00:00Z",
        "a frequent type": lambda row: f"{path}?type=warehouse.stock_level_changed.v1",
        "a deep page of a type": lambda row: (
            f"{path}?type=orders.order_placed.v1&cursor={_cursor(row)}"
        ),
        "no such type": lambda row: f"{path}?type=orders.order_forgotten.v1",
        "failures": lambda row: f"{path}?outcome=failure",
        "failures, a deep page": lambda row: f"{path}?outcome=failure&cursor={_cursor(row)}",
        "a subject": lambda row: f"{path}?subject={row[1]}",
        "an order": lambda row: f"{path}?order={row[2]}",
        "a request": lambda row: f"{path}?request_id={row[3]}",
        "a person": lambda row: f"{path}?email={row[5]}",
        "a person's failures": lambda row: f"{path}?outcome=failure&email={row[5]}",
    }
    return {
        kind: [told(dice.choice(rows)) for _ in range(requests)] for kind, told in kinds.items()
    }


def _cursor(row: tuple[Any, ...]) -> str:
    """Return the cursor that a page gives which ends at this record."""
    text = orjson.dumps([_text(row[4]), str(row[0])])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _text(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _tell(report: Report, found: Mapping[str, Mapping[str, Any]]) -> None:
    report.rows(
        "Milliseconds of a whole request, in the process, and of its statements (EXPLAIN ANALYZE)",
        ("", "p50", "p99", "statements", "ms", "pages", "rows"),
        [
            (
                kind,
                statistics.median(each["milliseconds"]),
                _p99(each["milliseconds"]),
                each["statements"],
                each["ms"],
                each["pages"],
                each["rows"],
            )
            for kind, each in found.items()
        ],
    )
    worst = max(found, key=lambda kind: float(found[kind]["ms"]))
    report.add(
        Figure(
            "audit: statements of the slowest kind",
            Target(5, "ms"),
            found[worst]["ms"],
            f"{worst}; planning and execution",
        )
    )
    scans = [kind for kind, each in found.items() if each["scans"]]
    report.add(
        Figure("audit: requests that read a partition whole", Target(0, "kinds"), len(scans))
    )
    if scans:
        raise AssertionError(f"A sequential scan of records: {', '.join(scans)}.")


def _p99(times: list[float]) -> float:
    return sorted(times)[int(0.99 * (len(times) - 1))]


MEASUREMENT = Measurement(
    "audit",
    "The audit's queries over ten million records",
    measure,
    {
        "records": Size(10_000_000, quick=300_000, help="records made"),
        "requests": Size(100, quick=30, help="requests of each kind"),
    },
)

if __name__ == "__main__":
    sys.exit(main(MEASUREMENT))
