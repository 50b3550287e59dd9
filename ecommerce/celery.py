"""Celery over SQS; what each setting guards against stands in docs/architecture.md."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")

# Seconds until a failed message is seen again, by how often it was received (the last: at once
# to the dead-letter queue).
BACKOFF = {1: 5, 2: 30, 3: 120, 4: 600, 5: 1800, 6: 1}
# Longer than the task's time limit times the prefetched messages of a process.
VISIBILITY_SECONDS = 120
MAX_RECEIVES = 6

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
            "predefined_queues": {
                name: {"url": url, "backoff_policy": BACKOFF, "backoff_tasks": ["bus.deliver"]}
                for name, url in queue_urls().items()
            },
            "wait_time_seconds": 10,
            "polling_interval": 0.05,
            "visibility_timeout": VISIBILITY_SECONDS,
            "sqs_base64_encoding": False,
        },
        "broker_connection_retry_on_startup": True,
        "worker_enable_remote_control": False,
        "worker_send_task_events": False,
        "worker_prefetch_multiplier": 2,
        "worker_hijack_root_logger": False,
        "worker_soft_shutdown_timeout": 60,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_acks_on_failure_or_timeout": False,
        "task_ignore_result": True,
        "task_create_missing_queues": False,
        "task_default_queue": "bus",
        "task_time_limit": 50,
        "task_serializer": "json",
        "accept_content": ["json"],
        "timezone": "UTC",
        "beat_scheduler": "celery.beat:Scheduler",
        "imports": ["kernel.bus.tasks"],
    }


app.config_from_object(configuration)
