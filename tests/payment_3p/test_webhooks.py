from __future__ import annotations

import hashlib
import hmac
import json

from tests.payment_3p.conftest import Api, Listener
from tests.payment_3p.server import WEBHOOK_SECRET


def test_a_change_is_told_and_signed(api: Api, listener: Listener) -> None:
    token = api.preauth(amount=900)
    api.post("/check", token, key="the wish", amount=900)

    received = listener.of(token, "check")

    signed = received.headers["X-Webhook-Timestamp"].encode() + b"." + received.body
    expected = hmac.new(WEBHOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert received.headers["X-Webhook-Signature"] == f"sha256={expected}"
    body = json.loads(received.body)
    assert (body["type"], body["reference"]) == ("check", "the wish")
    assert (body["payment"]["state"], body["payment"]["held"]) == ("HELD", 900)


def test_a_webhook_that_is_refused_comes_again(api: Api, listener: Listener) -> None:
    listener.refusals = 1
    token = api.preauth()
    api.post("/cancelPayment", token)

    first = listener.of(token, "cancelPayment")
    second = listener.of(token, "cancelPayment")

    assert first.body == second.body


def test_a_refusal_is_no_change_and_tells_nothing(api: Api, listener: Listener) -> None:
    token = api.preauth(amount=100)
    api.post("/check", token, amount=101)
    api.post("/check", token, amount=99)

    assert json.loads(listener.of(token, "check").body)["payment"]["held"] == 99
