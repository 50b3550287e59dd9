"""How many products a list would show, by each thing that it can be narrowed by."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.products import queries
from apps.products.api.catalogue import CatalogueView
from apps.products.api.filters import ATTRIBUTE, Filters, wanted


@extend_schema_serializer(component_name="CategoryCount")
class CategoryCount(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    path = serializers.CharField(help_text="The slugs from the root: `home/lamps`.")
    count = serializers.IntegerField(help_text="With those below it.")


@extend_schema_serializer(component_name="TagCount")
class TagCount(serializers.Serializer):
    tag = serializers.CharField()
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="PriceCount")
class PriceCount(serializers.Serializer):
    price_min = serializers.IntegerField(help_text="In minor units.")
    price_max = serializers.IntegerField(allow_null=True)
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="AvailabilityCount")
class AvailabilityCount(serializers.Serializer):
    available = serializers.BooleanField()
    count = serializers.IntegerField()


class Facets(CatalogueView):
    @extend_schema_serializer(component_name="Facets")
    class Output(serializers.Serializer):
        count = serializers.IntegerField(help_text="Of all that the same filters find.")
        categories = CategoryCount(many=True)
        tags = TagCount(many=True, help_text="The fifty most frequent.")
        prices = PriceCount(many=True, help_text="Each to be asked for as it stands.")
        availability = AvailabilityCount(many=True)

    @extend_schema(
        parameters=[Filters, ATTRIBUTE],
        responses={200: Output, 400: OpenApiResponse(description="`invalid`")},
        operation_id="products_facets",
        summary="Count products by what a list can be narrowed by",
    )
    def get(self, request: Request) -> Response:
        form = Filters(data=request.query_params)
        form.is_valid(raise_exception=True)
        headers = {"Cache-Control": "public, max-age=60"}
        return Response(queries.facets(wanted(form.validated_data)), headers=headers)
