"""The stream process: uvicorn, which ends in time."""

from __future__ import annotations

import resource
import socket

import uvicorn

from apps.orders.streams.asgi import Streams
from kernel import limits

# A stream is a few hundred bytes a minute: more than this in the kernel's buffer is a client that
# doesn't read.
SEND_BYTES = 32_768
# What is open beside the streams: the database, the log, clients that are being answered.
_OTHER_FILES = 200


class StreamServer(uvicorn.Server):
    """Serves streams on one address until SIGTERM, and then ends all of them at once."""

    def __init__(self, streams: Streams, *, host: str, port: int) -> None:
        self._streams = streams
        config = uvicorn.Config(
            streams,
            host=host,
            port=port,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,  # tickets stand in the queries
            server_header=False,
            timeout_graceful_shutdown=limits.STREAM_STOP_SECONDS,
        )
        super().__init__(config)

    def listen(self) -> socket.socket:
        """Take the address; its connections are dropped by the kernel when nobody is there."""
        listening = socket.create_server((self.config.host, self.config.port))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            patience = 1000 * limits.STREAM_UNREAD_SECONDS
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
        return listening

    def stop(self) -> None:
        """End all streams, then `run`; safe in a signal handler."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; uvicorn alone would first wait for the ends of all answers, for minutes."""
        self._streams.close()
        await super().shutdown(sockets)


def allow_files(streams: int) -> None:
    """Let this process have so many connections, if the system allows it at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = streams + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
