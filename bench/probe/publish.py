"""Publishes as many probes as stdin says, and prints the CPU seconds that it took."""

from __future__ import annotations

import json
import sys
import time

import django

django.setup()

from django.utils import timezone  # noqa: E402 -- Django must be set up before any model

from bench.probe.handlers import Probed, hear_alone  # noqa: E402
from kernel.bus import queues  # noqa: E402
from kernel.bus.outbox import publish  # noqa: E402
from kernel.ids import new_id  # noqa: E402
from kernel.transactions import transaction  # noqa: E402

IN_A_TRANSACTION = 50  # what a transaction costs is no cost of the bus


def main() -> None:
    """Make the queue, publish, print."""
    hear_alone()
    queues.create_queues()
    wanted = json.load(sys.stdin)
    begun = time.process_time()
    for start in range(0, wanted, IN_A_TRANSACTION):
        with transaction():
            publish(*[_probe() for _ in range(min(IN_A_TRANSACTION, wanted - start))])
    print(json.dumps({"CPU seconds": time.process_time() - begun}))


def _probe() -> Probed:
    return Probed(probe_id=new_id(), order_id=new_id(), occurred_at=timezone.now())


if __name__ == "__main__":
    main()
