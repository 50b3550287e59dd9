"""What changes a payment: parse, do it once for each Idempotency-Key, answer."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from django.db import connection, transaction  # noqa: TID251 -- the shop's kernel is not its
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from payment_3p import operations, settings, webhooks
from payment_3p.cards import Behaviour, behaviour_of
from payment_3p.fees import fee_of
from payment_3p.forms import (
    AmountBody,
    Captured,
    CheckBody,
    Done,
    NotDone,
    OperationBody,
    PreauthBody,
    ProcessBody,
    RefundBody,
    Token,
)
from payment_3p.models import Answer, Entry, Payment
from payment_3p.problems import (
    Problem,
    answer,
    demand_api_key,
    demand_method,
    idempotency_key,
    parse,
    refuse,
    server_error,
    unknown_token,
)

O = TypeVar("O", bound=OperationBody)  # noqa: E741


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is answered, and how."""

    body: dict[str, Any]
    behaviour: Behaviour = Behaviour.NORMAL
    webhooks: list[int] = dataclasses.field(default_factory=list)


def preauth(request: HttpRequest) -> JsonResponse:
    """Give a token for a card; called by the customer's browser, so without a key."""
    try:
        demand_method(request, "POST")
        asked = parse(request, PreauthBody)
    except Problem as problem:
        return refuse(problem)
    made = Payment.objects.create(
        behaviour=behaviour_of(asked.card_number),
        last4=asked.card_number[-4:],
        currency=asked.currency,
        limit=asked.amount,
        created_at=timezone.now(),
    )
    return answer(Token(payment_token=made.token))


def check(request: HttpRequest) -> JsonResponse:
    """Authorize: hold the amount."""
    return _operate(request, CheckBody, lambda p, b: operations.check(p, b.amount, b.currency))


def update_amount(request: HttpRequest) -> JsonResponse:
    """Lower what is held."""
    return _operate(request, AmountBody, lambda p, b: operations.update_amount(p, b.amount))


def process_payment(request: HttpRequest) -> JsonResponse:
    """Capture what is held or a part of it; the rest is released."""
    return _operate(request, ProcessBody, lambda p, b: operations.process_payment(p, b.amount))


def cancel_payment(request: HttpRequest) -> JsonResponse:
    """Release what is held."""
    return _operate(request, OperationBody, lambda p, _: operations.cancel_payment(p))


def refund(request: HttpRequest) -> JsonResponse:
    """Give back of what was captured, at once or in parts."""
    return _operate(request, RefundBody, lambda p, b: operations.refund(p, b.amount))


def _operate(request: HttpRequest, form: type[O], act: Callable[[Payment, O], int]) -> JsonResponse:
    try:
        demand_method(request, "POST")
        demand_api_key(request)
        asked = parse(request, form)
        with transaction.atomic():
            outcome = _once(request, asked, act)
    except Problem as problem:
        return refuse(problem)
    if outcome.behaviour is Behaviour.WEBHOOK_FIRST:
        webhooks.send_now(outcome.webhooks)
    webhooks.wake()
    if outcome.behaviour is Behaviour.SLOW:
        time.sleep(settings.PAYMENT_3P_SLOW_SECONDS)
    if outcome.behaviour is Behaviour.BROKEN:
        return server_error(request)
    return JsonResponse(outcome.body)


def _once(request: HttpRequest, asked: O, act: Callable[[Payment, O], int]) -> Outcome:
    """Answer as before, or do it now; a replay always behaves normally."""
    key = idempotency_key(request)
    fingerprint = hashlib.sha256(f"{request.path}\n{asked.model_dump_json()}".encode()).hexdigest()
    if key and (known := _remembered(key, fingerprint)):
        return Outcome(known.body)
    found = Payment.objects.select_for_update().filter(token=asked.payment_token).first()
    if found is None:
        raise unknown_token()
    outcome = _act(found, asked, act, operation=request.path.strip("/"), reference=key)
    if key:
        Answer.objects.create(
            key=key, fingerprint=fingerprint, body=outcome.body, created_at=timezone.now()
        )
    return outcome


def _act(
    found: Payment, asked: O, act: Callable[[Payment, O], int], *, operation: str, reference: str
) -> Outcome:
    behaviour = Behaviour(found.behaviour)
    try:
        amount = act(found, asked)
    except operations.No as no:
        return Outcome(NotDone(reason=no.reason).model_dump(), behaviour)
    except operations.WrongState as wrong:
        raise Problem(HTTPStatus.CONFLICT, "wrong_state", str(wrong)) from wrong
    found.save()
    is_capture = operation == Entry.Operation.PROCESS_PAYMENT
    entry = Entry.objects.create(
        payment=found,
        operation=operation,
        amount=amount,
        fee=fee_of(amount) if is_capture else 0,
        reference=reference,
        made_at=timezone.now(),
    )
    done = Captured(fee=entry.fee) if is_capture else Done()
    return Outcome(done.model_dump(), behaviour, webhooks.enqueue(found, entry))


def _remembered(key: str, fingerprint: str) -> Answer | None:
    """Return the answer that this key had; a second request with it waits for the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])
    Answer.objects.filter(key=key, created_at__lt=timezone.now() - Answer.KEY_LIFETIME).delete()
    known = Answer.objects.filter(key=key).first()
    if known and known.fingerprint != fingerprint:
        message = "This Idempotency-Key was used for another request."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency_key_reused", message)
    return known
