"""
The log: JSON lines for machines, readable ones for people.

Each line carries the request that began it all, who acts (a person, or a handler by its name),
the event that led here and its order, and where it belongs in its trace; personal data stay out.
"""

from __future__ import annotations

import logging
import logging.config
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from kernel.bus import context

# PostgreSQL quotes the row's values there.
_ROW_VALUES = re.compile(r"^(DETAIL|CONTEXT|HINT): .*$", re.MULTILINE)
_NOISY = (
    "celery.worker.strategy",
    "celery.app.trace",
    "celery.beat",
    "botocore",
    "httpx",
    "gunicorn.error",
    "pikepdf",
)


def configure(settings: Mapping[str, str]) -> None:
    """Set logging up for the process: `{"format": "json" | "console", "level": …}`."""
    is_json = settings["format"] == "json"
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso" if is_json else "%H:%M:%S", utc=is_json),
        _add_cause,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_handlers(shared, settings["level"], is_json=is_json))


def _handlers(shared: list[Processor], level: str, *, is_json: bool) -> dict[str, Any]:
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [*shared, structlog.stdlib.ExtraAdder()],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _hide_row_values,
            *(_for_machines() if is_json else _for_people()),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            **{name: {"level": "WARNING"} for name in _NOISY},
            "django.request": {"level": "ERROR"},  # the web process logs each answer
            "kernel.bus.figures": {"level": "INFO"},  # told whatever else is left out
        },
    }


def _for_machines() -> list[Processor]:
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer()]


def _for_people() -> list[Processor]:
    is_colourful = sys.stdout.isatty() or bool(os.environ.get("FORCE_COLOR"))
    renderer = structlog.dev.ConsoleRenderer(
        colors=is_colourful,
        sort_keys=False,
        pad_event_to=24,
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_drop_figures, renderer]


def _drop_figures(_: object, __: str, event: EventDict) -> EventDict:
    """Leave out what only CloudWatch reads: a line each minute."""
    if "_aws" in event:
        raise structlog.DropEvent
    return event


def _add_cause(_: object, __: str, event: EventDict) -> EventDict:
    """Add the cause of what is being done, where there is one."""
    if cause := context.known():
        event.setdefault("request_id", cause.correlation_id)
        event.setdefault("actor", cause.actor)
        if cause.causation_id:
            event.setdefault("causation_id", str(cause.causation_id))
        if cause.order_id:
            event.setdefault("order_id", str(cause.order_id))
        event.update(trace_ids(cause.traceparent))
    return event


def trace_ids(traceparent: str) -> dict[str, str]:
    """Return the ids that W3C trace context names, as a line of the log has them."""
    parts = traceparent.split("-")
    return {"trace_id": parts[1], "span_id": parts[2]} if len(parts) == 4 else {}


def _hide_row_values(_: object, __: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = _ROW_VALUES.sub(r"\1: (hidden)", event["exception"])
    return event
