"""The endpoints: parse, do it once for each Idempotency-Key, answer."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from django.db import connection, transaction  # noqa: TID251 -- the shop's kernel is not its
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from payment_3p import operations, settings, webhooks
from payment_3p.cards import Behaviour, behaviour_of
from payment_3p.models import Answer, Entry, Payment

MAX_PAGE = 100

Amount = Annotated[int, Field(ge=0, le=10**12, strict=True)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Body(BaseModel):
    """A request's JSON; what isn't known is refused."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")


class PreauthBody(Body):
    card_number: Annotated[str, Field(pattern=r"^[0-9]{12,19}$")]
    amount: Amount
    currency: Currency = "EUR"


class OperationBody(Body):
    payment_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class CheckBody(OperationBody):
    amount: Amount
    currency: Currency | None = None


class AmountBody(OperationBody):
    amount: Amount


class RefundBody(OperationBody):
    amount: Annotated[Amount, Field(ge=1)]


class ProcessBody(OperationBody):
    amount: Amount | None = None


B = TypeVar("B", bound=Body)
O = TypeVar("O", bound=OperationBody)  # noqa: E741


class Problem(Exception):
    """Answered as `{"message": …, "code": …}` with this status."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"ok": True})


def preauth(request: HttpRequest) -> JsonResponse:
    """Give a token for a card; called by the customer's browser, so without a key."""
    try:
        _demand_method(request, "POST")
        asked = _parse(request, PreauthBody)
    except Problem as problem:
        return _refusal(problem)
    made = Payment.objects.create(
        behaviour=behaviour_of(asked.card_number),
        last4=asked.card_number[-4:],
        currency=asked.currency,
        limit=asked.amount,
        created_at=timezone.now(),
    )
    return JsonResponse({"paymentToken": made.token})


def check(request: HttpRequest) -> JsonResponse:
    """Authorize: hold the amount."""
    return _operate(request, CheckBody, lambda p, b: operations.check(p, b.amount, b.currency))


def update_amount(request: HttpRequest) -> JsonResponse:
    """Lower what is held."""
    return _operate(request, AmountBody, lambda p, b: operations.update_amount(p, b.amount))


def process_payment(request: HttpRequest) -> JsonResponse:
    """Capture."""
    return _operate(request, ProcessBody, lambda p, b: operations.process_payment(p, b.amount))


def cancel_payment(request: HttpRequest) -> JsonResponse:
    """Release what is held."""
    return _operate(request, OperationBody, lambda p, _: operations.cancel_payment(p))


def refund(request: HttpRequest) -> JsonResponse:
    """Give money back."""
    return _operate(request, RefundBody, lambda p, b: operations.refund(p, b.amount))


def payment(request: HttpRequest, token: str) -> JsonResponse:
    """Show one payment with its entries: what settles a wish that got no answer."""
    try:
        _demand_method(request, "GET")
        _demand_key(request)
        found = Payment.objects.filter(token=token).first()
        if found is None:
            raise _unknown_token()
    except Problem as problem:
        return _refusal(problem)
    entries = [entry.as_json() for entry in Entry.objects.filter(payment=found).order_by("pk")]
    return JsonResponse({**found.as_json(), "entries": entries})


def books(request: HttpRequest) -> JsonResponse:
    """Show all payments, oldest first: `?limit=` (at most 100) and `?after=` of the last page."""
    try:
        _demand_method(request, "GET")
        _demand_key(request)
        limit, after = _number(request, "limit", MAX_PAGE), _number(request, "after", 0)
    except Problem as problem:
        return _refusal(problem)
    found = list(Payment.objects.filter(pk__gt=after).order_by("pk")[: min(limit, MAX_PAGE)])
    last = found[-1].pk if len(found) == min(limit, MAX_PAGE) and found else None
    return JsonResponse({"results": [row.as_json() for row in found], "after": last})


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer a path that isn't there."""
    return _refusal(Problem(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here."))


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer what no one foresaw, and what the card that breaks wants."""
    return _refusal(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something broke."))


def _operate(request: HttpRequest, form: type[O], act: Callable[[Payment, O], int]) -> JsonResponse:
    try:
        _demand_method(request, "POST")
        _demand_key(request)
        asked = _parse(request, form)
        with transaction.atomic():
            body, behaviour = _once(request, asked, act)
    except Problem as problem:
        return _refusal(problem)
    webhooks.wake()
    if behaviour is Behaviour.SLOW:
        time.sleep(settings.PAYMENT_3P_SLOW_SECONDS)
    if behaviour is Behaviour.BROKEN:
        return server_error(request)
    return JsonResponse(body)


def _once(
    request: HttpRequest, asked: O, act: Callable[[Payment, O], int]
) -> tuple[dict[str, Any], Behaviour]:
    """Answer as before, or do it now; a replay always behaves normally."""
    key = _idempotency_key(request)
    fingerprint = hashlib.sha256(f"{request.path}\n{asked.model_dump_json()}".encode()).hexdigest()
    if key and (known := _remembered(key, fingerprint)):
        return known.body, Behaviour.NORMAL
    found = Payment.objects.select_for_update().filter(token=asked.payment_token).first()
    if found is None:
        raise _unknown_token()
    body = _act(found, asked, act, operation=request.path.strip("/"), reference=key)
    if key:
        Answer.objects.create(
            key=key, fingerprint=fingerprint, body=body, created_at=timezone.now()
        )
    return body, Behaviour(found.behaviour)


def _act(
    found: Payment, asked: O, act: Callable[[Payment, O], int], *, operation: str, reference: str
) -> dict[str, Any]:
    now = timezone.now()
    try:
        amount = act(found, asked)
    except operations.No as no:
        return {"ok": False, "reason": str(no)}
    except operations.WrongState as wrong:
        raise Problem(HTTPStatus.CONFLICT, "wrong_state", str(wrong)) from wrong
    found.save()
    Entry.objects.create(
        payment=found, operation=operation, amount=amount, reference=reference, made_at=now
    )
    webhooks.enqueue(found, operation=operation, reference=reference, at=now)
    return {"ok": True}


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


def _idempotency_key(request: HttpRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 255:
        message = "An Idempotency-Key has at most 255 characters."
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid", message)
    return key


def _demand_method(request: HttpRequest, method: str) -> None:
    if request.method != method:
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"Use {method}.")


def _demand_key(request: HttpRequest) -> None:
    key = settings.PAYMENT_3P_API_KEY
    given = request.headers.get("Authorization", "")
    if not key or not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "unauthorized", "Send Authorization: Bearer and the key."
        )


def _parse(request: HttpRequest, form: type[B]) -> B:
    try:
        return form.model_validate_json(request.body)
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) or "body" for each in error.errors()})
        raise Problem(
            HTTPStatus.BAD_REQUEST, "invalid", f"Not valid: {', '.join(fields)[:500]}."
        ) from error


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, str(default))
    if not text.isdecimal() or len(text) > 18:
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid", f"Not valid: {name}.")
    return int(text)


def _unknown_token() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown_token", "There is no such payment.")


def _refusal(problem: Problem) -> JsonResponse:
    body = {"message": problem.message, "code": problem.code}
    return JsonResponse(body, status=problem.status)
