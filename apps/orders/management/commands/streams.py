from __future__ import annotations

import os
import signal
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from apps.orders.streams.asgi import STREAMS, Streams
from apps.orders.streams.server import StreamServer, allow_files


class Command(BaseCommand):
    help = (
        "Serve the orders' streams until SIGTERM or Ctrl-C, at BIND_HOST and PORT; under the path"
        " of STREAMS_URL. Several may run behind one address: none remembers anything."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default=os.environ.get("BIND_HOST", "0.0.0.0"))  # noqa: S104
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *_: Any, **options: Any) -> None:
        allow_files(STREAMS)
        streams = Streams(prefix=urlsplit(settings.STREAMS_URL).path)
        server = StreamServer(streams, host=options["host"], port=options["port"])
        sockets = [server.listen()]
        self.stdout.write("Streams: started.")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.stop())
        server.run(sockets)
        self.stdout.write("Streams: stopped; each client goes on where its stream has ended.")
