"""Imports of a legacy system's invoices: asked for, followed, looked at line by line."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.invoices import gateway, queries, usecases
from apps.invoices.models import Import, Outcome
from kernel.ids import new_id
from kernel.rest import etags
from kernel.rest.declarations import refuses, sends
from kernel.rest.fields import QueryForm, StrictSerializer
from kernel.rest.idempotency import idempotent
from kernel.rest.paging import page
from kernel.rest.roles import role

_REASONS = "Of an error: `file_gone`, `file_changed`, `empty_file`."


@extend_schema_serializer(component_name="ImportCounts")
class CountsOutput(serializers.Serializer):
    ok = serializers.IntegerField()
    empty_products_list = serializers.IntegerField()
    invalid = serializers.IntegerField()
    duplicate = serializers.IntegerField()


@extend_schema_serializer(component_name="InvoiceImport")
class ImportOutput(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(Import.State.choices)
    reason = serializers.CharField(allow_null=True, help_text=_REASONS)
    size_bytes = serializers.IntegerField()
    bytes_read = serializers.IntegerField()
    percent = serializers.IntegerField(help_text="Of the bytes.")
    lines_read = serializers.IntegerField(help_text="Blank ones too.")
    outcomes = CountsOutput()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="After this no upload can begin.")
    received_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="InvoiceUpload")
class UploadOutput(serializers.Serializer):
    url = serializers.URLField()
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="To be sent as they are, with the file as body."
    )


@extend_schema_serializer(component_name="AwaitedImport")
class AwaitedOutput(ImportOutput):
    upload = UploadOutput(help_text="PUT just this file there, once, before `expires_at`.")


@extend_schema_serializer(component_name="InvoiceImportLine")
class LineOutput(serializers.Serializer):
    number = serializers.IntegerField(help_text="Of the line, from 1.")
    outcome = serializers.ChoiceField(Outcome.choices)
    invoice_number = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it is no invoice.")


class ImportCollection(APIView):
    permission_classes = [role("support")]

    class Filters(QueryForm):
        state = serializers.ChoiceField(Import.State.choices, required=False)

    @extend_schema_serializer(component_name="NewInvoiceImport")
    class Input(StrictSerializer):
        size_bytes = serializers.IntegerField(min_value=1, max_value=gateway.MAX_BYTES)
        sha256 = serializers.RegexField(
            r"^[0-9a-f]{64}$",
            required=False,
            help_text="Of the file, in hexadecimal: the storage then takes no other one.",
        )

    @extend_schema_serializer(component_name="InvoiceImportPage")
    class Output(serializers.Serializer):
        results = ImportOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_invoice_imports",
        summary="List imports of invoices",
        description="Newest first.",
        parameters=[Filters],
        responses={200: Output},
    )
    def get(self, request: Request) -> Response:
        filters = self.Filters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        found = queries.imports(**filters.validated_data)
        return page(request, found, order=("-id",), render=_shown, known=[self.Filters])

    @extend_schema(
        operation_id="ask_for_invoice_import",
        summary="Import a legacy system's invoices",
        description="The answer says where the file is to be PUT within five minutes. Each of its"
        " lines is one invoice as JSON: `{customerEmail, invoiceNumber, totalValue, products:"
        " [{id, quantity}]}`, in UTF-8, of at most 256 KiB; `totalValue` is a number of whole units"
        " of the shop's currency. It is read once it is there: follow it at `Location`.",
        request=Input,
        responses={201: AwaitedOutput},
    )
    @sends("ETag", "Location")
    @idempotent
    def post(self, request: Request) -> Response:
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        asked = {"sha256": "", **form.validated_data}
        caller: Any = request.user
        awaited = usecases.ask_for_import(
            import_id=new_id(), **asked, asked_by=caller.id, at=timezone.now()
        )
        upload = gateway.uploads().form(key=awaited.key, **asked)
        body = {**_shown(awaited), "upload": {"url": upload.url, "headers": upload.headers}}
        location = reverse("invoices:import", args=[awaited.id])
        headers = {"Location": location, "ETag": etags.etag(awaited.version)}
        return Response(body, status=201, headers=headers)


class ImportResource(APIView):
    permission_classes = [role("support")]

    @extend_schema(
        operation_id="get_invoice_import",
        summary="Follow an import of invoices",
        description="How far it is, and how many lines ended in which way.",
        responses={200: ImportOutput},
    )
    @refuses(usecases.ImportNotFound)
    @sends("ETag")
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        found = _found(import_id)
        return etags.answer(request, _shown(found), version=found.version)


class ImportLines(APIView):
    permission_classes = [role("support")]

    class Filters(QueryForm):
        outcome = serializers.ChoiceField(Outcome.choices, required=False)

    @extend_schema_serializer(component_name="InvoiceImportLinePage")
    class Output(serializers.Serializer):
        results = LineOutput(many=True)
        next = serializers.URLField(allow_null=True)

    @extend_schema(
        operation_id="list_invoice_import_lines",
        summary="List the lines of an imported file",
        description="In their order, blank ones left out; also while it is being read.",
        parameters=[Filters],
        responses={200: Output},
    )
    @refuses(usecases.ImportNotFound)
    def get(self, request: Request, import_id: uuid.UUID) -> Response:
        filters = self.Filters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        found = queries.import_lines(import_id=_found(import_id).id, **filters.validated_data)
        return page(request, found, order=("number",), render=_line, known=[self.Filters])


def _found(import_id: uuid.UUID) -> Import:
    found: Import | None = queries.imports().filter(id=import_id).first()
    if found is None:
        raise usecases.ImportNotFound
    return found


def _shown(found: Import) -> dict[str, Any]:
    same = ("id", "state", "size_bytes", "bytes_read", "percent", "lines_read", "version")
    times = ("created_at", "expires_at", "received_at", "finished_at")
    shown = {name: getattr(found, name) for name in (*same, *times)}
    return {**shown, "reason": found.reason or None, "outcomes": found.counts}


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value or None for name, value in row.items()}
