"""The shop's Celery, which knows the probe: `celery -A bench.probe.worker`."""

from __future__ import annotations

from django.conf import settings

from bench.probe import QUEUE
from ecommerce.celery import app

settings.QUEUES = (*settings.QUEUES, QUEUE)
app.conf.update(imports=["kernel.bus.tasks", "bench.probe.handlers"])
