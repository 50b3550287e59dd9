"""Takes every mail and shows the newest: `python -m dev.mails --smtp 1025 --port 8025`."""

from __future__ import annotations

import argparse
import email
import email.policy
import html
from collections import deque
from email.message import EmailMessage
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 200
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self';"
    " frame-ancestors 'self'"
)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mails</title>
<meta name="viewport" content="width=device-width"><style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem }}
li {{ padding: .5rem 0; border-bottom: 1px solid #ddd }} small {{ color: #555 }}
iframe {{ width: 100%; height: 40rem; border: 1px solid #ddd }}
ul {{ list-style: none; padding: 0 }}
pre {{ white-space: pre-wrap; background: #f6f6f6; padding: 1rem }}
</style>{content}</html>"""

Mails = deque[EmailMessage]


class Catcher:
    """What the SMTP server does with a mail."""

    def __init__(self, mails: Mails) -> None:
        self._mails = mails

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep it."""
        content: Any = envelope.content
        message: Any = email.message_from_bytes(content, policy=email.policy.default)
        self._mails.appendleft(message)
        return "250 Message accepted for delivery"


class Handler(BaseHTTPRequestHandler):
    """The list at /, a mail at /<Message-ID>, its HTML alone at /<Message-ID>/html."""

    def __init__(self, *arguments: Any, mails: Mails) -> None:
        self._mails = mails
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer with a page."""
        name, _, part = self.path.strip("/").partition("/")
        if not name:
            self._answer(_PAGE.format(content=_list(self._mails)))
            return
        for mail in self._mails:
            if _id(mail) == name:
                self._answer(_html(mail) if part else _PAGE.format(content=_mail(mail)))
                return
        self.send_error(HTTPStatus.NOT_FOUND)

    def log_message(self, *_: object) -> None:
        """Keep silent."""

    def _answer(self, page: str) -> None:
        body = page.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.end_headers()
        self.wfile.write(body)


def _id(mail: EmailMessage) -> str:
    return str(mail["Message-ID"] or id(mail)).strip("<>").partition("@")[0]


def _list(mails: Mails) -> str:
    rows = "".join(
        f'<li><a href="/{html.escape(_id(mail))}">{html.escape(str(mail["Subject"]))}</a><br>'
        f"<small>to {html.escape(str(mail['To']))}, {html.escape(str(mail['Date']))}</small>"
        for mail in list(mails)
    )
    return f"<h1>Mails</h1><ul>{rows or '<li>None has come yet.'}</ul>"


def _mail(mail: EmailMessage) -> str:
    text = mail.get_body(("plain",))
    files = ", ".join(str(part.get_filename()) for part in mail.iter_attachments())
    return (
        f'<p><a href="/">All mails</a><h1>{html.escape(str(mail["Subject"]))}</h1>'
        f"<p>To {html.escape(str(mail['To']))}{f'; with {html.escape(files)}' if files else ''}"
        f'<iframe sandbox src="/{html.escape(_id(mail))}/html" title="As HTML"></iframe>'
        f"<h2>As text</h2><pre>{html.escape(text.get_content()) if text else ''}</pre>"
    )


def _html(mail: EmailMessage) -> str:
    found = mail.get_body(("html",))
    return str(found.get_content()) if found else "<p>This mail has no HTML."


def main() -> None:
    """Take mails until someone stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--smtp", type=int, default=1025, help="the port that mails come to")
    parser.add_argument("--port", type=int, default=8025, help="the port of the page")
    asked = parser.parse_args()
    mails: Mails = deque(maxlen=KEPT)
    Controller(Catcher(mails), hostname=asked.host, port=asked.smtp).start()
    handler = partial(Handler, mails=mails)
    ThreadingHTTPServer((asked.host, asked.port), handler).serve_forever()


if __name__ == "__main__":
    main()
