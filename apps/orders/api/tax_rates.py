"""Tax rates, for administrators: read, set, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.orders import queries, usecases
from apps.orders.models import TaxClass, amounts
from kernel.address import COUNTRIES
from kernel.rest.authentication import ADMIN
from kernel.rest.declarations import IF_MATCH, refuses, sends
from kernel.rest.etags import PreconditionRequired, answer, etag, if_match
from kernel.rest.fields import QueryForm, StrictSerializer
from kernel.rest.paging import page
from kernel.rest.roles import role
from kernel.transactions import transaction

PLACE = [
    OpenApiParameter("country", str, OpenApiParameter.PATH, description="ISO 3166-1 alpha-2."),
    OpenApiParameter("tax_class", str, OpenApiParameter.PATH, enum=TaxClass.values),
]


@extend_schema_serializer(component_name="TaxRate")
class TaxRateOutput(serializers.Serializer):
    country = serializers.CharField()
    tax_class = serializers.ChoiceField(TaxClass.choices)
    name = serializers.CharField()
    percent = serializers.CharField()
    version = serializers.IntegerField()


@extend_schema_serializer(component_name="TaxRatePage")
class TaxRatePage(serializers.Serializer):
    results = TaxRateOutput(many=True)
    next = serializers.URLField(allow_null=True)


class TaxRateCollection(APIView):
    permission_classes = [role(ADMIN)]

    class Query(QueryForm):
        country = serializers.RegexField(
            r"^[A-Z]{2}$", required=False, max_length=2, help_text="ISO 3166-1 alpha-2, such as SE."
        )

    @extend_schema(
        operation_id="list_tax_rates",
        summary="List tax rates",
        parameters=[Query],
        responses={200: TaxRatePage},
        description="Of all countries, or of one, by country and class.",
    )
    def get(self, request: Request) -> Response:
        form = self.Query(data=request.query_params)
        form.is_valid(raise_exception=True)
        rows = queries.tax_rates().filter(**form.validated_data)
        return page(request, rows, order=("place",), render=_shown, known=[self.Query])


class TaxRateDetail(APIView):
    permission_classes = [role(ADMIN)]

    @extend_schema_serializer(component_name="TaxRateInput")
    class Input(StrictSerializer):
        name = serializers.CharField(max_length=40, default="VAT", help_text="As it is printed.")
        percent = serializers.DecimalField(
            max_digits=5, decimal_places=3, min_value=Decimal(0), max_value=Decimal(99)
        )

    @extend_schema(
        operation_id="get_tax_rate",
        summary="Read a tax rate",
        parameters=PLACE,
        responses={200: TaxRateOutput},
    )
    @refuses(usecases.TaxRateNotFound)
    @sends("ETag")
    def get(self, request: Request, country: str, tax_class: str) -> Response:
        row = _row(country, tax_class)
        if row is None:
            raise usecases.TaxRateNotFound
        return answer(request, _shown(row), version=row["version"])

    @extend_schema(
        operation_id="set_tax_rate",
        summary="Set a tax rate",
        parameters=[
            *PLACE,
            OpenApiParameter(
                "If-Match",
                str,
                OpenApiParameter.HEADER,
                description="The ETag that you read; left out only where there is no rate yet.",
            ),
        ],
        request=Input,
        responses={200: TaxRateOutput, 201: TaxRateOutput},
        description="Orders that were placed keep the rate that they were placed with.",
    )
    @refuses(usecases.TaxRateNotFound, PreconditionRequired)
    @sends("ETag")
    def put(self, request: Request, country: str, tax_class: str) -> Response:
        if not _is_place(country, tax_class):
            raise usecases.TaxRateNotFound
        version = if_match(request) if "If-Match" in request.headers else None
        if version is None and _row(country, tax_class):
            raise PreconditionRequired
        form = self.Input(data=request.data)
        form.is_valid(raise_exception=True)
        with transaction():
            rate = usecases.set_tax_rate(
                country=country,
                tax_class=tax_class,
                **form.validated_data,
                version=version,
                at=timezone.now(),
            )
        headers = {"ETag": etag(rate.version)}
        return Response(_shown(vars(rate)), 200 if version else 201, headers=headers)

    @extend_schema(
        operation_id="drop_tax_rate",
        summary="Take a tax rate away",
        parameters=[*PLACE, IF_MATCH],
        responses={204: None},
        description="What is ordered from then on bears no such tax there.",
    )
    @refuses(usecases.TaxRateNotFound)
    def delete(self, request: Request, country: str, tax_class: str) -> Response:
        version = if_match(request)
        if not _is_place(country, tax_class):
            raise usecases.TaxRateNotFound
        with transaction():
            usecases.drop_tax_rate(
                country=country, tax_class=tax_class, version=version, at=timezone.now()
            )
        return Response(status=204)


def _is_place(country: str, tax_class: str) -> bool:
    return country in COUNTRIES and tax_class in TaxClass.values


def _row(country: str, tax_class: str) -> Mapping[str, Any] | None:
    if not _is_place(country, tax_class):
        return None
    return queries.tax_rates().filter(country=country, tax_class=tax_class).first()


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "country": row["country"],
        "tax_class": row["tax_class"],
        "name": row["name"],
        "percent": amounts.rate_text(row["percent"]),
        "version": row["version"],
    }
