"""
Reads the list of products through the shop's whole WSGI application, and a baseline beside it.

Both in this process and by turns, so that what the machine does meanwhile happens to both;
printed are the CPU seconds of this process and of the database.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import django
from django.conf import settings

django.setup()
settings.ROOT_URLCONF = "bench.inside.baseline"

from django.db import connection  # noqa: E402 -- Django must be set up before any model

from bench.processes import Cpu  # noqa: E402
from ecommerce.wsgi import application  # noqa: E402

OURS, BASELINE = "/api/v1/products", "/baseline/products"
TURNS, WARM_UP = 10, 30

Read = Callable[[], bytes]


def main() -> None:
    """Compare what both answer, then measure both."""
    asked = json.load(sys.stdin)
    readers = {name: _reader(path) for name, path in (("ours", OURS), ("baseline", BASELINE))}
    _demand_same_products(*(json.loads(read())["results"] for read in readers.values()))
    database = Cpu({"database": asked["postmaster"]})
    spent = {name: {"web ms": 0.0, "database ms": 0.0} for name in readers}
    for turn in range(TURNS + 1):
        for name, read in readers.items():
            web, data = _turn(read, asked["lists"] // TURNS if turn else WARM_UP, database)
            if turn:
                spent[name]["web ms"] += 1000 * web / asked["lists"]
                spent[name]["database ms"] += 1000 * data / asked["lists"]
    print(json.dumps(spent))


def _reader(path: str) -> Read:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_ACCEPT": "application/json",
        "wsgi.url_scheme": "http",
    }

    def start_response(status: str, headers: Any, error: Any = None, /) -> Any:
        if not status.startswith("200"):
            raise SystemExit(f"{path} was answered {status}.")

    def read() -> bytes:
        body = application({**environ, "wsgi.input": io.BytesIO()}, start_response)
        try:
            return b"".join(body)
        finally:
            body.close()

    return read


def _turn(read: Read, times: int, database: Cpu) -> tuple[float, float]:
    before, begun = database.read()["database"], time.process_time()
    for _ in range(times):
        read()
    return time.process_time() - begun, database.read()["database"] - before


def _demand_same_products(ours: list[Any], baseline: list[Any]) -> None:
    if ours != baseline or len(ours) != 24:
        raise SystemExit(f"Not the same products: {ours[:1]} and {baseline[:1]}")
    if not connection.settings_dict["CONN_MAX_AGE"]:
        raise SystemExit("Each list would open a session.")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    main()
