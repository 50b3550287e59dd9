"""All that is held of the caller."""

from __future__ import annotations

import uuid

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.users import queries
from apps.users.api.callers import caller_id
from apps.users.usecases import accounts, exports
from kernel.rest.declarations import refuses, sends
from kernel.rest.idempotency import idempotent


@extend_schema_serializer(component_name="ExportRequest")
class RequestOutput(serializers.Serializer):
    id = serializers.UUIDField()


class Exports(APIView):
    @extend_schema(
        operation_id="request_export",
        summary="Ask for all that is held of oneself",
        description="Every module answers for itself, which takes seconds: read the export at its"
        " `Location`. One within an hour.",
        request=None,
        responses={202: RequestOutput},
    )
    @refuses(accounts.UserNotFound, exports.TooManyExports)
    @sends("Location")
    @idempotent
    def post(self, request: Request) -> Response:
        export = exports.request_export(user_id=caller_id(request), at=timezone.now())
        where = reverse("users:export", args=[export.id])
        return Response({"id": export.id}, status=202, headers={"Location": where})


class OneExport(APIView):
    @extend_schema_serializer(component_name="Export")
    class Output(serializers.Serializer):
        id = serializers.UUIDField()
        state = serializers.ChoiceField(["gathering", "complete"])
        requested_at = serializers.DateTimeField()
        expires_at = serializers.DateTimeField()
        data = serializers.DictField(  # type: ignore[assignment]  # the field's name
            allow_null=True, help_text="What each module holds, by its name, once complete."
        )

    @extend_schema(
        operation_id="get_export",
        summary="Read an export",
        description="Kept for seven days.",
        responses={200: Output},
    )
    @refuses(exports.ExportNotFound)
    def get(self, request: Request, export_id: uuid.UUID) -> Response:
        export = queries.export_of(caller_id(request), export_id=export_id, at=timezone.now())
        if export is None:
            raise exports.ExportNotFound
        data = export.assembled()
        body = {
            "id": export.id,
            "state": "gathering" if data is None else "complete",
            "requested_at": export.created_at,
            "expires_at": export.expires_at,
            "data": data,
        }
        return Response(body, headers={"Cache-Control": "no-store"})
