"""The OpenAPI schema: operations as the views declare them, and what holds of each by rule."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from drf_spectacular.drainage import has_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from kernel.rest import rules
from kernel.rest.codes import Code, by_status
from kernel.rest.declarations import sent_by
from kernel.rest.fields import StrictSerializer
from kernel.rest.problems import MEDIA_TYPE
from kernel.rest.roles import roles_let_in


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Access tokens in the schema."""

    target_class = "kernel.rest.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the scheme as OpenAPI knows it."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token, from `POST /api/v1/auth/token`; it lives 5 minutes.",
        }


class OrderTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Guests' tokens in the schema."""

    target_class = "kernel.rest.order_links.OrderTokenAuthentication"
    name = "order_token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the scheme as OpenAPI knows it."""
        return {"type": "apiKey", "in": "header", "name": "Order-Token"}


@extend_schema_serializer(component_name="InvalidField")
class InvalidField(serializers.Serializer):
    """A field that was refused."""

    field = serializers.CharField(help_text="Its path: `lines.0.quantity`.")
    code = serializers.CharField()
    detail = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class Problem(serializers.Serializer):
    """Problem details (RFC 9457); some codes add members of their own."""

    type = serializers.CharField(help_text="Leads to what is written of the code.")
    title = serializers.CharField(help_text="What HTTP calls the status.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable: decide by this one.")
    detail = serializers.CharField(help_text="For people; it may change.")
    request_id = serializers.CharField(help_text="As in `X-Request-ID`.")
    errors = InvalidField(many=True, required=False)  # type: ignore[assignment]  # only a field


class Schema(AutoSchema):
    """Names a view's own serializers after the view, and adds what holds everywhere."""

    def get_tags(self) -> list[str]:
        """Return the module that the view belongs to."""
        return [_module(type(self.view))]

    def get_extensions(self) -> dict[str, Any]:
        """Say which roles the caller needs: `[]` for anyone logged in; nothing said, for anyone."""
        roles = roles_let_in(self.view.get_permissions())
        return super().get_extensions() | ({} if roles is None else {"x-roles": roles})

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        """Return the operation with all that follows from what the view declares."""
        operation: dict[str, Any] | None = super().get_operation(*args)
        if operation is None:
            return None
        method = getattr(self.view, self.method.lower())
        operation["security"] = [each for each in operation.get("security", []) if each]
        if operation["security"] and roles_let_in(self.view.get_permissions()) is None:
            operation["security"].append({})  # a token may be given, and need not
        self._demand_etag(operation, method)
        self._add_parameters(operation, method)
        self._add_refusals(operation, method)
        for status, response in operation["responses"].items():
            names = dict.fromkeys(rules.headers(int(status), operation, method))
            response["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in names}
        return operation

    def _demand_etag(self, operation: dict[str, Any], method: Any) -> None:
        if self.method == "GET" and "ETag" in sent_by(method):
            operation["responses"]["304"] = {"description": "You have the newest version."}

    def _add_parameters(self, operation: dict[str, Any], method: Any) -> None:
        names = dict.fromkeys(rules.parameters(operation, method, is_page=self._is_page()))
        others = [p for p in operation.get("parameters", ()) if p["name"] not in names]
        for parameter in others:
            parameter.setdefault("description", _described(parameter["name"]))
        by_rule = [{"name": name, **rules.PARAMETERS[name]} for name in names]
        if others or by_rule:
            operation["parameters"] = [*others, *by_rule]

    def _add_refusals(self, operation: dict[str, Any], method: Any) -> None:
        found = set(rules.refusals(operation, self.view, method, self.path))
        operation["x-codes"] = found
        problem = self.resolve_serializer(Problem, "response").ref
        for status, codes in by_status(found).items():
            answer = operation["responses"][str(status)] = _problem(problem, codes)
            if all(code.source.startswith("kernel.") for code in codes):
                answer["x-shared"] = "Or".join(_camel(code.name) for code in codes)
        operation["responses"] = dict(sorted(operation["responses"].items()))

    def _is_page(self) -> bool:
        """Say whether the answer is one page of a list."""
        answers: Any = self.get_response_serializers()
        answer = answers.get(200) if isinstance(answers, dict) else answers
        fields = getattr(force_instance(answer), "fields", {})  # type: ignore[no-untyped-call]
        return {"results", "next"} <= set(fields)

    def _map_basic_serializer(self, serializer: Any, direction: str) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(  # type: ignore[no-untyped-call]
            serializer, direction
        )
        if direction == "request" and isinstance(serializer, StrictSerializer):
            schema["additionalProperties"] = False
        return schema

    def _get_serializer_name(self, serializer: Any, *args: Any) -> str:
        instance: Any = force_instance(serializer)  # type: ignore[no-untyped-call]
        qualified = type(instance).__qualname__
        if "." not in qualified or has_override(instance, "component_name"):
            return str(super()._get_serializer_name(instance, *args))
        return qualified.replace(".", "")


def add_shared_parts(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:
    """
    Put into a finished schema what operations share: headers, refusals, and modules as tags.

    The generator is left with the codes of each operation.
    """
    operations = [operation for item in result["paths"].values() for operation in item.values()]
    generator.codes = {op["operationId"]: op.pop("x-codes") for op in operations}
    result["components"]["headers"] = rules.HEADERS
    result["components"]["responses"] = _share_problems(operations)
    names = sorted({tag for operation in operations for tag in operation["tags"]})
    result["tags"] = [{"name": name, "description": _owned_by(name)} for name in names]
    return result


def _share_problems(operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Let operations refer to the refusals that no app made, and return those."""
    shared = {}
    for operation in operations:
        for status, answer in operation["responses"].items():
            if name := answer.pop("x-shared", None):
                shared[name] = answer
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return dict(sorted(shared.items()))


def _problem(problem: dict[str, str], codes: list[Code]) -> dict[str, Any]:
    """Return the answer of one status, with the codes that it can have."""
    members = {name: schema for code in codes for name, schema in code.members.items()}
    narrowed = {
        "type": "object",
        "properties": {
            "status": {"const": codes[0].status},
            "code": {"enum": [code.name for code in codes]},
            **members,
        },
        "required": ["code"],
    }
    return {
        "description": "\n".join(f"- `{code.name}`: {code.meaning}" for code in codes),
        "content": {MEDIA_TYPE: {"schema": {"allOf": [problem, narrowed]}}},
    }


def _camel(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def _module(view: type) -> str:
    """Return the app whose view this is."""
    return view.__module__.split(".")[1]


def _owned_by(module: str) -> str:
    return inspect.cleandoc(importlib.import_module(f"apps.{module}").__doc__ or "")


def _described(name: str) -> str:
    """Describe a parameter of a path by its name: `order_id` is the order's id."""
    words = name.replace("_", " ")
    return f"The {words.removesuffix(' id')}'s id." if name.endswith("_id") else f"The {words}."
