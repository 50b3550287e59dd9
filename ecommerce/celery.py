"""Celery over SQS; what each setting guards against stands in docs/architecture.md."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from django.conf import settings
from kombu import Queue

from kernel import limits

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")

NEVER = 1_000_000_000

app: Celery = Celery("ecommerce")


def queues() -> dict[str, dict[str, Any]]:
    """Return every queue's URL, and when what fails comes again, by its Celery name."""
    return {
        name: {"url": f"{settings.QUEUE_URL_PREFIX}{name}", "backoff_policy": limits.BACKOFF}
        for name in settings.QUEUES
    }


def configuration() -> dict[str, Any]:
    """Return Celery's settings; a function, since they need Django's."""
    return {
        "broker_url": "sqs://",
        "broker_transport": "kernel.bus.transport:Transport",
        "broker_transport_options": {
            "region": settings.AWS_REGION,
            "endpoint_url": settings.AWS_ENDPOINT_URL,
            "predefined_queues": queues(),
            # A worker stops when its last poll ends: soon, where polls cost nothing.
            "wait_time_seconds": 2 if settings.AWS_ENDPOINT_URL else 10,
            "sqs_base64_encoding": False,
            "body_encoding": None,
        },
        "broker_connection_retry_on_startup": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_prefetch_multiplier": limits.PREFETCH,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        "task_ignore_result": True,
        "task_queues": [Queue(name) for name in settings.QUEUES],
        "task_create_missing_queues": False,
        "task_default_queue": "bus",
        "task_time_limit": limits.TASK_SECONDS,
        "task_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "beat_scheduler": "celery.beat:Scheduler",
        "result_expires": None,  # there are no results that beat would have to clean up
        "imports": ["kernel.bus.tasks"],
        # Celery would close the database's connections around each task; the tasks see to them.
        "CELERY_DB_REUSE_MAX": NEVER,
    }


app.add_defaults(configuration)
