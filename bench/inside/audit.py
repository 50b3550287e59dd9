"""
Asks the audit each thing that stdin names, as support, again and again in this process.

Printed are, for each, the milliseconds of whole requests, and of its statements how many they
are, their time, the pages that they touch, and whether one reads a whole partition.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402 -- Django must be set up before any model
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken  # noqa: E402

from kernel.ids import new_id  # noqa: E402

_SCAN = re.compile(r"Seq Scan on audit_record")
_PAGES = re.compile(r"^ +Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", re.MULTILINE)
_TIMES = re.compile(r"(?:Planning|Execution) Time: ([\d.]+)")
WARM_UP = 3
TIMES = 5  # each statement, of which the quickest counts: what else is running takes its time too


def main() -> None:
    """Ask, explain, print."""
    asked: dict[str, list[str]] = json.load(sys.stdin)
    token = AccessToken()
    token.set_exp(lifetime=dt.timedelta(days=1))
    token["user_id"], token["roles"] = str(new_id()), ["support"]
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": f"Bearer {token}"})
    print(json.dumps({kind: _measured(client, paths) for kind, paths in asked.items()}))


def _measured(client: Client, paths: list[str]) -> dict[str, Any]:
    times = []
    for number, path in enumerate(paths):
        begun = time.perf_counter()
        answer = client.get(f"/api/v1{path}")
        if answer.status_code != 200:
            raise SystemExit(f"{path} was answered {answer.status_code}.")
        if number >= WARM_UP:
            times.append(1000 * (time.perf_counter() - begun))
    with CaptureQueriesContext(connection) as queries:
        found = json.loads(client.get(f"/api/v1{paths[0]}").content)
    plans = [min((_plan(query["sql"]) for _ in range(TIMES)), key=_time) for query in queries]
    return {
        "milliseconds": times,
        "rows": len(found["results"]),
        "statements": len(plans),
        "ms": sum(map(_time, plans)),
        "pages": sum(_pages(plan) for plan in plans),
        "scans": any(map(_SCAN.search, plans)),
        "plans": plans,
    }


def _plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}")
        return "\n".join(row[0] for row in cursor.fetchall())


def _time(plan: str) -> float:
    return sum(map(float, _TIMES.findall(plan)))


def _pages(plan: str) -> int:
    """Return the pages of the outermost node, which holds those of the others."""
    first = _PAGES.search(plan)
    return sum(int(part or 0) for part in first.groups()) if first else 0


if __name__ == "__main__":
    main()
