"""
What is seen of the web from outside: what Prometheus reads, and the line of an answer in the log.

Prometheus reads on its own port alone, of all processes, and the whole shop's figures.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.db import connection
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from apps.orders.events import OrderFailed
from apps.payment.models import Circuit
from dev import ROOT
from dev.plan import free_port
from ecommerce import metrics
from kernel.bus import figures
from kernel.bus.models import OutboxEvent
from kernel.bus.outbox import publish
from kernel.ids import new_id
from kernel.transactions import transaction
from tests.conftest import NOON
from tests.kernel.processes import shop_environment

pytestmark = pytest.mark.django_db(transaction=True)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def read(settings: Any) -> Callable[[], Samples]:
    """Read everything, as Prometheus would."""
    settings.METRICS_PORT = "9464"

    def read() -> Samples:
        return samples(metrics.metrics(ask(9464)).content.decode())

    return read


def ask(port: int, path: str = "/metrics") -> Any:
    return RequestFactory().get(path, SERVER_PORT=str(port))


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def fail(total: int) -> None:
    event = OrderFailed(
        occurred_at=NOON, order_id=new_id(), version=3, reason="delivery_failed", total=total
    )
    with transaction():
        publish(event)


def tell() -> None:
    OutboxEvent.objects.update(recorded_at=timezone.now() - dt.timedelta(minutes=5))
    with transaction():
        figures.count_up_to(timezone.now())


def test_what_adds_up_only_grows(read: Callable[[], Samples]) -> None:
    fail(500)
    tell()
    fail(70)
    tell()

    found = read()
    assert found["shop_amount_lost_total", frozenset()] == 570
    assert found["shop_orders_failed_total", frozenset()] == 2
    assert found["shop_orders_placed_total", frozenset()] == 0


def test_what_is_so_now_is_asked_for(read: Callable[[], Samples]) -> None:
    fail(500)
    OutboxEvent.objects.update(recorded_at=timezone.now() - dt.timedelta(minutes=5))
    silent = {"failures": 5, "opened_at": NOON, "retry_at": NOON}
    Circuit.objects.update_or_create(gateway="payment_3p", defaults=silent)

    found = read()
    assert 300 <= found["shop_outbox_age_seconds", frozenset()] < 310
    assert found["shop_outbox_unsent", frozenset()] == 1
    assert found["shop_outbox_set_aside", frozenset()] == 0
    assert found["shop_dead_deliveries", frozenset()] == 0
    assert found["shop_payment_differences", frozenset()] == 0
    assert found["shop_queue_age_seconds", frozenset({("queue", "orders")})] == 0
    assert found["shop_gateway_silent", frozenset({("gateway", "payment_3p")})] == 1


def test_a_request_is_counted_by_its_route_and_by_methods_that_there_are(
    read: Callable[[], Samples],
) -> None:
    before = read()
    through = metrics.MetricsMiddleware(lambda request: HttpResponse(status=404))
    through(ask(80, "/nothing/ada@example.com"))
    odd = ask(80, "/nothing")
    odd.method = "BREW"
    through(odd)

    now = read()
    grown = {
        dict(labels)["method"]: value - before.get((name, labels), 0)
        for (name, labels), value in now.items()
        if name == "shop_request_seconds_count" and ("route", "(no route)") in labels
    }
    assert grown == {"GET": 1, "other": 1}


def test_no_other_port_tells_anything(settings: Any) -> None:
    settings.METRICS_PORT = "9464"
    with pytest.raises(Http404):
        metrics.metrics(ask(8000))
    settings.METRICS_PORT = ""
    with pytest.raises(Http404):
        metrics.metrics(ask(9464))


class Web:
    """The real web process, with two workers."""

    def __init__(self, process: subprocess.Popen[bytes], ports: tuple[int, int], log: Path) -> None:
        self.process, self._log = process, log
        self.url, self.metrics = (f"http://127.0.0.1:{port}" for port in ports)

    def workers(self) -> list[int]:
        return sorted(child.pid for child in psutil.Process(self.process.pid).children())

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of JSON that were written."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ask(self, times: int) -> None:
        for _ in range(times):
            assert httpx.get(f"{self.url}/api/v1/health/live").status_code == 200

    def counted(self) -> float:
        route = {"method": "GET", "route": "/api/v1/health/live", "status": "200"}
        found = samples(httpx.get(f"{self.metrics}/metrics").text)
        return found["shop_request_seconds_count", frozenset(route.items())]


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    ports = free_port(), free_port()
    settings = {
        "PORT": str(ports[0]),
        "METRICS_PORT": str(ports[1]),
        "BIND_HOST": "127.0.0.1",
        "TMPDIR": str(tmp_path),
        "WEB_CONCURRENCY": "2",
        "LOG_FORMAT": "json",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:ecommerce.gunicorn"]
    with (tmp_path / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "ecommerce.wsgi"],
            env=shop_environment() | settings,
            stdout=log,
            stderr=log,
        )
    web = Web(process, ports, tmp_path / "web.log")
    try:
        eventually(lambda: answers(web.url) and len(web.workers()) == 2)
        yield web
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/api/v1/health/live").status_code == 200
    return False


def eventually(condition: Callable[[], bool], seconds: float = 40) -> None:
    deadline = timezone.now() + dt.timedelta(seconds=seconds)
    while not condition():
        assert timezone.now() < deadline
        time.sleep(0.1)


@pytest.mark.processes
def test_requests_of_all_processes_are_counted_also_of_one_that_has_ended(
    web: Web, tmp_path: Path
) -> None:
    before = web.counted()
    web.ask(20)
    assert web.counted() == before + 20

    first, *_ = web.workers()
    os.kill(first, signal.SIGKILL)
    eventually(lambda: first not in web.workers() and len(web.workers()) == 2)
    web.ask(20)
    assert web.counted() == before + 40
    assert len(list(tmp_path.glob("metrics-*/histogram_*.db"))) <= 2

    refused = httpx.get(f"{web.url}/metrics")
    assert (refused.status_code, "shop_" in refused.text) == (404, False)


@pytest.mark.processes
def test_the_alarm_on_slow_orders_reads_the_line_that_the_web_writes(web: Web) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    httpx.post(f"{web.url}/api/v1/orders", json={}, headers={"traceparent": trace})

    watched = (ROOT / "deploy/cdk/shop/observability/balancer.py").read_text()
    asked = dict(re.findall(r'said\("\$\.(\w+)", "=", "(.*?)"\)', watched))
    eventually(lambda: any(asked.items() <= line.items() for line in web.log()))
    [line] = [line for line in web.log() if asked.items() <= line.items()]
    assert asked.keys() == {"message", "method", "path"}
    assert 0 < line["ms"] < 60_000
    assert 'metric_value="$.ms"' in watched
    assert (line["trace_id"], line["span_id"]) == tuple(trace.split("-")[1:3])


@pytest.mark.processes
def test_a_web_that_is_stopped_answers_what_it_has_begun(web: Web) -> None:
    with ThreadPoolExecutor(1) as pool:
        with transaction(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE products_product")
            answer = pool.submit(httpx.get, f"{web.url}/api/v1/products", timeout=30)
            eventually(lambda: is_awaited(cursor))
            web.process.send_signal(signal.SIGTERM)
            time.sleep(1)  # it could be gone by now; a statement waits five for a lock
            assert not answer.done()
        assert answer.result().status_code == 200
    assert web.process.wait(20) == 0


def is_awaited(cursor: Any) -> bool:
    cursor.execute(
        "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database d ON d.oid = database"
        " WHERE datname = current_database() AND NOT granted)"
    )
    return bool(cursor.fetchone()[0])
