"""
Asks the shop each thing that stdin names, and lets PostgreSQL explain every statement of it.

Printed are, for each, its statements, their milliseconds, the pages that they touch, which
indexes of products they use, and whether one reads the whole table.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up before any model
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

_SCAN = re.compile(r"Seq Scan on products_product\b")
_INDEX = re.compile(r"Index (?:Only )?Scan (?:Backward )?(?:using|on) (products_\w+)")
_OTHERS = re.compile(r"products_(category|availability|family|word|picture)")
_PAGES = re.compile(r"^ +Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", re.MULTILINE)


def main() -> None:
    """Explain, print."""
    asked = json.load(sys.stdin)
    client = Client(SERVER_NAME="127.0.0.1")
    print(json.dumps({kind: _explained(client, path) for kind, path in asked.items()}))


def _explained(client: Client, path: str) -> dict[str, Any]:
    client.get(f"/api/v1{path}")  # what is cached is cached
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(f"/api/v1{path}")
    if answer.status_code != 200:
        raise SystemExit(f"{path} was answered {answer.status_code}.")
    plans = [_plan(query["sql"]) for query in queries]
    text = "\n".join(plans)
    indexes = {name for name in _INDEX.findall(text) if not _OTHERS.match(name)}
    return {
        "path": path,
        "statements": len(plans),
        "ms": sum(float(re.findall(r"Execution Time: ([\d.]+)", plan)[-1]) for plan in plans),
        "pages": sum(_pages(plan) for plan in plans),
        "indexes": ", ".join(sorted(indexes)),
        "scans": bool(_SCAN.search(text)),
        "plans": plans,
    }


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def _pages(plan: str) -> int:
    """Return the pages of the outermost node, which holds those of the others."""
    first = _PAGES.search(plan)
    return sum(int(part or 0) for part in first.groups()) if first else 0


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    main()
