"""
What Prometheus reads at `/metrics`: on a port of its own, which no load balancer knows.

Requests are counted by each process of gunicorn's in files that any of them can read. All else is
asked of the database when it is read, so every task of the web says the same: take the maximum.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    disable_created_metrics,
    generate_latest,
    values,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from apps.payment import queries as payment
from kernel.bus import figures, health

_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_own = CollectorRegistry()
_slot = "0"


def use_slot(number: int) -> None:
    """Count in the files of this number: a process goes on where one before it has ended."""
    global _slot  # noqa: PLW0603 -- of this process, set when it begins
    _slot = str(number)


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = values.MultiProcessValue(lambda: _slot)  # type: ignore[no-untyped-call]

# A series more for each, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Histogram(
    "shop_request_seconds",
    "How long requests took.",
    ("method", "route", "status"),
    buckets=_BUCKETS,
    registry=_own,
)


class MetricsMiddleware:
    """Measures each request, all that lies below included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Handle the request, and count it by its route: paths are too many."""
        began = time.perf_counter()
        response = self.get_response(request)
        method = request.method if request.method in _METHODS else "other"
        route = f"/{request.resolver_match.route}" if request.resolver_match else "(no route)"
        REQUESTS.labels(method, route, response.status_code).observe(time.perf_counter() - began)
        return response


def metrics(request: HttpRequest) -> HttpResponse:
    """Tell everything, on its own port alone."""
    if not settings.METRICS_PORT or request.META["SERVER_PORT"] != settings.METRICS_PORT:
        raise Http404
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_own)
    registry.register(Shop())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class Shop(Collector):
    """What is so now, and what has added up, for the whole shop."""

    def collect(self) -> Iterator[Metric]:
        """Ask the database."""
        at = timezone.now()
        for figure, total in figures.totals().items():
            told = f"{figure.name}, since figures were first told."
            yield CounterMetricFamily(_name(figure), told, value=total)
        for figure, value in figures.now().items():
            yield GaugeMetricFamily(_name(figure), f"{figure.name}, now.", value=value)
        outbox, ages = health.outbox(at=at), health.oldest(at)
        yield GaugeMetricFamily("shop_outbox_unsent", "Events to be sent.", value=outbox.unsent)
        yield GaugeMetricFamily(
            "shop_outbox_set_aside", "Events that can't be sent.", value=outbox.set_aside
        )
        queues = ((name, ages.get(name, 0)) for name in settings.QUEUES)
        yield _by("shop_queue_age_seconds", "Since the oldest event was sent.", "queue", queues)
        failed = ((each.handler, each.failed) for each in health.failures())
        yield _by("shop_failed_deliveries", "Will be tried again.", "handler", failed)
        silent = ((name, int(is_open)) for name, is_open in payment.silent_gateways().items())
        yield _by("shop_gateway_silent", "1: it is left alone.", "gateway", silent)


def _name(figure: figures.Figure) -> str:
    return f"shop_{_WORD.sub('_', figure.name).lower()}"


def _by(name: str, told: str, label: str, found: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, told, labels=[label])
    for which, value in found:
        family.add_metric([which], value)
    return family
