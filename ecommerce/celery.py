"""Celery over SQS; what each setting guards against stands in docs/architecture.md."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from django.conf import settings
from kombu import Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")

# Seconds until a failed message is seen again, by how often it was received (the last: soon
# to the dead-letter queue).
BACKOFF = {1: 5, 2: 30, 3: 120, 4: 600, 5: 1800, 6: 1}
NEVER = 1_000_000_000

app = Celery("ecommerce")


def queue_urls() -> dict[str, str]:
    """Return every queue's URL by its Celery name."""
    return {name: f"{settings.QUEUE_URL_PREFIX}{name}" for name in settings.QUEUES}


def configuration() -> dict[str, Any]:
    """Return Celery's settings; a function, since they need Django's."""
    return {
        "broker_url": "sqs://",
        "broker_transport": "kernel.bus.transport:Transport",
        "broker_transport_options": {
            "region": settings.AWS_REGION,
            "endpoint_url": settings.AWS_ENDPOINT_URL,
            "predefined_queues": {
                name: {"url": url, "backoff_policy": BACKOFF} for name, url in queue_urls().items()
            },
            # A worker stops when its last poll ends: soon, where polls cost nothing.
            "wait_time_seconds": 2 if settings.AWS_ENDPOINT_URL else 10,
            "sqs_base64_encoding": False,
            "body_encoding": None,
        },
        "broker_connection_retry_on_startup": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_prefetch_multiplier": 2,
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
        "task_time_limit": 50,
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
