"""What every operation of the OpenAPI schema says alike: who may ask, how errors look, keys."""

from __future__ import annotations

from typing import Any

from drf_spectacular.drainage import has_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import OpenApiParameter, extend_schema_serializer
from rest_framework import serializers

from kernel.rest.idempotency import HEADER
from kernel.rest.problems import MEDIA_TYPE

_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Any text of 1 to 255 characters, new for each thing that you want done:"
    " the same request with the same key has one effect and one answer, for a day.",
)


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Access tokens in the schema."""

    target_class = "kernel.rest.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the scheme as OpenAPI knows it."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


@extend_schema_serializer(component_name="InvalidField")
class InvalidField(serializers.Serializer):
    """A field that was refused."""

    field = serializers.CharField(help_text="Its path: `lines.0.quantity`.")
    code = serializers.CharField()
    detail = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class Problem(serializers.Serializer):
    """Problem details (RFC 9457); some codes add members of their own."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable: decide by this one.")
    detail = serializers.CharField()
    request_id = serializers.CharField()
    errors = InvalidField(many=True, required=False)  # type: ignore[assignment]  # only a field


class Schema(AutoSchema):
    """Names a view's own serializers after the view, and adds what holds everywhere."""

    def get_override_parameters(self) -> list[Any]:
        """Add the `Idempotency-Key` where it is honoured."""
        method = getattr(self.view, str(self.method).lower(), None)
        return [_KEY] if getattr(method, "is_idempotent", False) else []

    def _get_response_bodies(self, *args: Any) -> dict[str, Any]:
        problem = {"schema": self.resolve_serializer(Problem, "response").ref}
        bodies: dict[str, Any] = super()._get_response_bodies(*args)
        bodies["default"] = {"description": "A refusal, or a bug."}
        for code, body in bodies.items():
            if code == "default" or int(code) >= 400:
                body["content"] = {MEDIA_TYPE: problem}
        return bodies

    def _get_serializer_name(self, serializer: Any, *args: Any) -> str:
        instance: Any = force_instance(serializer)  # type: ignore[no-untyped-call]
        qualified = type(instance).__qualname__
        if "." not in qualified or has_override(instance, "component_name"):
            return str(super()._get_serializer_name(instance, *args))
        return qualified.replace(".", "")
