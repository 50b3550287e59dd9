"""Every endpoint: where it is, what it takes and answers. URLs and OpenAPI are made of this."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpResponseBase
from pydantic import BaseModel

from payment_3p import api, forms, reads

_READ = (HTTPStatus.UNAUTHORIZED, HTTPStatus.METHOD_NOT_ALLOWED)
_OPERATION = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.CONFLICT,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.INTERNAL_SERVER_ERROR,
)
LIMIT = {"type": "integer", "minimum": 1, "default": reads.MAX_PAGE}
AFTER = {"type": "integer", "minimum": 0, "default": 0}
DAY = {"type": "string", "format": "date"}
TOKEN = {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One path and method. `answers` are those of status 200, `problems` all others."""

    path: str
    view: Callable[..., HttpResponseBase]
    name: str
    answers: tuple[type[BaseModel], ...]
    problems: tuple[HTTPStatus, ...] = ()
    body: type[BaseModel] | None = None
    query: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    is_open: bool = False  # without the API key

    @property
    def method(self) -> str:
        """Return the one method that it has."""
        return "post" if self.body else "get"

    @property
    def is_operation(self) -> bool:
        """Say whether it honours an Idempotency-Key."""
        return self.body is not None and not self.is_open


def _operation(
    path: str,
    view: Callable[..., HttpResponseBase],
    body: type[BaseModel],
    done: type[BaseModel] = forms.Done,
) -> Endpoint:
    answers, name = (done, forms.NotDone), path.strip("/")
    return Endpoint(path, view, name, answers, _OPERATION, body)


ENDPOINTS = (
    Endpoint(
        "/preauth",
        api.preauth,
        "preauth",
        (forms.Token,),
        (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED),
        forms.PreauthBody,
        is_open=True,
    ),
    _operation("/check", api.check, forms.CheckBody),
    _operation("/updateAmount", api.update_amount, forms.AmountBody),
    _operation("/processPayment", api.process_payment, forms.ProcessBody, forms.Captured),
    _operation("/cancelPayment", api.cancel_payment, forms.OperationBody),
    _operation("/refund", api.refund, forms.RefundBody),
    Endpoint(
        "/payments/{token}",
        reads.payment,
        "payment",
        (forms.PaymentWithEntries,),
        (*_READ, HTTPStatus.NOT_FOUND),
    ),
    Endpoint(
        "/payments",
        reads.payments,
        "payments",
        (forms.PaymentPage,),
        (*_READ, HTTPStatus.BAD_REQUEST),
        query={"limit": LIMIT, "after": AFTER},
    ),
    Endpoint(
        "/books",
        reads.books,
        "books",
        (forms.BookPage,),
        (*_READ, HTTPStatus.BAD_REQUEST),
        query={"on": DAY, "limit": LIMIT, "after": AFTER},
    ),
    Endpoint("/health", reads.health, "health", (forms.Health,), is_open=True),
)
