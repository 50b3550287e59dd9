"""The shop's worker, with the probe's handler and the test's own haste."""

from __future__ import annotations

import json
import os

from celery.concurrency.asynpool import AsynPool
from django.conf import settings

from ecommerce.celery import app
from kernel.bus import transport

_haste = json.loads(os.environ["PROBE_WORKER"])
settings.QUEUES = (*settings.QUEUES, *_haste.pop("queues"))
app.conf["broker_transport_options"].update(wait_time_seconds=1, call_seconds=0.5)
app.conf.update(_haste, imports=["kernel.bus.tasks", "tests.kernel.probe_declared"])
transport._PAUSE_SECONDS = 0.2
# Celery often misses the moment at which a child dies, and looks again after 5 seconds.
AsynPool.timers = property(lambda pool: {pool.maintain_pool: 0.2})
