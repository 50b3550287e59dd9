from __future__ import annotations

import signal
from typing import Any

from django.core.management.base import BaseCommand

from kernel.bus import foreign
from kernel.bus.relay import Relay, SqsCourier


class Command(BaseCommand):
    help = (
        "Send what the outbox holds to the queues, and take what others send to theirs, until"
        " SIGTERM or Ctrl-C. Several may run at once: none sends what another is sending."
    )
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        relay = Relay(SqsCourier())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        self.stdout.write("Relay: started.")
        # The one without the other would go unnoticed: they end together, and are started anew.
        with foreign.polling(at_end=relay.stop):
            relay.run()
        self.stdout.write("Relay: stopped; no batch was cut short.")
