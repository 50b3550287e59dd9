"""A mail server that speaks as much SMTP as it takes to be sent a mail."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator


class Server(socketserver.ThreadingTCPServer):
    """Keeps what it is sent; `verdict` is what it says of every reader."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, verdict: str) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.verdict = verdict
        self.commands: list[str] = []
        self.mails: list[str] = []


class Conversation(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.say("220 mail.example")
        for line in self.rfile:
            command = line.decode().strip()
            self.server.commands.append(command)
            match command.split(":")[0].split(" ")[0].upper():
                case "RCPT":
                    self.say(self.server.verdict)
                case "DATA":
                    self.say("354 go on")
                    self.take()
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 mail.example")

    def take(self) -> None:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.decode())
        self.server.mails.append("".join(lines))

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextlib.contextmanager
def serving(verdict: str = "250 known") -> Iterator[Server]:
    """Let it listen while the block runs."""
    with Server(verdict) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
