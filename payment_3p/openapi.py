"""The OpenAPI 3.1 document, made of the endpoints and of the models that they use."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from payment_3p import forms, operations
from payment_3p.cards import CARDS
from payment_3p.endpoints import ENDPOINTS, TOKEN, Endpoint
from payment_3p.problems import MAX_KEY

JSON = "application/json"
_REF = "#/components/schemas/{model}"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key and body have the same answer for a day, and one effect.",
    "schema": {"type": "string", "maxLength": MAX_KEY},
}
_SIGNATURE = {
    "X-Webhook-Timestamp": "Seconds since 1970.",
    "X-Webhook-Signature": "`sha256=` and the hex HMAC-SHA256, under the shared secret, of the"
    " timestamp, a full stop, and the body.",
}


def show(request: HttpRequest) -> JsonResponse:
    """Answer the document."""
    return JsonResponse(document())


@functools.cache
def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "payment_3p", "version": "1.0.0", "description": _description()},
        "paths": {each.path: {each.method: _operation(each)} for each in ENDPOINTS},
        "webhooks": {"changed": {"post": _webhook()}},
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _description() -> str:
    rows = [f"| {card.number} | {card.effect} |" for card in CARDS]
    cards = "\n".join(["| card | what it does |", "|---|---|", *rows])
    return f"{inspect.getdoc(operations)}\n\n{cards}"


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": _first_line(endpoint.view),
        "parameters": _parameters(endpoint),
        "responses": {
            "200": _content("Answered.", endpoint.answers),
            **{str(int(s)): _content(s.phrase, [forms.Problem]) for s in endpoint.problems},
        },
    }
    if endpoint.body:
        schema = {"$ref": _REF.format(model=endpoint.body.__name__)}
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if endpoint.is_open:
        found["security"] = []
    return found


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "query", "required": "default" not in schema, "schema": schema}
        for name, schema in endpoint.query.items()
    ]
    if "{token}" in endpoint.path:
        found.append({"name": "token", "in": "path", "required": True, "schema": TOKEN})
    return [*found, _KEY] if endpoint.is_operation else found


def _webhook() -> dict[str, Any]:
    headers = [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in _SIGNATURE.items()
    ]
    schema = {"$ref": _REF.format(model="WebhookBody")}
    return {
        "operationId": "changed",
        "summary": "A payment changed; sent again, later and later, until it is answered 2xx",
        "parameters": headers,
        "requestBody": {"required": True, "content": {JSON: {"schema": schema}}},
        "responses": {"2XX": {"description": "Heard."}},
    }


def _content(description: str, models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    refs: list[dict[str, Any]] = [{"$ref": _REF.format(model=m.__name__)} for m in models]
    schema = {"oneOf": refs} if len(refs) > 1 else refs[0]
    return {"description": description, "content": {JSON: {"schema": schema}}}


def _schemas() -> dict[str, Any]:
    bodies = {each.body for each in ENDPOINTS if each.body}
    answers = {answer for each in ENDPOINTS for answer in each.answers}
    wanted: dict[type[BaseModel], JsonSchemaMode] = dict.fromkeys(bodies, "validation")
    wanted |= dict.fromkeys({*answers, forms.Problem, forms.WebhookBody}, "serialization")
    ordered = sorted(wanted.items(), key=lambda item: item[0].__name__)
    _, schema = models_json_schema(ordered, by_alias=True, ref_template=_REF)
    found: dict[str, Any] = schema["$defs"]
    return found


def _first_line(view: Any) -> str:
    return (inspect.getdoc(view) or "").split("\n", maxsplit=1)[0].rstrip(".")
