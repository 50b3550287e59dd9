"""Every answer that any test gets of the API is held against the OpenAPI schema."""

from __future__ import annotations

import copy
import functools
import json
import re
from typing import Any

import jsonschema_rs
from django.conf import settings

from kernel.rest.reference import reference
from kernel.rest.rules import HEADERS

PREFIX = "/api/v1/"
URLS = "ecommerce.urls"
Answer = dict[str, Any]


def judge(method: str, answer: Any) -> None:
    """Fail if the schema doesn't speak of such an answer; what isn't of an operation is left."""
    match = getattr(answer, "resolver_match", None)
    if settings.ROOT_URLCONF != URLS or match is None:
        return
    operation = operations().get((_template(match.route), method.lower()))
    if operation is None:
        return
    faults = list(_faults(operation, answer))
    assert not faults, f"{operation['operationId']} answered {answer.status_code}: {faults}"


@functools.cache
def document() -> dict[str, Any]:
    """Return the schema, in which bodies have no member that isn't named."""
    schema = copy.deepcopy(reference().schema)
    for name, each in schema["components"]["schemas"].items():
        if "properties" in each and name != "Problem":
            each.setdefault("additionalProperties", False)
    return schema


@functools.cache
def operations() -> dict[tuple[str, str], dict[str, Any]]:
    """Return every operation by path and method."""
    return {
        (path, method): operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def expected(operation: dict[str, Any], status: int) -> Answer | None:
    """Return what the schema says of an operation's answer with this status."""
    answer = operation["responses"].get(str(status))
    if answer and "$ref" in answer:
        return document()["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]  # type: ignore[no-any-return]
    return answer  # type: ignore[no-any-return]


def misfits(schema: dict[str, Any], body: Any) -> list[str]:
    """Say where a body isn't what a schema of the document promises."""
    found = _validator(json.dumps(schema, sort_keys=True)).iter_errors(body)
    return [f"{'.'.join(map(str, each.instance_path))}: {each.message}" for each in found]


def _faults(operation: dict[str, Any], answer: Any) -> Any:
    wanted = expected(operation, answer.status_code)
    if wanted is None:
        yield f"no such status is declared ({_code(answer)})"
        return
    for name in HEADERS:
        is_declared = name in wanted.get("headers", {})
        if name in answer.headers and not is_declared:
            yield f"{name} is sent and not declared"
        if is_declared and HEADERS[name].get("required") and name not in answer.headers:
            yield f"{name} is declared and not sent"
    if not answer.streaming:
        yield from _faults_of_body(wanted, answer)
    elif _media_type(answer) not in wanted.get("content", {}):
        yield f"the file is {_media_type(answer)}"


def _faults_of_body(wanted: Answer, answer: Any) -> Any:
    media_type = _media_type(answer)
    if "content" not in wanted:
        if answer.content:
            yield "a body is sent and none declared"
        return
    if media_type not in wanted["content"]:
        yield f"the body is {media_type}"
        return
    schema = wanted["content"][media_type]["schema"]
    if answer.status_code >= 400:
        schema = {**schema, "unevaluatedProperties": False}
    is_part = "fields" in answer.wsgi_request.GET  # and has only what was asked for
    for misfit in misfits(schema, json.loads(answer.content)):
        if not (is_part and misfit.endswith("is a required property")):
            yield misfit


def _media_type(answer: Any) -> str:
    return str(answer.headers.get("Content-Type", "").split(";")[0])


def _code(answer: Any) -> str:
    try:
        return str(json.loads(answer.content)["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no code"


@functools.cache
def _validator(schema: str) -> Any:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def _template(route: str) -> str:
    """Return a route of Django's as OpenAPI writes it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)
