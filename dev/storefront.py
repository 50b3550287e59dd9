"""Serves `examples/storefront`, as it lies there: `python -m dev.storefront --port=8004 …`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from dev import ROOT

DIRECTORY = ROOT / "examples" / "storefront"


def policy(connect: Sequence[str], pictures: Sequence[str]) -> str:
    """Return a Content-Security-Policy: own scripts and styles alone, and no HTML from texts."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' {' '.join(pictures)}",
            f"connect-src 'self' {' '.join(connect)}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    )


class Handler(SimpleHTTPRequestHandler):
    """Answers with a file, with the configuration, or with the page that finds the way itself."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, config: dict[str, str], csp: str) -> None:
        self._config, self._csp = json.dumps(config).encode(), csp
        super().__init__(*arguments, directory=str(DIRECTORY))  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer a GET."""
        path = PurePosixPath(unquote(urlsplit(self.path).path))
        if str(path) == "/config.json":
            self._tell_config()
            return
        if not path.suffix or path.name == "README.md":
            self.path = "/index.html"
        super().do_GET()

    def end_headers(self) -> None:
        """Add what protects the pages, and what keeps them fresh."""
        self.send_header("Content-Security-Policy", self._csp)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Show no directory's files."""
        self.send_error(404)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 -- the base class's name
        """Keep silent: nothing that happens here is news."""

    def _tell_config(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self._config)))
        self.end_headers()
        self.wfile.write(self._config)


def main() -> None:
    """Serve until someone stops it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--api", required=True, help="where the API is: http://…/api/v1")
    parser.add_argument("--payment", required=True, help="where a browser sends a card")
    parser.add_argument("--streams", required=True, help="where the API redirects to for streams")
    parser.add_argument("--files", required=True, help="where pictures and invoices lie")
    asked = parser.parse_args()
    connect = [origin(url) for url in (asked.api, asked.payment, asked.streams, asked.files)]
    csp = policy(connect, [origin(asked.files)])
    handler = partial(Handler, config={"api": asked.api, "payment": asked.payment}, csp=csp)
    ThreadingHTTPServer((asked.host, asked.port), handler).serve_forever()


def origin(url: str) -> str:
    """Return an address up to its path."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


if __name__ == "__main__":
    main()
