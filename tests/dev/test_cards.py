"""The demo's cards, where the shop is paid by Stripe: what is asked of it, and what is taken."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest

from dev.caller import Refused
from dev.cards import DECLINED, GOOD, token_of

TOTAL = {"amount": 1000, "currency": "EUR"}


class _Stripe(BaseHTTPRequestHandler):
    asked: list[tuple[str, str, dict[str, list[str]]]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        self.asked.append((self.path, key, parse_qs(body)))
        answer = json.dumps({"id": f"pm_{len(self.asked)}"}).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def stripe(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    _Stripe.asked, _Stripe.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), _Stripe)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STRIPE_PUBLISHABLE_KEY", "pk_test_1")
    yield server
    server.shutdown()
    server.server_close()


def test_a_card_becomes_a_payment_method_each_time(stripe: HTTPServer) -> None:
    url = f"http://127.0.0.1:{stripe.server_port}"
    tokens = [token_of(card, TOTAL, payment=url) for card in (GOOD, DECLINED)]

    assert tokens == ["pm_1", "pm_2"]
    asked = [
        ("/v1/payment_methods", "pk_test_1:", {"type": ["card"], "card[token]": [name]})
        for name in ("tok_visa", "tok_chargeDeclined")
    ]
    assert _Stripe.asked == asked


def test_a_refusal_is_told(stripe: HTTPServer) -> None:
    _Stripe.status = 401
    with pytest.raises(Refused, match="401"):
        token_of(GOOD, TOTAL, payment=f"http://127.0.0.1:{stripe.server_port}")
