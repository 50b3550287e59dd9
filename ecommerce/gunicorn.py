"""The web process: gunicorn's settings (`gunicorn -c python:ecommerce.gunicorn ecommerce.wsgi`)."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import tempfile
from importlib import import_module
from typing import Any

import structlog
from gunicorn.glogging import Logger as GunicornLogger

from ecommerce.logs import trace_ids
from kernel import limits
from kernel.rest.request_id import TRACEPARENT

_host = os.environ.get("BIND_HOST", "0.0.0.0")  # noqa: S104
bind = [f"{_host}:{os.environ.get('PORT', '8000')}"]
if _metrics_port := os.environ.get("METRICS_PORT"):
    bind.append(f"{_host}:{_metrics_port}")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
preload_app = True  # the workers share the code's memory
timeout = limits.REQUEST_SECONDS
graceful_timeout = limits.REQUEST_GRACE_SECONDS
keepalive = 75  # longer than the load balancer's 60 s, so that it is never surprised
control_socket_disable = True
# What is longer is answered 414 or 431 before a line of ours runs; a body's limit is Django's.
limit_request_line, limit_request_fields, limit_request_field_size = 4_094, 100, 8_190
max_requests, max_requests_jitter = 20_000, 2_000  # a leak can't grow for ever


def pre_fork(server: Any, worker: Any) -> None:
    """Give the new worker a number that no living one has: it names the files of its counts."""
    taken = {each.slot for each in server.WORKERS.values()}
    worker.slot = next(number for number in itertools.count() if number not in taken)


def post_fork(server: Any, worker: Any) -> None:
    """Let the worker count under its number."""
    if _metrics_port:  # these settings are read before Django's
        import_module("ecommerce.metrics").use_slot(worker.slot)


log = structlog.get_logger("web")


class Logger(GunicornLogger):  # type: ignore[misc]
    """Writes where everything else writes, in the same form."""

    def setup(self, cfg: Any) -> None:
        """Leave handlers and levels to `ecommerce.logs`."""
        for logger in (self.error_log, self.access_log):
            logger.handlers = []
            logger.propagate = True

    def access(self, resp: Any, req: Any, environ: Any, request_time: dt.timedelta) -> None:
        """
        Log an answer: what was changed or refused at INFO, what was only read at DEBUG.

        The query is left out, since e-mail addresses may stand in it.
        """
        is_read = req.method in {"GET", "HEAD", "OPTIONS"} and resp.status_code < 400
        (log.debug if is_read else log.info)(
            "request",
            method=req.method,
            path=req.path,
            status=resp.status_code,
            ms=round(request_time.total_seconds() * 1000, 1),
            request_id=dict(resp.headers).get("X-Request-ID", ""),
            **trace_ids(environ.get(TRACEPARENT, "")),
        )


logger_class = Logger
accesslog = "-"
