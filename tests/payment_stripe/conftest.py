from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.payment.gateway import StripeGateway
from tests.payment_3p.conftest import Listener
from tests.payment_3p.server import free_port
from tests.payment_stripe.cards import GOOD

ROOT = Path(__file__).resolve().parents[2]
SECRET_KEY, WEBHOOK_SECRET = "sk_test_of_the_tests", "whsec_of_the_tests"


class Stripe:
    """The stand-in as a test sees it: cards, faults, and what its books hold."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {SECRET_KEY}"})

    def token(self, card: str = GOOD) -> str:
        """Give a PaymentMethod for a card, as the storefront would get it from Stripe."""
        body = {"type": "card", "card": _card(card)}
        answer = self._http.post("/v1/payment_methods", json=body)
        assert answer.is_success, answer.text
        token: str = answer.json()["id"]
        return token

    def plan(self, *faults: str) -> None:
        """Let the next requests fail so: "busy", "nonsense", "late", "error after work"."""
        assert self._http.post("/_test/faults", json=list(faults)).is_success

    def forget_keys(self) -> None:
        """Let a day go by."""
        assert self._http.post("/_test/forget").is_success

    def empty(self) -> None:
        """Let nothing have been done there yet."""
        assert self._http.post("/_test/empty").is_success

    def by_hand(self, path: str, **asked: Any) -> None:
        """Do what someone does who sits before Stripe's own pages: it names no wish of ours."""
        answer = self._http.post(f"/v1/{path}", data=asked)
        assert answer.is_success, answer.text

    def hear(self, url: str) -> None:
        """Let webhooks come to this address."""
        body = {"url": url, "secret": WEBHOOK_SECRET}
        assert self._http.post("/_config/webhooks/shop", json=body).is_success

    def intent(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = self._http.get(f"/v1/payment_intents/{reference}").json()
        return found

    def refunds(self, reference: str) -> list[dict[str, Any]]:
        asked = {"payment_intent": reference}
        found: list[dict[str, Any]] = self._http.get("/v1/refunds", params=asked).json()["data"]
        return found

    def intents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._http.get("/v1/payment_intents?limit=100").json()["data"]
        return found

    def money(self, reference: str) -> tuple[str, int, int]:
        """Return an intent's state, and what was kept and given back of it."""
        intent = self.intent(reference)
        charge = intent["latest_charge"]
        if isinstance(charge, str):
            charge = self._http.get(f"/v1/charges/{charge}").json()
        refunds = charge["refunds"]["data"]
        released = [each for each in refunds if not each["metadata"]]  # by a partial capture
        given_back = sum(each["amount"] for each in refunds if each["metadata"])
        taken = charge["amount"] - sum(each["amount"] for each in released)
        return intent["status"], taken if charge["captured"] else 0, given_back

    def close(self) -> None:
        self._http.close()


def _card(number: str) -> dict[str, Any]:
    return {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}


@pytest.fixture(scope="session")
def stripe_listener() -> Iterator[Listener]:
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture(scope="session")
def stripe(stripe_listener: Listener) -> Iterator[Stripe]:
    """Run the stand-in in a process of its own."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "tests.payment_stripe.server", str(port)]
    process = subprocess.Popen(command, cwd=ROOT)
    found = Stripe(f"http://127.0.0.1:{port}")
    try:
        _wait_for(found, process)
        found.hear(stripe_listener.url)
        yield found
    finally:
        found.close()
        process.terminate()
        process.wait(10)


@pytest.fixture
def gateway(stripe: Stripe) -> StripeGateway:
    stripe.plan()  # what an earlier test has left
    return StripeGateway(
        SECRET_KEY, webhook_secret=WEBHOOK_SECRET, url=stripe.url, timeout=(0.5, 1.0)
    )


def _wait_for(found: Stripe, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the stand-in for Stripe ended"
        with contextlib.suppress(httpx.HTTPError):
            found.intents()
            return
        time.sleep(0.1)
    raise AssertionError("the stand-in for Stripe does not answer")
