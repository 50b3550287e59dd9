from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time

import httpx
import jsonschema_rs

from tests.aws import eventually
from tests.payment_3p.conftest import Api, Listener
from tests.payment_3p.server import WEBHOOK_PAUSE_SECONDS, WEBHOOK_SECRET

FIRST, TWICE, NEVER = "4000000000000044", "4000000000000051", "4000000000000069"


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
    promised = {"$ref": "#/components/schemas/WebhookBody", **api.document}
    jsonschema_rs.validator_for(promised).validate(body)


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


def test_a_webhook_comes_again_ever_later_and_is_given_up_in_the_end(
    api: Api, listener: Listener
) -> None:
    listener.refusals = 6
    token = api.preauth()
    api.post("/cancelPayment", token)

    came = [listener.of(token, "cancelPayment").at for _ in range(6)]

    pauses = [after - before for before, after in itertools.pairwise(came)]
    assert all(pause >= WEBHOOK_PAUSE_SECONDS * 2**number for number, pause in enumerate(pauses)), (
        pauses
    )
    # It is noted only once the last refusal has been read.
    eventually(lambda: webhooks_of(api, token) == [(6, False)])


def test_one_card_tells_its_webhook_before_it_answers(api: Api, listener: Listener) -> None:
    token = api.preauth(FIRST)
    assert api.post("/check", token, amount=100).json() == {"ok": True}
    answered_at = time.monotonic()

    assert listener.of(token, "check").at < answered_at
    assert webhooks_of(api, token) == [(1, True)]


def test_one_card_answers_though_its_webhook_was_refused_first(
    api: Api, listener: Listener
) -> None:
    listener.refusals = 1
    token = api.preauth(FIRST)
    assert api.post("/check", token, amount=100).json() == {"ok": True}

    first, second = listener.of(token, "check"), listener.of(token, "check")
    assert first.body == second.body


def test_one_card_tells_each_webhook_twice(api: Api, listener: Listener) -> None:
    token = api.preauth(TWICE)
    api.post("/check", token, amount=100)

    assert listener.of(token, "check").body == listener.of(token, "check").body
    api.post("/cancelPayment", token)
    assert listener.of(token, "cancelPayment").body == listener.of(token, "cancelPayment").body


def test_one_card_tells_nothing(api: Api, listener: Listener) -> None:
    token = api.preauth(NEVER)
    assert api.post("/check", token, amount=100).json() == {"ok": True}

    assert webhooks_of(api, token) == []
    other = api.preauth()  # whose webhook would come behind it
    api.post("/check", other, amount=100)
    seen = listener.received.get(timeout=10)
    while other not in seen.body.decode():
        assert token not in seen.body.decode()
        seen = listener.received.get(timeout=10)


def test_a_replay_tells_nothing_anew(api: Api, listener: Listener) -> None:
    token = api.preauth()
    for _ in range(2):
        api.post("/check", token, key=f"{token}-c", amount=100)

    assert len(webhooks_of(api, token)) == 1


def test_whoever_forges_a_webhook_does_not_know_the_secret(api: Api) -> None:
    """The page and the document are open to all: neither tells a secret, nor a token."""
    token = api.preauth()
    for path in ("/", "/openapi.json"):
        assert WEBHOOK_SECRET not in httpx.get(api.url + path).text
        assert token not in httpx.get(api.url + path).text


def webhooks_of(api: Api, token: str) -> list[tuple[int, bool]]:
    """Return of each webhook how often it was tried, and whether it was taken."""
    statement = (
        "SELECT tries, sent_at IS NOT NULL FROM payment_3p_webhook"
        " WHERE body LIKE '%%' || %s || '%%' ORDER BY id"
    )
    return api.execute(statement, token)  # type: ignore[return-value]
