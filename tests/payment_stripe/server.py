"""
A stand-in for Stripe: localstripe, and what it lacks of the part of Stripe that payment relies on.

localstripe brings the objects, manual capture, partial captures, cancels, refunds and signed
webhooks. Added here: idempotency keys, with the memory of errors; search by metadata; Stripe's form
of errors with their codes; cards that are declined with a reason; the bound of refunds; the time by
which a charge is to be captured; lists of a day (`books.py`); and faults that a test asks for.
`python -m …server PORT`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from localstripe import resources, server
from localstripe.errors import UserError
from localstripe.resources import PaymentIntent, PaymentMethod, Refund

from tests.payment_stripe import books
from tests.payment_stripe.cards import DECLINES, HOLD_SECONDS

_BY_PAYMENT = re.compile(r"^/v1/payment_intents/(\w+)/(capture|cancel)$")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
keys: dict[str, tuple[str, int, bytes]] = {}
faults: list[str] = []


@web.middleware
async def as_stripe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer once for each key, and as the next fault that a test asked for wants."""
    if request.path.startswith("/_"):
        return await handler(request)
    if not server.get_api_key(request):
        return _json({"error": {"type": "invalid_request_error", "message": "Invalid key."}}, 401)
    fault = faults.pop(0) if faults else ""
    if fault == "busy":
        return _json({"error": {"type": "rate_limit_error", "code": "rate_limit"}}, 429)
    if fault == "nonsense":
        return web.Response(text="<html>Bad gateway</html>", status=502)
    answer = await _once(request, handler, is_broken=fault == "error after work")
    if fault == "late":
        await asyncio.sleep(1.5)
    return answer


async def _once(request: web.Request, handler: Handler, *, is_broken: bool) -> web.Response:
    key, asked = request.headers.get("Idempotency-Key", ""), (await request.read()).decode()
    if key in keys:
        return _replay(*keys[key], f"{request.path}\n{asked}")
    answer = await _answer(request, handler)
    if is_broken:
        answer = _json({"error": {"type": "api_error", "message": "Sorry."}}, 500)
    if key:
        keys[key] = (f"{request.path}\n{asked}", answer.status, bytes(answer.body))
    return answer


async def search(request: web.Request) -> web.Response:
    """Find intents by one entry of their metadata."""
    name, value = re.fullmatch(r"metadata\['(\w+)'\]:'([^']+)'", request.query["query"]).groups()
    found = [each for each in _intents() if each.metadata.get(name) == value]
    exported = [each._export(expand=["latest_charge"]) for each in found]
    for each in exported:
        _add_capture_before(each)
    body = {"object": "search_result", "data": exported, "has_more": False, "url": request.path}
    return _json(body, 200)


async def control(request: web.Request) -> web.Response:
    """Plan the next requests' faults; forget every key, as Stripe does after a day; begin anew."""
    if request.match_info["what"] == "forget":
        keys.clear()
    elif request.match_info["what"] == "empty":
        resources.store.clear()
    else:
        faults[:] = await request.json()
    return web.Response()


async def _answer(request: web.Request, handler: Handler) -> web.Response:
    try:
        await _demand(request)
        answer = await handler(request)
    except UserError as error:
        return _error(request, error)
    body = json.loads(answer.body)
    if body.get("object") == "payment_intent":
        _add_capture_before(body)
        if body["status"] == "requires_action":
            return _declined("authentication_required", body)
    return _json(body, answer.status)


async def _demand(request: web.Request) -> None:
    """
    Refuse what Stripe refuses and localstripe lets through.

    :raises UserError:
    """
    if found := _BY_PAYMENT.match(request.path):
        intent = PaymentIntent._api_retrieve(found[1])
        if intent.status != "requires_capture":
            raise UserError(400, "Wrong state", {"code": "payment_intent_unexpected_state"})
    if request.path == "/v1/refunds" and request.method == "POST":
        asked = await request.post()
        charge = PaymentIntent._api_retrieve(asked["payment_intent"]).latest_charge
        if charge is None or not charge.captured:
            raise UserError(400, "Wrong state", {"code": "payment_intent_unexpected_state"})
        if int(asked["amount"]) > charge.amount - charge.amount_refunded:
            raise UserError(400, "Refund amount is greater than unrefunded amount on charge")


