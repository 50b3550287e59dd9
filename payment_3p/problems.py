"""What every endpoint asks of a request, and how it refuses."""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TypeVar

from django.http import HttpRequest, JsonResponse
from pydantic import BaseModel, ValidationError

from payment_3p import settings
from payment_3p.forms import Body

MAX_KEY = 255

B = TypeVar("B", bound=Body)


class Problem(Exception):
    """Answered as `{"message": …, "code": …}` with this status."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def answer(shown: BaseModel) -> JsonResponse:
    """Answer 200 with this as JSON."""
    return JsonResponse(shown.model_dump(mode="json", by_alias=True))


def refuse(problem: Problem) -> JsonResponse:
    """Answer with the problem's status."""
    body = {"message": problem.message, "code": problem.code}
    return JsonResponse(body, status=problem.status)


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer a path that isn't there."""
    return refuse(Problem(HTTPStatus.NOT_FOUND, "not_found", "There is nothing here."))


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer what no one foresaw, and what the card that breaks wants."""
    return refuse(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something broke."))


def unknown_token() -> Problem:
    """Return what is said of a token that was never given."""
    return Problem(HTTPStatus.NOT_FOUND, "unknown_token", "There is no such payment.")


def invalid(name: str) -> Problem:
    """Return what is said of a value that is none."""
    return Problem(HTTPStatus.BAD_REQUEST, "invalid", f"Not valid: {name}.")


def demand_method(request: HttpRequest, method: str) -> None:
    """
    Go on only if the request has this method.

    :raises Problem:
    """
    if request.method != method:
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", f"Use {method}.")


def demand_api_key(request: HttpRequest) -> None:
    """
    Go on only if the caller has the API key.

    :raises Problem:
    """
    key = settings.PAYMENT_3P_API_KEY
    given = request.headers.get("Authorization", "")
    if not key or not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
        raise Problem(
            HTTPStatus.UNAUTHORIZED, "unauthorized", "Send Authorization: Bearer and the key."
        )


def idempotency_key(request: HttpRequest) -> str:
    """
    Return the request's key, or nothing.

    :raises Problem: if it is too long.
    """
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > MAX_KEY:
        message = f"An Idempotency-Key has at most {MAX_KEY} characters."
        raise Problem(HTTPStatus.BAD_REQUEST, "invalid", message)
    return key


def parse(request: HttpRequest, form: type[B]) -> B:
    """
    Return the request's body.

    :raises Problem: naming every field that isn't valid.
    """
    try:
        return form.model_validate_json(request.body)
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) or "body" for each in error.errors()})
        raise invalid(", ".join(fields)[:500]) from error