def _error(request: web.Request, error: UserError) -> web.Response:
    if error.code == 402:
        charge = resources.Charge._api_retrieve(error.body["error"]["charge"])
        number = PaymentMethod._api_retrieve(charge.payment_method)._card_number
        return _declined(DECLINES.get(number, "generic_decline"))
    if error.code == 404:
        error.body["error"]["code"] = "resource_missing"
    return _json(error.body, error.code)


def _declined(reason: str, intent: dict[str, Any] | None = None) -> web.Response:
    error = {"type": "card_error", "code": "card_declined", "decline_code": reason}
    if reason == "authentication_required":
        PaymentIntent._api_retrieve((intent or {})["id"])._canceled = True
        error["code"] = reason
    return _json({"error": error}, 402)


def _replay(asked_before: str, status: int, body: bytes, asked: str) -> web.Response:
    if asked != asked_before:
        return _json({"error": {"type": "idempotency_error", "message": "Another request."}}, 400)
    headers = {"Idempotent-Replayed": "true"}
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def _add_capture_before(intent: dict[str, Any]) -> None:
    charge = intent.get("latest_charge")
    if isinstance(charge, dict):
        seconds = charge["created"] + HOLD_SECONDS
        charge["payment_method_details"] = {"card": {"capture_before": seconds}}


def _intents() -> list[PaymentIntent]:
    return [each for name, each in resources.store.items() if name.startswith("payment_intent:")]


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.json_response(body, status=status)


def _is_declined(method: PaymentMethod) -> bool:
    return method.type == "card" and method._card_number in DECLINES


def _without_what_it_does_not_know(create: Callable[..., Any]) -> Callable[..., Any]:
    def made(**asked: Any) -> Any:
        assert asked.pop("error_on_requires_action") == "true"
        assert asked.pop("allowed_payment_method_types") == ["card"]
        return create(**asked)

    return made


def _with_metadata(capture: Callable[..., Any]) -> Callable[..., Any]:
    def captured(id: str, metadata: dict[str, str] | None = None, **asked: Any) -> Any:  # noqa: A002
        PaymentIntent._api_update(id, metadata=metadata)
        return capture(id, **asked)

    return captured


def main(port: int) -> None:
    resources.store.dump_to_disk = lambda: None  # nothing outlives the process
    PaymentMethod._charging_is_declined = _is_declined
    PaymentIntent._api_create = _without_what_it_does_not_know(PaymentIntent._api_create)
    app = web.Application(middlewares=[as_stripe])
    app.router.add_get("/v1/payment_intents/search", search)
    app.router.add_get("/v1/balance_transactions", books.balance_transactions)
    app.router.add_get("/v1/payment_intents", books.payment_intents)
    app.router.add_post("/_test/{what}", control)
    app.router.add_post("/_config/webhooks/{id}", server.config_webhook)
    capture = server.api_extra(_with_metadata(PaymentIntent._api_capture), "")
    app.router.add_post("/v1/payment_intents/{id}/capture", capture)
    app.router.add_post(
        "/v1/payment_intents/{id}/cancel", server.api_extra(PaymentIntent._api_cancel, "")
    )
    for kind in (PaymentIntent, PaymentMethod, Refund):
        url = f"/v1/{kind.object}s"
        app.router.add_post(url, server.api_create(kind, url))
        if kind is not PaymentIntent:
            app.router.add_get(url, server.api_list_all(kind, url))
        app.router.add_get(f"{url}/{{id}}", server.api_retrieve(kind, url))
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
